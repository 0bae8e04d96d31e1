// All sites of a vault as one: written side by side, a majority having to confirm; read from the first that gives what it should.
import type { ObjectLock, StoredObject, VaultSite } from '../ports/vault-site.ts';
import { DamagedError, KeyUnavailableError, TooFewSitesError } from '../core/vault/vault-errors.ts';
import { RefusedError } from '../core/errors.ts';
import { sha256Hex } from './chunk-crypto.ts';

export type PutReport = {
  /** Site → version id, where the site has versions and this call stored it. */
  readonly versions: Readonly<Record<string, string>>;
  readonly stored: readonly string[];
  /** Of those stored: where something was there under that name already. */
  readonly existed: readonly string[];
  readonly failed: readonly { readonly site: string; readonly because: string }[];
};

export type GetOptions = {
  readonly offset?: number;
  readonly bytes?: number;
  /** As ObjectPart's. */
  readonly into?: Uint8Array | undefined;
  /** A copy whose bytes do not pass is passed over, and the next site is asked. Throws to say why. */
  readonly check?: (bytes: Uint8Array) => void;
  /** As `check`, of a whole object. */
  readonly sha256?: string;
  /** Ask this site last. */
  readonly last?: string;
};

export type SitedObject = StoredObject & { readonly sites: readonly string[] };

export class SiteSet {
  readonly sites: readonly VaultSite[];
  /** So many must have a thing before it counts. */
  readonly majority: number;

  /** @param sites nearest first */
  constructor(sites: readonly VaultSite[]) {
    if (sites.length === 0) throw new RefusedError('A vault has at least one site.');
    if (new Set(sites.map((s) => s.name)).size !== sites.length) throw new RefusedError(`Two sites of a vault have one name: ${sites.map((s) => s.name).join(', ')}.`);
    this.sites = sites;
    this.majority = Math.floor(sites.length / 2) + 1;
  }

  /** Waits for all of them, so that a slow site is not left behind. "Exists" counts: names say what the bytes are. @throws TooFewSitesError */
  async put(name: string, bytes: Uint8Array, options: { readonly sha256: string; readonly lock: ObjectLock | null }): Promise<PutReport> {
    const versions: Record<string, string> = {};
    const stored: string[] = [];
    const existed: string[] = [];
    const failed: { site: string; because: string }[] = [];
    await Promise.all(
      this.sites.map(async (site) => {
        try {
          const answer = await site.put(name, bytes, options);
          if (answer.kind === 'stored' && answer.versionId !== null) versions[site.name] = answer.versionId;
          if (answer.kind === 'exists') existed.push(site.name);
          stored.push(site.name);
        } catch (error) {
          failed.push({ site: site.name, because: describe(error) });
        }
      }),
    );
    if (stored.length < this.majority)
      throw new TooFewSitesError(
        `${name} was stored in ${stored.length} of ${this.sites.length} sites, and ${this.majority} are needed (${reasons(failed)}). Nothing counts yet; try again when they answer.`,
      );
    return { versions, stored, existed, failed };
  }

  /**
   * @returns null where a majority of the sites has no such object, and none of those that answered: whatever counts is in a majority.
   * @throws DamagedError where no copy is good, KeyUnavailableError where `check` said so of every copy, TooFewSitesError where too few answered to tell
   */
  async get(name: string, options: GetOptions = {}): Promise<Uint8Array | null> {
    const { offset, bytes, into, check, sha256, last } = options;
    const part = offset === undefined ? undefined : { offset, bytes: bytes ?? 0, into };
    const damaged: { site: string; because: string }[] = [];
    const silent: { site: string; because: string }[] = [];
    let otherKey: KeyUnavailableError | undefined;
    let absent = 0;
    for (const site of this.#ordered(last)) {
      let found: Uint8Array | null;
      try {
        found = await site.get(name, part);
      } catch (error) {
        silent.push({ site: site.name, because: describe(error) });
        continue;
      }
      if (found === null) {
        absent += 1;
        continue;
      }
      try {
        if (sha256 !== undefined && sha256Hex(found) !== sha256) throw new DamagedError(`its SHA-256 is not ${sha256}`);
        check?.(found);
        return found;
      } catch (error) {
        if (error instanceof KeyUnavailableError) otherKey = error;
        else damaged.push({ site: site.name, because: describe(error) });
      }
    }
    if (otherKey !== undefined && damaged.length === 0) throw otherKey;
    if (damaged.length > 0)
      throw new DamagedError(
        `No good copy of ${name} (${reasons([...damaged, ...silent])}). Nothing of it was used; 'vault verify' shows what else is damaged, the scrub repairs from any site that is whole.`,
      );
    if (absent < this.majority) throw new TooFewSitesError(`${name} could not be read: no site that may have it answered (${reasons(silent)}). Try again when they do.`);
    return null;
  }

  /** What each site that answers has under a name: for small objects of which no site is to be believed alone. */
  async copies(name: string): Promise<readonly { readonly site: string; readonly bytes: Uint8Array | null }[]> {
    const answers = await Promise.allSettled(this.sites.map(async (site) => ({ site: site.name, bytes: await site.get(name) })));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  #ordered(last: string | undefined): readonly VaultSite[] {
    return last === undefined ? this.sites : [...this.sites.filter((s) => s.name !== last), ...this.sites.filter((s) => s.name === last)];
  }

  /** Merged, ascending. A site that does not answer is left out. @throws TooFewSitesError when fewer than a majority can be listed */
  async *list(prefix: string): AsyncIterable<SitedObject> {
    const failed: { site: string; because: string }[] = [];
    const cursors = this.sites.map((site) => ({ site: site.name, iterator: site.list(prefix)[Symbol.asyncIterator]() }));
    const next = async (cursor: (typeof cursors)[number]): Promise<StoredObject | undefined> => {
      try {
        const { value, done } = await cursor.iterator.next();
        return done === true ? undefined : value;
      } catch (error) {
        failed.push({ site: cursor.site, because: describe(error) });
        if (this.sites.length - failed.length < this.majority)
          throw new TooFewSitesError(`Fewer than ${this.majority} sites can be listed (${reasons(failed)}): what is missing cannot be told. Try again when they answer.`);
        return undefined;
      }
    };
    const heads = await Promise.all(cursors.map(next));
    for (;;) {
      const lowest = heads.reduce<string | undefined>((low, head) => (head !== undefined && (low === undefined || head.name < low) ? head.name : low), undefined);
      if (lowest === undefined) return;
      const here = cursors.flatMap((cursor, i) => (heads[i]?.name === lowest ? [{ cursor, i, head: heads[i] }] : []));
      const [first] = here;
      if (first === undefined) return;
      yield { ...first.head, sites: here.map(({ cursor }) => cursor.site) };
      await Promise.all(
        here.map(async ({ cursor, i }) => {
          heads[i] = await next(cursor);
        }),
      );
    }
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function reasons(failures: readonly { readonly site: string; readonly because: string }[]): string {
  return failures.map((f) => `${f.site}: ${f.because}`).join('; ') || 'no site has it';
}
