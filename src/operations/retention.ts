// Retention: locks what is needed for longer than it is locked, and gives up what nobody needs any more: manifests first, and packs only once no manifest in
// any site names them. Nothing is removed here: the sites remove, and none of them what is locked. Repeated, or two at once, it comes to the same.
import { time } from '../core/backup/moment.ts';
import { expiredAt, neededLives } from '../core/retention/expiry.ts';
import { evidenceUntilMs, extensionOf, packLivesOf, type RetentionDays } from '../core/retention/lives.ts';
import { RefusedError } from '../core/errors.ts';
import { packName } from '../core/vault/object-names.ts';
import type { ObjectLock, ObjectState, VaultSite } from '../ports/vault-site.ts';
import { describe } from '../vault/site-set.ts';
import type { Vault } from '../vault/vault.ts';
import { eachAtOnce, surveyVault, type Survey } from './retention-survey.ts';

export type RetentionRules = {
  readonly retentionDays: RetentionDays;
  readonly lockDaysMax: number;
  /** null: sites without locks; none is made longer. */
  readonly lockMode: ObjectLock['mode'] | null;
  /** Says what would be done. */
  readonly isDryRun: boolean;
};

export type RetentionRow = {
  readonly name: string;
  readonly what: 'given up' | 'locked for longer' | 'stays' | 'unread';
  readonly because: string;
  /** Where something was done, or could not be. */
  readonly sites: readonly string[];
  readonly bytes: number;
};

export type Retained = {
  readonly points: number;
  readonly packs: number;
  /** Given up in this run, in every site that had it; a site may take days to remove it, and until then it is given up again. */
  readonly pointsGivenUp: number;
  readonly packsGivenUp: number;
  readonly evidenceGivenUp: number;
  /** Of one copy of each. */
  readonly bytesGivenUp: number;
  /** Locks made longer, in all sites. */
  readonly extended: number;
  /** Due, and still locked, held, or not to be given up for another reason. */
  readonly staying: number;
  /** Manifests that cannot be read: while one of them may be a point, no pack is given up, and nothing of its chain. */
  readonly unread: number;
  /** Sites that did not answer: while there is one, nothing is given up, since it might know of a reason to keep it. */
  readonly silent: readonly { readonly site: string; readonly because: string }[];
};

export async function retain(vault: Vault, rules: RetentionRules, nowMs: number, onRow: (row: RetentionRow) => void): Promise<Retained> {
  const survey = await surveyVault(vault);
  const run = new RetentionRun(vault, rules, nowMs, onRow, survey);
  await run.extendLocks();
  await run.giveUp();
  return run.result();
}

class RetentionRun {
  readonly #vault: Vault;
  readonly #rules: RetentionRules;
  readonly #nowMs: number;
  readonly #onRow: (row: RetentionRow) => void;
  readonly #survey: Survey;
  readonly #silent: Map<string, string>;
  readonly #total = { pointsGivenUp: 0, packsGivenUp: 0, evidenceGivenUp: 0, bytesGivenUp: 0, extended: 0, staying: 0 };

  constructor(vault: Vault, rules: RetentionRules, nowMs: number, onRow: (row: RetentionRow) => void, survey: Survey) {
    this.#vault = vault;
    this.#rules = rules;
    this.#nowMs = nowMs;
    this.#onRow = onRow;
    this.#survey = survey;
    this.#silent = new Map(survey.silent);
    for (const { name, because } of survey.unread) onRow({ name, what: 'unread', because, sites: [], bytes: 0 });
  }

