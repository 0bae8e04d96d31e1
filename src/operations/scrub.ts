// The scrub: reads every object of every site in a round of equal shares, finds what is missing or damaged, and writes it anew from a site that has it
// whole. It also brings up a site that was away, and completes points that a minority has. It removes nothing.
import { whatIsWrongWithEvidence } from '../core/backup/test-evidence.ts';
import { judge, type Copy, type Finding } from '../core/integrity/judge.ts';
import { nextShare, shares } from '../core/integrity/shares.ts';
import { parseEvidenceName, parseKeyName, parsePackName, parsePointName, vaultFileName } from '../core/vault/object-names.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { ObjectLock, VaultSite } from '../ports/vault-site.ts';
import { sha256Hex } from '../vault/chunk-crypto.ts';
import type { DataKey } from '../vault/data-key.ts';
import { openBody } from '../vault/point-reader.ts';
import { describe } from '../vault/site-set.ts';
import { parseKeyFile, parseVaultFile, type Vault } from '../vault/vault.ts';
import { verifyObject } from '../vault/verify.ts';
import { decodeManifest } from '../core/vault/manifest-layout.ts';
import { sha256 } from '../vault/chunk-crypto.ts';

export type ScrubFinding = Finding & {
  readonly name: string;
  readonly foundAtMs: number;
  /** 'repaired' was read back and is right; 'failed' stands and is found again in the next round; 'lost': every site answered, and none has it whole. */
  readonly outcome: 'repaired' | 'failed' | 'lost';
  readonly from: string | null;
  readonly note: string;
};

export type Scrubbed = {
  readonly share: number;
  readonly next: number;
  /** The step ended a round. */
  readonly isRoundDone: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly findings: readonly ScrubFinding[];
  /** Objects that no name of the format fits; they are left alone. */
  readonly strange: readonly { readonly site: string; readonly name: string }[];
  /** Sites that did not answer for something; nothing is concluded about them. */
  readonly silent: readonly { readonly site: string; readonly because: string }[];
  /** The time was over before the share was done: the last name that was looked at. null: the share is done. */
  readonly resumeAfter: string | null;
};

export type ScrubOptions = {
  readonly nowMs: () => number;
  /** Opens manifests, to tell a forged one from a true one where as many sites have each. Without it such a pair is reported as lost, not guessed. */
  readonly keys?: readonly DataKey[];
  /** Go on in the share after this name. */
  readonly after?: string;
  /** No further object is begun after this time; at least one is looked at in any case. */
  readonly untilMs?: number;
};

/** One share of the round, in every site. The same work on a calm day and on the worst one, but for what is repaired. */
export async function scrubStep(vault: Vault, share: number, options: ScrubOptions): Promise<Scrubbed> {
  const prefix = shares[share];
  if (prefix === undefined) throw new RangeError(`A round has shares 0 to ${shares.length - 1}; ${share} was asked for.`);
  const findings: ScrubFinding[] = [];
  const strange: { site: string; name: string }[] = [];
  const silent = new Map<string, string>();
  const total = { objects: 0, bytes: 0 };
  const { after = '', untilMs = Number.POSITIVE_INFINITY } = options;
  let seen: string | null = null;
  let isCut = false;
  for (const name of await namesIn(vault, prefix, silent)) {
    if (name <= after) continue;
    isCut = seen !== null && options.nowMs() >= untilMs;
    if (isCut) break;
    seen = name;
    if (!isOfFormat(name)) {
      strange.push({ site: 'any', name });
      continue;
    }
    const looked = await scrubObject(vault, name, options);
    total.objects += 1;
    total.bytes += looked.bytes;
    findings.push(...looked.findings);
    for (const { site, because } of looked.silent) silent.set(site, because);
  }
  const next = isCut ? share : nextShare(share);
  return { share, next, isRoundDone: next === 0, ...total, findings, strange, silent: [...silent].map(([site, because]) => ({ site, because })), resumeAfter: isCut ? seen : null };
}

function isOfFormat(name: string): boolean {
  return name === vaultFileName || [parsePackName, parsePointName, parseEvidenceName, parseKeyName].some((parse) => parse(name) !== undefined);
}

export type ScrubbedObject = { readonly bytes: number; readonly findings: readonly ScrubFinding[]; readonly silent: readonly { readonly site: string; readonly because: string }[] };

/** One name in every site: read, judged, and what is wrong written anew. */
export async function scrubObject(vault: Vault, name: string, options: ScrubOptions): Promise<ScrubbedObject> {
  const copies = await Promise.all(vault.sites.sites.map(async (site) => copyOf(vault, site, name)));
  return {
    bytes: copies.reduce((sum, copy) => sum + (copy.kind === 'bytes' ? copy.bytes.length : 0), 0),
    findings: await settle(vault, name, copies, options),
    silent: copies.flatMap((copy) => (copy.kind === 'silent' ? [{ site: copy.site, because: copy.because }] : [])),
  };
}

