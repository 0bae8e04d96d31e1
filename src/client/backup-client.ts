// Backups, recovery points and restores as functions: what `npx holdfast backup`, `points` and `restore` do.
import { parseBackupRequest, bySchedule, type BackupType } from '../core/backup/backup-plan.ts';
import { archiveKey, parseArchiveRow, parseCutRow, restoreKey } from '../core/backup/backup-rows.ts';
import { undoOf } from '../core/backup/in-place-report.ts';
import { parseRestoreRequest, targetPrefix, type RestorePlan } from '../core/backup/restore-plan.ts';
import { parseTestRequest, whyNotTestTarget } from '../core/backup/restore-test.ts';
import { everything, type Selection } from '../core/backup/selection.ts';
import { HoldfastError, RefusedError } from '../core/errors.ts';
import { isActingAt, leaseKey, parseLeaseRow } from '../core/lease/lease-rows.ts';
import { candidatesOf } from '../core/policy.ts';
import { vaultFileName } from '../core/vault/object-names.ts';
import type { PointName } from '../core/vault/recovery-point.ts';
import { TablePoints } from '../operations/backup-facts.ts';
import { chainPictures, type ChainPicture } from '../operations/list-points.ts';
import { planRestore } from '../operations/restore-plan.ts';
import type { PointSummary } from '../vault/vault.ts';
import type { Connection, RegionConnection } from './connection.ts';
import { describe, regionNowMs } from './region-status.ts';
import type { RunbookMachine, RunState } from './runbook-runs.ts';

/** An execution that was started; it goes on whoever looks. */
export type StartedRun = { readonly machine: RunbookMachine; readonly name: string; readonly region: string };

export type BackupWish = { readonly type: BackupType /** Undefined: the open one. */; readonly region: string | undefined; readonly by: string };

export type RestoreWish = {
  /** Exactly one of the two. */
  readonly atMs: number | null;
  readonly point: PointName | null;
  /** null: in place, over the live table. */
  readonly table: string | null;
  readonly select: Selection;
  readonly region: string | undefined;
  readonly by: string;
};

export type PointsPicture = {
  readonly vault: string;
  readonly source: string;
  readonly sites: readonly string[];
  /** Newest first. */
  readonly chains: readonly ChainPicture[];
  /** Oldest first; those that are not committed too. */
  readonly points: readonly PointSummary[];
  /** Regions whose rows could not be read: what they know of quiet logs is missing, so that less may seem covered than is. */
  readonly silent: readonly { readonly region: string; readonly because: string }[];
  /** What a restore to the moment asked for would take; null where none was asked for. */
  readonly plan: RestorePlan | null;
};

