// Compares the sites of a vault by what they list, not by reading: what one of them lacks, or has otherwise. Memory and work are those of the
// listings; of the newest points, the keys and the vault's own file the SHA-256 that the sites know is compared as well.
import { differenceOf, type SiteSays } from '../core/integrity/compare.ts';
import type { Difference } from '../core/integrity/integrity-rows.ts';
import { ContentSum } from '../core/vault/content-digest.ts';
import { keysPrefix, pointsPrefix, vaultFileName } from '../core/vault/object-names.ts';
import type { ContentDigest } from '../core/vault/recovery-point.ts';
import type { StoredObject, VaultSite } from '../ports/vault-site.ts';
import { describe } from '../vault/site-set.ts';

/** The newest so many manifests, and so many key files, are asked for one by one: a manifest is what anyone would replace who wants an old one restored. */
export const askedMax = 200;
/** Differences that are named. */
export const namedMax = 100;
/** Objects asked for side by side. */
const askAtOnce = 8;

export type Comparison = {
  /** Equal digests: the same names, lengths and, where it was asked for, hashes. */
  readonly sites: readonly { readonly site: string; readonly digest: ContentDigest }[];
  readonly objects: number;
  /** The first of them by name, each asked for a second time: what was being written meanwhile is none. */
  readonly differences: readonly Difference[];
  /** Of all; those beyond the named ones were not asked for a second time. */
  readonly count: number;
  /** Sites that could not be listed: nothing is said of them. */
  readonly silent: readonly { readonly site: string; readonly because: string }[];
};

export async function compareSites(sites: readonly VaultSite[], sha256: (bytes: Uint8Array) => Uint8Array): Promise<Comparison> {
  const comparing = new Comparing(sites, sha256);
  const silent = new Map<string, string>();
  const queues: Readonly<Record<string, Listed[]>> = { [pointsPrefix]: [], [keysPrefix]: [] };
  for await (const listed of merged(sites, silent)) {
    const queue = Object.entries(queues).find(([prefix]) => listed.name.startsWith(prefix))?.[1];
    if (listed.name === vaultFileName) await comparing.ask([listed], silent);
    else if (queue === undefined) comparing.add(listed, silent);
    else {
      queue.push(listed);
      const oldest = queue.length > askedMax ? queue.shift() : undefined;
      if (oldest !== undefined) comparing.add(oldest, silent);
    }
  }
  for (const queue of Object.values(queues)) await comparing.ask(queue, silent);
  return comparing.end(silent);
}

/** One name, and what each site lists under it. */
type Listed = { readonly name: string; readonly by: ReadonlyMap<string, number> };

class Comparing {
  readonly #sites: readonly VaultSite[];
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  readonly #sums: ReadonlyMap<string, ContentSum>;
  readonly #named: Difference[] = [];
  #unnamed = 0;
  #objects = 0;

  constructor(sites: readonly VaultSite[], sha256: (bytes: Uint8Array) => Uint8Array) {
    this.#sites = sites;
    this.#sha256 = sha256;
    this.#sums = new Map(sites.map(({ name }) => [name, new ContentSum()]));
  }

  /** By the listing alone. */
  add({ name, by }: Listed, silent: ReadonlyMap<string, string>): void {
    this.#judge(
      name,
      this.#sites.filter((site) => !silent.has(site.name)).map((site) => ({ site: site.name, has: by.has(site.name) ? { bytes: by.get(site.name) ?? 0, sha256: null } : null })),
    );
  }

  /** By what each site says of it when asked. */
  async ask(listed: readonly Listed[], silent: Map<string, string>): Promise<void> {
    for (let i = 0; i < listed.length; i += askAtOnce) {
      const said = await Promise.all(listed.slice(i, i + askAtOnce).map(async ({ name }) => ({ name, says: await this.#heads(name, silent) })));
      for (const { name, says } of said) this.#judge(name, says);
    }
  }

  async end(silent: Map<string, string>): Promise<Comparison> {
    const differences: Difference[] = [];
    for (const { name } of this.#named.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const still = differenceOf(name, await this.#heads(name, silent));
      if (still !== null) differences.push(still);
    }
    return {
      sites: [...this.#sums].filter(([site]) => !silent.has(site)).map(([site, sum]) => ({ site, digest: sum.toJSON() })),
      objects: this.#objects,
      differences,
      count: differences.length + this.#unnamed,
      silent: [...silent].map(([site, because]) => ({ site, because })),
    };
  }

  #judge(name: string, says: readonly SiteSays[]): void {
    this.#objects += 1;
    for (const { site, has } of says) if (has !== null) this.#sums.get(site)?.addLine(this.#sha256(Buffer.from(`${name}\n${has.bytes}\n${has.sha256 ?? ''}\n`)), has.bytes);
    const difference = differenceOf(name, says);
    if (difference === null) return;
    if (this.#named.length < namedMax) this.#named.push(difference);
    else this.#unnamed += 1;
  }

  async #heads(name: string, silent: Map<string, string>): Promise<SiteSays[]> {
    const answers = await Promise.all(
      this.#sites
        .filter((site) => !silent.has(site.name))
        .map(async (site): Promise<SiteSays[]> => {
          try {
            const state = await site.head(name);
            return [{ site: site.name, has: state === null ? null : { bytes: state.bytes, sha256: state.sha256 } }];
          } catch (error) {
            silent.set(site.name, describe(error));
            return [];
          }
        }),
    );
    return answers.flat();
  }
}

/** All names of all sites, ascending. A site whose listing breaks off is silent from there on. */
async function* merged(sites: readonly VaultSite[], silent: Map<string, string>): AsyncIterable<Listed> {
  const cursors = sites.map((site) => ({ site: site.name, iterator: site.list('')[Symbol.asyncIterator]() }));
  const next = async ({ site, iterator }: (typeof cursors)[number]): Promise<StoredObject | undefined> => {
    try {
      const { value, done } = await iterator.next();
      return done === true ? undefined : value;
    } catch (error) {
      silent.set(site, describe(error));
      return undefined;
    }
  };
  const heads = await Promise.all(cursors.map(next));
  for (;;) {
    const lowest = heads.reduce<string | undefined>((low, head) => (head !== undefined && (low === undefined || head.name < low) ? head.name : low), undefined);
    if (lowest === undefined) return;
    const by = new Map<string, number>();
    cursors.forEach(({ site }, i) => {
      const head = heads[i];
      if (head?.name === lowest) by.set(site, head.bytes);
    });
    // A listing that breaks off here makes its site silent before anything is said of it.
    await Promise.all(
      cursors.map(async (cursor, i) => {
        if (heads[i]?.name === lowest) heads[i] = await next(cursor);
      }),
    );
    yield { name: lowest, by };
  }
}
