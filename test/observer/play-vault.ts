// What a run does with backups: one while all is calm, and, once the lost region is back, attacks on what is locked and a restore of the last
// second before the fault beside the live table. All of it as a user or an administrator would; the judging is done elsewhere.
import type { AttackRecord, CommandRun, FaultRecord, RestoreRecord, StoredWrites, VaultJournal } from './journal.ts';
import { type Product, reasonOf } from './product.ts';
import { storedWrites } from './tables.ts';
import { attackVault } from './vault-attacks.ts';
import type { Watch } from './watch.ts';

const SECOND_MS = 1000;

export interface VaultRunOptions {
  readonly watch: Watch;
  readonly product: Product;
  readonly startedAtWallMs: number;
  readonly note: (what: string) => void;
}

export class VaultRun {
  readonly #options: VaultRunOptions;
  #backup: CommandRun | null = null;
  #attacks: readonly AttackRecord[] = [];
  #restore: RestoreRecord | null = null;

  constructor(options: VaultRunOptions) {
    this.#options = options;
  }

  async backUp(): Promise<void> {
    const { product, note, watch } = this.#options;
    note(`a full backup, while ${watch.writer.acknowledged.length} orders are written and more are`);
    this.#backup = await product.backup('full');
    note(describeRun('the backup', this.#backup));
  }

  /** @param damaged the region in whose bucket the newest versions are left damaged, so that the restore has to live with it */
  async attack(damaged: string, isAlive: (region: string) => boolean): Promise<void> {
    const { watch, note } = this.#options;
    const attacked = watch.buckets.filter(({ region }) => isAlive(region));
    const records = await Promise.all(
      attacked.map((bucket) =>
        attackVault({ bucket, nowWallMs: () => Date.now(), isLeavingDamage: bucket.region === damaged }).catch((error: unknown): AttackRecord[] => [
          { region: bucket.region, object: bucket.name, attack: 'attack the bucket', isUnharmed: false, isRefused: false, answer: `it could not be attacked: ${String(error)}` },
        ]),
      ),
    );
    this.#attacks = records.flat();
    for (const line of describeAttacks(this.#attacks)) note(line);
  }

  /** Restores the last second before the fault into a table of its own, and reads that. */
  async restore(region: string, fault: FaultRecord): Promise<void> {
    const { watch, product, note, startedAtWallMs } = this.#options;
    const atWallMs = lastMomentBefore(startedAtWallMs + fault.atMs);
    const into = `${watch.file.tableName}-restored-1`;
    note(`restoring ${new Date(atWallMs).toISOString()}, before the fault, into ${into} in ${region}`);
    const run = await product.restore({ atWallMs, into, region });
    note(describeRun('the restore', run));
    const found = run.exitCode === 0 ? await readRestored(watch, region, into).catch((error: unknown) => note(`${into} could not be read: ${String(error)}`)) : undefined;
    this.#restore = { run, region, into, atWallMs, stored: found?.stored ?? null, items: found?.items ?? 0 };
  }

  journal(): VaultJournal | null {
    if (this.#backup === null) return null;
    return { startedAtWallMs: this.#options.startedAtWallMs, backup: this.#backup, attacks: this.#attacks, restore: this.#restore };
  }
}

/** The end of the last whole second before: what was stamped with that second or an earlier one is in, whatever the stamp's resolution. */
export function lastMomentBefore(wallMs: number): number {
  return Math.floor(wallMs / SECOND_MS) * SECOND_MS - 1;
}

export async function readRestored(watch: Watch, region: string, table: string): Promise<{ stored: StoredWrites; items: number }> {
  const { keyName, items } = await watch.tablesOf(region).scan(table);
  const stored = new Map([...storedWrites(watch.writer.run, keyName, items), ...storedWrites(watch.reviser.run, keyName, items)]);
  return { stored, items: items.length };
}

export function describeRun(what: string, run: CommandRun): string {
  const seconds = `${((run.endedAtMs - run.startedAtMs) / 1000).toFixed(1)} s`;
  return run.exitCode === 0 ? `${what} took ${seconds}` : `${what} failed (exit ${run.exitCode}) after ${seconds}: ${reasonOf(run)}`;
}

/** A line for each attack and answer, with how often it was made; each by itself is in the report. */
function describeAttacks(attacks: readonly AttackRecord[]): string[] {
  const alike = Map.groupBy(attacks, ({ attack, answer, isRefused }) => `${attack}: ${isRefused ? '' : 'NOT REFUSED: '}${answer}`);
  return [...alike].map(([what, own]) => {
    const regions = new Set(own.map(({ region }) => region));
    const kinds = new Set(own.map(({ object }) => (object.includes('/') ? object.split('/')[0] : 'bucket')));
    return `attack on ${[...kinds].join(' and ')} in ${[...regions].join(', ')} (${own.length}): ${what}`;
  });
}