/** Names that any site has. A site that cannot be listed is silent. */
async function namesIn(vault: Vault, prefix: string, silent: Map<string, string>): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const site of vault.sites.sites) {
    try {
      for await (const { name } of site.list(prefix)) names.add(name);
    } catch (error) {
      silent.set(site.name, describe(error));
    }
  }
  // The one object that must be there even where every listing has lost it.
  if (prefix === vaultFileName) names.add(vaultFileName);
  return [...names].sort();
}

async function copyOf(vault: Vault, site: VaultSite, name: string): Promise<Copy> {
  try {
    const bytes = await site.get(name);
    return bytes === null ? { site: site.name, kind: 'missing' } : { site: site.name, kind: 'bytes', bytes, wrong: whatIsWrong(vault, name, bytes) };
  } catch (error) {
    return { site: site.name, kind: 'silent', because: describe(error) };
  }
}

/** What the bytes alone tell; null where nothing is wrong with them. */
function whatIsWrong(vault: Vault, name: string, bytes: Uint8Array): string | null {
  try {
    if (name === vaultFileName) return parseVaultFile(bytes) === vault.id ? null : 'it names another vault';
    if (name.startsWith('keys/')) return parseKeyFile(bytes, vault.id, name) === null ? 'it is no key file of this name in this vault' : null;
    if (parseEvidenceName(name) !== undefined) return whatIsWrongWithEvidence(Buffer.from(bytes).toString('utf8'), JSON.parse(Buffer.from(bytes).toString('utf8')), vault.id, name, sha256OfText);
    verifyObject(name, bytes);
    if (name.startsWith('points/') && decodeManifest(bytes, sha256).header.vault !== vault.id) return 'it is a manifest of another vault';
    return null;
  } catch (error) {
    return describe(error);
  }
}

async function settle(vault: Vault, name: string, copies: readonly Copy[], options: ScrubOptions): Promise<ScrubFinding[]> {
  const judged = judge(copies, (bytes) => opens(name, bytes, options.keys ?? []));
  if (judged.kind === 'whole') return [];
  const foundAtMs = options.nowMs();
  if (judged.kind === 'lost') {
    const silent = copies.flatMap((copy) => (copy.kind === 'silent' ? [copy.site] : []));
    // Who did not answer may have it whole: nothing is lost before every site has said so.
    if (silent.length > 0)
      return judged.bad.map((finding) => ({ ...finding, name, foundAtMs, outcome: 'failed', from: null, note: `No site that answers has it whole; ${silent.join(', ')} did not answer.` }));
    const note = name.startsWith('packs/')
      ? 'No site has it whole: points that need it cannot be restored in full. Make a full backup; the points are those whose table names it.'
      : 'No site has it whole.';
    return judged.bad.map((finding) => ({ ...finding, name, foundAtMs, outcome: 'lost', from: null, note }));
  }
  const { good } = judged;
  const lock = await lockOf(vault, good.site, name, foundAtMs);
  const repaired: ScrubFinding[] = [];
  for (const finding of judged.bad) {
    const note = await repair(vault, finding, name, good.bytes, lock);
    repaired.push({ ...finding, name, foundAtMs, outcome: note === '' ? 'repaired' : 'failed', from: good.site, note });
  }
  return repaired;
}

function sha256OfText(text: string): string {
  return sha256Hex(Buffer.from(text));
}

function opens(name: string, bytes: Uint8Array, keys: readonly DataKey[]): boolean {
  if (!name.startsWith('points/')) return false;
  return keys.some((key) => {
    try {
      openBody({ ...decodeManifest(bytes, sha256), bytes: bytes.length }, key);
      return true;
    } catch {
      return false;
    }
  });
}

/** A repaired copy is locked as long as the one that it is made from. */
async function lockOf(vault: Vault, site: string, name: string, nowMs: number): Promise<ObjectLock | null> {
  const state = await vault.sites.sites.find((each) => each.name === site)?.head(name);
  // A date that is past is refused by the store.
  return state?.lock !== undefined && state.lock !== null && state.lock.untilMs > nowMs ? state.lock : null;
}

/** @returns why it is not repaired; '' where it was read back and is right */
async function repair(vault: Vault, finding: Finding, name: string, bytes: Uint8Array, lock: ObjectLock | null): Promise<string> {
  const site = vault.sites.sites.find((each) => each.name === finding.site);
  if (site === undefined) return 'its site is gone from the set';
  const options = { sha256: sha256Hex(bytes), lock };
  try {
    // Somebody may have put it there meanwhile: then it is looked at again in the next round.
    if (finding.what === 'missing') await site.put(name, bytes, options);
    else await site.replace(name, bytes, options);
    const back = await site.get(name);
    if (back === null || sha256Hex(back) !== options.sha256) throw new DamagedError('read back, it is still wrong');
    return '';
  } catch (error) {
    return describe(error);
  }
}