  result(): Retained {
    return {
      points: this.#survey.points.length,
      packs: this.#survey.packs.size,
      ...this.#total,
      unread: this.#survey.unread.length,
      silent: [...this.#silent].map(([site, because]) => ({ site, because })),
    };
  }

  /** In every site that answers: a silent one gets its own when it is back. */
  async extendLocks(): Promise<void> {
    const { lockMode, retentionDays } = this.#rules;
    if (lockMode === null) return;
    const { points, packs } = this.#survey;
    const lives = neededLives(points, retentionDays);
    const packLives = packLivesOf(points, lives);
    const promised = new Map<string, number>();
    // The point that stored a pack is the oldest that names it, and locked it with its own lock.
    for (const point of points.toSorted((a, b) => b.createdAtMs - a.createdAtMs)) for (const pack of point.packs) promised.set(pack, point.lockedUntilMs ?? 0);
    await eachAtOnce(points, async (point) => {
      const needed = lives.get(point.point) ?? 0;
      for (const [site, state] of point.states) if (state !== null) await this.#extend(site, point.name, needed, async () => state);
    });
    await eachAtOnce([...packLives], async ([pack, needed]) => {
      // One that was locked for long enough when it was stored is not asked for: the audit asks for all.
      if (this.#extension(promised.get(pack) ?? 0, needed) === null) return;
      for (const site of packs.get(pack)?.keys() ?? []) await this.#extend(site, packName(pack), needed, async () => this.#siteOf(site)?.head(packName(pack)) ?? null);
    });
  }

  #extension(lockedUntilMs: number | null, neededUntilMs: number): number | null {
    return extensionOf(lockedUntilMs, neededUntilMs, this.#nowMs, this.#rules.lockDaysMax);
  }

  async #extend(siteName: string, name: string, neededUntilMs: number, stateOf: () => Promise<ObjectState | null>): Promise<void> {
    const site = this.#siteOf(siteName);
    const { lockMode, isDryRun } = this.#rules;
    if (site === undefined || lockMode === null || this.#silent.has(siteName)) return;
    try {
      const state = await stateOf();
      const untilMs = state === null ? null : this.#extension(state.lock?.untilMs ?? null, neededUntilMs);
      if (state === null || untilMs === null) return;
      const mode = state.lock?.mode === 'COMPLIANCE' ? 'COMPLIANCE' : lockMode;
      if (!isDryRun) await site.extendLock(name, state.versionId, { mode, untilMs });
      this.#total.extended += 1;
      this.#onRow({ name, what: 'locked for longer', because: `needed until ${time(untilMs)}`, sites: [siteName], bytes: state.bytes });
    } catch (error) {
      if (error instanceof RefusedError) this.#stays(name, [siteName], `its lock could not be made longer: ${error.message}`);
      else this.#silent.set(siteName, describe(error));
    }
  }

  async giveUp(): Promise<void> {
    const { points, storedPacks, unread, packs } = this.#survey;
    const { retentionDays } = this.#rules;
    if (this.#silent.size > 0) return;
    const unknown = unread.filter(({ isCertain }) => isCertain);
    const due = expiredAt(points, storedPacks, unknown.length === 0, retentionDays, this.#nowMs);
    const chainsUnknown = new Set(unknown.map(({ chain }) => chain));
    const byName = new Map(points.map((point) => [point.point, point]));
    /** What something hangs on that stays. */
    const kept = new Set<string>();
    for (const group of due.points) {
      await eachAtOnce(group, async ({ point: id, neededUntilMs }) => {
        const point = byName.get(id);
        // What cannot be read may hang on anything of its chain.
        if (point === undefined || chainsUnknown.has(point.chain) || this.#silent.size > 0) return;
        const because = `${point.class}, needed until ${time(neededUntilMs)}`;
        const isGivenUp = kept.has(id) ? this.#stays(point.name, [], 'a point that stays hangs on it') : await this.#retire(point.name, [...point.states.keys()], because);
        if (isGivenUp) this.#total.pointsGivenUp += 1;
        else if (point.parent !== null) kept.add(point.parent);
      });
    }
    await eachAtOnce(due.packs, async (pack) => {
      if (this.#silent.size > 0) return;
      if (await this.#retire(packName(pack), [...(packs.get(pack)?.keys() ?? [])], 'no point needs it')) this.#total.packsGivenUp += 1;
    });
    await eachAtOnce(this.#survey.evidence, async ({ name, kind, atMs, sites }) => {
      const keptUntilMs = evidenceUntilMs(kind, atMs, retentionDays);
      if (keptUntilMs > this.#nowMs || this.#silent.size > 0) return;
      if (await this.#retire(name, sites, `evidence, kept until ${time(keptUntilMs)}`)) this.#total.evidenceGivenUp += 1;
    });
  }

  /** In every site or, where one of them keeps it, in none. @returns whether it was */
  async #retire(name: string, siteNames: readonly string[], because: string): Promise<boolean> {
    const sites = this.#vault.sites.sites.filter((each) => siteNames.includes(each.name));
    const found = await Promise.all(sites.map(async (site) => this.#ask(site, name, async () => ({ site, versions: await site.versions(name) }))));
    const answered = found.filter((each) => each !== null);
    if (answered.length < sites.length) return false;
    for (const { site, versions } of answered) {
      const keeping = versions.find(({ lock, isHeld }) => isHeld || (lock !== null && lock.untilMs > this.#nowMs));
      if (keeping !== undefined) return this.#stays(name, [site.name], keeping.isHeld || keeping.lock === null ? 'it is under a legal hold' : `it is locked until ${time(keeping.lock.untilMs)}`);
    }
    const retired = await Promise.all(
      answered.map(async ({ site, versions }) =>
        this.#ask(site, name, async () => {
          // The newest last: an older one, perhaps a damaged one, must not come up in its place.
          for (const { versionId } of this.#rules.isDryRun ? [] : versions.toReversed()) await site.retire(name, versionId);
          return true;
        }),
      ),
    );
    if (retired.includes(null)) return false;
    const bytes = answered[0]?.versions[0]?.bytes ?? 0;
    this.#total.bytesGivenUp += bytes;
    this.#onRow({ name, what: 'given up', because, sites: siteNames, bytes });
    return true;
  }

  /** null: it refused, or was silent, and that is noted. */
  async #ask<T>(site: VaultSite, name: string, act: () => Promise<T>): Promise<T | null> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof RefusedError) this.#stays(name, [site.name], error.message);
      else this.#silent.set(site.name, describe(error));
      return null;
    }
  }

  #stays(name: string, sites: readonly string[], because: string): false {
    this.#total.staying += 1;
    this.#onRow({ name, what: 'stays', because, sites, bytes: 0 });
    return false;
  }

  #siteOf(name: string): VaultSite | undefined {
    return this.#vault.sites.sites.find((each) => each.name === name);
  }
}
