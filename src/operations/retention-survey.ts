// What a vault holds, as retention must know it: every manifest as every site has it, and every pack. Needs no key and changes nothing. What one site alone
// could say is never left out in silence: sites that do not answer, and manifests that cannot be read or of which there are two, are named.
import type { RetainedPoint, StoredPack } from '../core/retention/expiry.ts';
import { evidencePrefix, manifestName, packsPrefix, parseEvidenceName, parsePackName, parsePointName, pointsPrefix, type EvidenceKind, type ParsedPoint } from '../core/vault/object-names.ts';
import type { ObjectState, StoredObject, VaultSite } from '../ports/vault-site.ts';
import { describe, SiteSet } from '../vault/site-set.ts';
import { Vault } from '../vault/vault.ts';
import { mapAtOnce } from './at-once.ts';

/** Requests under way at once: a region far away answers in a tenth of a second, and a week of minutes is ten thousand manifests. */
const callsAtOnce = 32;

/** One object of a vault, by site. */
type Copies = ReadonlyMap<string, StoredObject>;

export type SurveyedPoint = RetainedPoint & { readonly name: string /** Site → its copy; null: gone meanwhile. */; readonly states: ReadonlyMap<string, ObjectState | null> };

export type Survey = {
  readonly points: readonly SurveyedPoint[];
  /** Pack's SHA-256 → its copies. */
  readonly packs: ReadonlyMap<string, Copies>;
  readonly storedPacks: readonly StoredPack[];
  readonly evidence: readonly SurveyedEvidence[];
  readonly silent: ReadonlyMap<string, string>;
  /** Manifests that tell nothing certain; what they need is not known. */
  readonly unread: readonly UnreadManifest[];
};

/** Nothing hangs on evidence: its name says how long it is kept. */
export type SurveyedEvidence = { readonly name: string; readonly kind: EvidenceKind; readonly atMs: number; readonly sites: readonly string[] };

/** `isCertain`: it is a point, or may become one; else a minority has it and no copy is good, and so it never will. */
export type UnreadManifest = { readonly name: string; readonly chain: string; readonly isCertain: boolean; readonly because: string };

export async function surveyVault(vault: Vault): Promise<Survey> {
  const silent = new Map<string, string>();
  const { sites } = vault.sites;
  // Manifests before packs: a pack that is listed and of which no manifest was is one that none named a moment before.
  const manifests = await listEverywhere(sites, pointsPrefix, silent);
  const packs = await listEverywhere(sites, packsPrefix, silent);
  const evidence = await listEverywhere(sites, evidencePrefix, silent);
  const points: SurveyedPoint[] = [];
  const unread: UnreadManifest[] = [];
  await eachAtOnce([...manifests], async ([name, copies]) => {
    const parsed = parsePointName(name);
    if (parsed === undefined) return;
    const read = await readPoint(vault, parsed, copies, silent);
    if ('because' in read) unread.push({ name, chain: parsed.chain, ...read });
    else points.push(read);
  });
  const bySha256 = new Map([...packs].flatMap(([name, copies]) => pairOf(parsePackName(name), copies)));
  return {
    points: points.toSorted((a, b) => (a.point < b.point ? -1 : 1)),
    packs: bySha256,
    storedPacks: [...bySha256].map(([sha256, copies]) => ({ sha256, storedAtMs: newestOf(copies) })),
    evidence: [...evidence].flatMap(([name, copies]) => {
      const parsed = parseEvidenceName(name);
      return parsed === undefined ? [] : [{ name, ...parsed, sites: [...copies.keys()] }];
    }),
    silent,
    unread: unread.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function pairOf(sha256: string | undefined, copies: Copies): readonly (readonly [string, Copies])[] {
  return sha256 === undefined ? [] : [[sha256, copies]];
}

async function listEverywhere(sites: readonly VaultSite[], prefix: string, silent: Map<string, string>): Promise<ReadonlyMap<string, Copies>> {
  const found = new Map<string, Map<string, StoredObject>>();
  for (const site of sites) {
    try {
      for await (const object of site.list(prefix)) {
        const copies = found.get(object.name) ?? new Map<string, StoredObject>();
        found.set(object.name, copies.set(site.name, object));
      }
    } catch (error) {
      silent.set(site.name, describe(error));
    }
  }
  return found;
}

/** null where one of the copies does not say when it was written. */
function newestOf(copies: Copies): number | null {
  const times = [...copies.values()].map((each) => each.storedAtMs);
  return times.reduce((newest, each) => (newest === null || each === null ? null : Math.max(newest, each)), 0);
}

/** @returns why nothing certain can be said of it */
async function readPoint(vault: Vault, name: ParsedPoint, copies: Copies, silent: Map<string, string>): Promise<SurveyedPoint | Pick<UnreadManifest, 'because' | 'isCertain'>> {
  const sites = vault.sites.sites.filter((site) => copies.has(site.name));
  const wrong: string[] = [];
  const read = await Promise.all(
    sites.map(async (site) => {
      const state = await site.head(manifestName(name)).catch((error: unknown) => void silent.set(site.name, describe(error)));
      // Each copy by itself: a false one in the nearest site must not speak for all of them.
      const manifest = await new Vault(vault.id, new SiteSet([site])).readManifest(name).catch((error: unknown) => void wrong.push(`${site.name}: ${describe(error)}`));
      return { site: site.name, state, manifest };
    }),
  );
  const [good, ...others] = read.flatMap(({ manifest }) => (manifest === undefined ? [] : [manifest]));
  const isCommitted = sites.length >= vault.sites.majority;
  if (good === undefined) return { isCertain: isCommitted, because: `no copy can be read (${wrong.join('; ')})` };
  if (others.some((each) => each.sha256 !== good.sha256)) return { isCertain: true, because: 'its copies are not the same: one of them is false, and the scrub tells which' };
  const { header } = good;
  return {
    name: manifestName(name),
    point: `${header.chain}/${header.point}`,
    parent: header.parent === null ? null : `${header.chain}/${header.parent.point}`,
    chain: header.chain,
    source: header.source,
    type: header.type,
    createdAtMs: header.createdAtMs,
    class: header.class,
    lockedUntilMs: header.lockedUntilMs,
    isHeld: read.some(({ state }) => state?.isHeld === true),
    isCommitted,
    storedAtMs: newestOf(copies),
    packs: good.packs.map((row) => row.sha256),
    states: new Map(read.flatMap(({ site, state }) => (state === undefined ? [] : [[site, state] as const]))),
  };
}

/** All of them, so many at once; the first that throws ends it. */
export async function eachAtOnce<T>(all: readonly T[], act: (each: T) => Promise<void>): Promise<void> {
  await mapAtOnce(all, callsAtOnce, act);
}