export class BackupClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @throws RefusedError, MalformedError */
  async backup({ type, region, by }: BackupWish): Promise<StartedRun> {
    const { config } = this.#connection;
    if (by === bySchedule) throw new RefusedError(`'${bySchedule}' is what the schedule calls itself, which only the open region follows: say by --by who asks. Nothing was started.`);
    const input = { group: config.group, type, by };
    parseBackupRequest(input);
    return this.#start('backup', `backup-${type}`, await this.#chosen(region), input);
  }

  /** @throws RefusedError, MalformedError */
  async restore({ atMs, point, table, select, region, by }: RestoreWish): Promise<StartedRun> {
    const { config } = this.#connection;
    const prefix = targetPrefix(config.tables.data);
    if (table !== null && !table.startsWith(prefix))
      throw new RefusedError(`A restore fills a table named ${prefix}…, like ${prefix}-1, and '${table}' is not: the functions of Holdfast may write no other table. Nothing was started.`);
    const refusal = table === null ? null : whyNotTestTarget(table, config.tables.data, null);
    if (refusal !== null) throw new RefusedError(`The restore into ${table} was refused: ${refusal}. Nothing was started.`);
    const into = table === null ? { table: config.tables.data, inPlace: true } : { table };
    const input = { group: config.group, at: atMs, point, into, select, by };
    parseRestoreRequest(input);
    return this.#start('restore', 'restore', await this.#chosen(region), input);
  }

  /** A restore test now, in any candidate region. @throws RefusedError, MalformedError */
  async restoreTest({ region, by }: Pick<RestoreWish, 'region' | 'by'>): Promise<StartedRun> {
    const { config, chance, digest } = this.#connection;
    if (by === bySchedule) throw new RefusedError(`'${bySchedule}' is what the schedule calls itself, which tests only in the region whose turn it is: say by --by who asks. Nothing was started.`);
    const input = { group: config.group, at: null, point: null, into: null, select: null, by, test: {} };
    parseTestRequest({ ...input, execution: 'not named yet', startedAtMs: 0 });
    const regions = candidatesOf(config);
    return this.#start('restore', 'restore-test', await this.#chosen(region ?? regions[Number.parseInt(digest(chance.id()).slice(0, 8), 16) % regions.length]), input);
  }

  /** A restore in place to the snapshot that an earlier one took first, of the same keys, in the region that is open now. @throws RefusedError */
  async undo(id: string, region: string | undefined, by: string): Promise<StartedRun> {
    const silent: { region: string; because: string }[] = [];
    const found = await this.#eachCandidate(silent, async ({ rows }) => [await rows.get(restoreKey(id))].filter((row) => row !== undefined));
    const undo = found.map(undoOf).find((each) => each !== null);
    if (undo === undefined || undo === null) {
      const unread = silent.length === 0 ? '' : `; not read: ${silent.map((s) => `${s.region} (${s.because})`).join(', ')}`;
      const because = found.length === 0 ? `No region knows a restore ${id}${unread}` : `The restore ${id} was not in place, or did not come to its report`;
      throw new RefusedError(`${because}. 'holdfast points' lists snapshots, and 'holdfast restore --point CHAIN/POINT --in-place' goes back to one. Nothing was started.`);
    }
    return this.restore({ atMs: null, point: undo.snapshot, table: null, select: undo.select, region, by });
  }

  async look({ machine, name, region }: StartedRun): Promise<RunState> {
    return (await this.#chosen(region)).runs.look(machine, name);
  }

  /** @throws NotCoveredError, saying what is, where `atMs` cannot be restored; RefusedError where there is no vault yet */
  async points(atMs: number | null): Promise<PointsPicture> {
    const { config, clock, digest, openVault } = this.#connection;
    const ports = await openVault();
    const { settings, sites } = ports;
    const opener = new TablePoints(ports);
    if ((await sites.get(vaultFileName)) === null) throw new RefusedError(`There is no backup of ${config.group} yet: 'holdfast backup --type full' makes the first one, and the vault with it.`);
    const vault = await opener.vault();
    const silent: { region: string; because: string }[] = [];
    const quiet = await this.#eachCandidate(silent, async ({ rows }) => [parseArchiveRow(await rows.get(archiveKey(settings.source)))].filter((row) => row !== null));
    const cuts = await this.#eachCandidate(silent, async ({ list }) => (await list.list('CUT', cutsMax, 'newest-first')).map(parseCutRow));
    const planning = { settings, digest, clock, quiet: async () => quiet, cuts: async () => cuts };
    const request = { group: config.group, atMs, point: null, into: { table: targetPrefix(settings.table) }, select: everything, by: 'points' };
    const plan = atMs === null ? null : await planRestore(planning, opener, request);
    const points = await vault.listPoints({ source: settings.source });
    return { vault: vault.id, source: settings.source, sites: sites.sites.map((s) => s.name), chains: await chainPictures(opener, points, quiet), points, silent, plan };
  }

  async #eachCandidate<T>(silent: { region: string; because: string }[], ask: (from: RegionConnection) => Promise<readonly T[]>): Promise<T[]> {
    const answers = await Promise.all(
      this.#candidates().map(async (from): Promise<readonly T[]> => {
        try {
          return await ask(from);
        } catch (error) {
          if (!silent.some((s) => s.region === from.region)) silent.push({ region: from.region, because: describe(error) });
          return [];
        }
      }),
    );
    return answers.flat();
  }

  #candidates(): readonly RegionConnection[] {
    return this.#connection.regions.filter((r) => r.role === 'candidate');
  }

  async #start(machine: RunbookMachine, prefix: string, where: RegionConnection, input: object): Promise<StartedRun> {
    const { clock, chance } = this.#connection;
    const name = `${prefix}-${new Date(clock.nowMs()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${chance.id().slice(-8)}`;
    try {
      await where.runs.start(machine, name, input);
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      throw new Error(`${where.region} did not say whether ${name} was started (${describe(error)}). Look at 'holdfast status' before you ask again.`, { cause: error });
    }
    return { machine, name, region: where.region };
  }

  async #chosen(region: string | undefined): Promise<RegionConnection> {
    if (region === undefined) return this.#open();
    const { config } = this.#connection;
    const found = this.#candidates().find((r) => r.region === region);
    if (found === undefined) throw new RefusedError(`${region} is no candidate of ${config.group}, and only these have tables: it may be ${candidatesOf(config).join(' or ')}. Nothing was started.`);
    return found;
  }

  /** By the lease rows: each region knows best whether it is open. */
  async #open(): Promise<RegionConnection> {
    const silent: { region: string; because: string }[] = [];
    const open = await this.#eachCandidate(silent, async (from) => {
      const lease = parseLeaseRow(await from.rows.get(leaseKey));
      return isActingAt(lease, regionNowMs(from.clockSamples.recent(), this.#connection.clock.nowMs())) ? [{ from, epoch: lease.epoch }] : [];
    });
    const [newest] = open.toSorted((a, b) => b.epoch - a.epoch);
    if (newest !== undefined) return newest.from;
    const unread = silent.length === 0 ? '' : `; not read: ${silent.map((s) => `${s.region} (${s.because})`).join(', ')}`;
    throw new RefusedError(`No region is open now${unread}. Say by --region where it is to run: ${candidatesOf(this.#connection.config).join(' or ')}. Nothing was started.`);
  }
}

/** Cuts that are read of a region: the newest. */
const cutsMax = 100;
