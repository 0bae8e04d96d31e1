// A vault that lives in virtual time: a full each day and incrementals between, real packs shared along and across chains, three sites whose locks go by
// the same clock; and a calendar of another make that says what must be there.
import { classOfNew } from '../../src/core/backup/point-class.ts';
import type { RetentionDays } from '../../src/core/retention/lives.ts';
import type { PointHeader, PointName, PointType, RetentionClass } from '../../src/core/vault/recovery-point.ts';
import type { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { retain, type Retained, type RetentionRow, type RetentionRules } from '../../src/operations/retention.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, type Vault } from '../../src/vault/vault.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { atMs, backUp, cheapWrap, memorySites, randomFrom, readBack, shown, type Contents, type Random } from '../vault/small-vault.ts';

export const day = 86_400_000;
export const hour = 3_600_000;
export const start = atMs;
export const shortDays: RetentionDays = { hourly: 2, daily: 5, weekly: 14, monthly: 30, yearly: 50 };
export const rules: RetentionRules = { retentionDays: shortDays, lockDaysMax: 50, lockMode: 'COMPLIANCE', isDryRun: false };

export type Made = PointName & {
  readonly type: PointType;
  readonly parent: string | null;
  readonly createdAtMs: number;
  readonly class: RetentionClass;
  readonly contents: Contents;
  readonly sha256: string;
};

export class World {
  nowMs = start;
  readonly made: Made[] = [];
  readonly sites: MemorySite[];
  readonly random: Random;
  readonly #rules: RetentionRules;
  readonly #isLocking: boolean;
  #vault: Vault | undefined;
  #key: DataKey | undefined;

  constructor(seed: string, isLocking: boolean) {
    this.random = randomFrom(seed);
    this.#isLocking = isLocking;
    this.#rules = isLocking ? rules : { ...rules, lockMode: null };
    this.sites = memorySites(['a', 'b', 'c'], () => this.nowMs);
  }

  async begin(): Promise<this> {
    this.#vault = await createVault(new SiteSet(this.sites), this.random);
    this.#key = await this.#vault.newKey(cheapWrap, this.nowMs, this.random, null);
    return this;
  }

  get vault(): Vault {
    if (this.#vault === undefined) throw new Error('begin() first');
    return this.#vault;
  }

  get key(): DataKey {
    if (this.#key === undefined) throw new Error('begin() first');
    return this.#key;
  }

  /** What hangs on the newest point, or begins a chain; what the newest point has is not stored again. */
  async backUp(type: 'full' | 'incremental', sites: readonly VaultSite[] = this.sites): Promise<Made> {
    const last = this.made.at(-1);
    const parent = type === 'full' ? undefined : last;
    const named = this.made.map((p) => ({ ...p, atMs: p.createdAtMs, isCommitted: true }));
    const of: PointHeader['class'] = classOfNew(named, type, this.nowMs);
    const lock = this.#isLocking ? ({ mode: 'COMPLIANCE', untilMs: this.nowMs + shortDays[of] * day } as const) : null;
    const known = last === undefined ? undefined : await (await openPoint(this.vault, last, this.key)).dedupIndex();
    // Of the last one's contents half stays as it is.
    const kept = Object.entries(last?.contents ?? {}).filter((_, i) => i % 2 === 0);
    const contents = Object.fromEntries([...kept.slice(-4), [`e${this.made.length}`, this.random(3000)]]);
    const base = { sites: new SiteSet(sites), vault: this.vault, key: this.key, random: this.random, contents, createdAtMs: this.nowMs, class: of, lock, type };
    const answer = await backUp({
      ...base,
      ...(known === undefined ? {} : { known }),
      ...(parent === undefined ? {} : { chain: parent.chain, parent: { point: parent.point, sha256: parent.sha256 } }),
    });
    const made = { ...answer, type, parent: parent?.point ?? null, createdAtMs: this.nowMs, class: of, contents };
    this.made.push(made);
    return made;
  }

  async retain(over: Partial<RetentionRules> = {}, vault: Vault = this.vault): Promise<Retained & { readonly rows: readonly RetentionRow[] }> {
    const rows: RetentionRow[] = [];
    return { ...(await retain(vault, { ...this.#rules, ...over }, this.nowMs, (row) => rows.push(row))), rows };
  }

  /** What a person with a calendar says must be there at a moment: nothing is computed ahead. */
  neededAt(momentMs: number): ReadonlySet<string> {
    const there = this.made.filter((p) => p.createdAtMs <= momentMs);
    const needed = new Set<string>();
    const need = (point: string | null): void => {
      if (point === null || needed.has(point)) return;
      needed.add(point);
      const made = there.find((p) => p.point === point);
      need(made?.parent ?? null);
      // What makes a full whole: what came after it, up to the first that came well after.
      const after = made?.type === 'full' ? there.filter((p) => p.chain === made.chain && p.parent !== null) : [];
      need(after.find((p) => p.createdAtMs > (after[0]?.createdAtMs ?? 0))?.point ?? after[0]?.point ?? null);
    };
    for (const p of there) if ((momentMs - p.createdAtMs) / day < shortDays[p.class]) need(p.point);
    need(there.at(-1)?.point ?? null);
    return needed;
  }

  /** @returns those of them that are not as they were backed up */
  async broken(points: Iterable<string>, vault: Vault = this.vault): Promise<string[]> {
    const wrong: string[] = [];
    for (const point of points) {
      const made = this.made.find((p) => p.point === point);
      if (made === undefined) continue;
      try {
        if (JSON.stringify(shown(await readBack(vault, made, this.key))) !== JSON.stringify(shown(made.contents))) wrong.push(`${point}: other contents`);
      } catch (error) {
        wrong.push(`${point}: ${String(error)}`);
      }
    }
    return wrong;
  }

  /** Names of points, and of packs, that any site has. */
  async present(sites: readonly VaultSite[] = this.sites): Promise<{ readonly points: ReadonlySet<string>; readonly packs: ReadonlySet<string> }> {
    const points = new Set<string>();
    const packs = new Set<string>();
    for (const site of sites) for await (const { name } of site.list('')) (name.startsWith('points/') ? points : name.startsWith('packs/') ? packs : new Set()).add(name.split('/').at(-1) ?? '');
    return { points, packs };
  }

  async packsOf(point: string): Promise<readonly string[]> {
    const made = this.made.find((p) => p.point === point);
    return made === undefined ? [] : (await this.vault.readManifest(made)).packs.map((row) => row.sha256);
  }
}

/** `days` of a full at midnight and incrementals at six and at noon; `eachDay` at three. */
export async function live(world: World, days: number, eachDay: () => Promise<void>): Promise<void> {
  for (let d = 0; d < days; d += 1) {
    for (const [at, type] of [
      [0, 'full'],
      [6, 'incremental'],
      [12, 'incremental'],
    ] as const) {
      world.nowMs = start + d * day + at * hour;
      await world.backUp(type);
    }
    world.nowMs = start + d * day + 15 * hour;
    await eachDay();
  }
}
