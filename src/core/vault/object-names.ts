// The names of a vault's objects, built and parsed here only (docs/vault-format.md, *The objects*).
import { MalformedError, RefusedError } from '../errors.ts';
import { pointTypes, type PointName, type PointType } from './recovery-point.ts';

export const vaultFileName = 'holdfast-vault.json';
export const packsPrefix = 'packs/';
export const pointsPrefix = 'points/';
export const keysPrefix = 'keys/';
export const evidencePrefix = 'evidence/';

const hex64 = /^[0-9a-f]{64}$/;
const chainPattern = /^([a-z0-9_-]{1,64})\.(\d{8}T\d{6}Z)\.([0-9a-f]{8})$/;
const pointPattern = /^(\d{8}T\d{9}Z)-([a-z]+)-([0-9a-f]{16})$/;

export function packName(sha256: string): string {
  if (!hex64.test(sha256)) throw new MalformedError(`'${sha256.slice(0, 80)}' is no SHA-256 in hex, so no pack can have that name.`);
  return `${packsPrefix}${sha256.slice(0, 2)}/${sha256}`;
}

/** The SHA-256 that a pack's name promises; undefined for another name. */
export function parsePackName(name: string): string | undefined {
  const [, start, sha256] = /^packs\/([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(name) ?? [];
  return sha256 !== undefined && sha256.startsWith(start ?? '-') ? sha256 : undefined;
}

export function manifestName({ chain, point }: PointName): string {
  if (parsePoint(chain, point) === undefined) throw new MalformedError(`'${chain}/${point}' is no name of a recovery point: 'points' lists those that there are.`);
  return `${pointsPrefix}${chain}/${point}`;
}

export function keyName(keyId: string, generation: number): string {
  return `${keysPrefix}${keyId}/${String(generation).padStart(8, '0')}`;
}

/** What was found or done and proved, kept as an object of the vault: a restore test's outcome, the certificate of an erasure. */
export type EvidenceKind = 'restore-test' | 'erasure';

/** @param id 16 hex */
export function evidenceName(kind: EvidenceKind, atMs: number, id: string): string {
  const name = `${evidencePrefix}${compact(atMs)}Z-${kind}-${id}.json`;
  if (parseEvidenceName(name) === undefined) throw new MalformedError(`'${name}' cannot be the name of evidence: its id must be 16 hex.`);
  return name;
}

/** When the test or the erasure began; undefined for another name. */
export function parseEvidenceName(name: string): { readonly kind: EvidenceKind; readonly atMs: number } | undefined {
  const [, at, word] = /^evidence\/(\d{8}T\d{9}Z)-(restore-test|erasure)-[0-9a-f]{16}\.json$/.exec(name) ?? [];
  const atMs = at === undefined ? undefined : parseCompact(at);
  return atMs === undefined ? undefined : { kind: word === 'erasure' ? 'erasure' : 'restore-test', atMs };
}

export function parseKeyName(name: string): { readonly key: string; readonly generation: number } | undefined {
  const [, key, generation] = /^keys\/([0-9a-f]{16})\/(\d{8})$/.exec(name) ?? [];
  return key === undefined || generation === undefined ? undefined : { key, generation: Number(generation) };
}

/** @param random 8 hex */
export function newChain(source: string, atMs: number, random: string): string {
  const chain = `${source}.${compact(atMs).slice(0, 15)}Z.${random}`;
  if (!chainPattern.test(chain)) throw new RefusedError(`'${source}' cannot be the name of a source: use 1 to 64 of a-z 0-9 _ -`);
  return chain;
}

/** @param random 16 hex */
export function newPoint(atMs: number, type: PointType, random: string): string {
  return `${compact(atMs)}Z-${type}-${random}`;
}

export type ParsedPoint = PointName & { readonly source: string; readonly type: PointType; readonly atMs: number };

export function parsePointName(name: string): ParsedPoint | undefined {
  const [, chain, point] = /^points\/([^/]+)\/([^/]+)$/.exec(name) ?? [];
  return chain === undefined || point === undefined ? undefined : parsePoint(chain, point);
}

function parsePoint(chain: string, point: string): ParsedPoint | undefined {
  const source = chainPattern.exec(chain)?.[1];
  const [, at, word] = pointPattern.exec(point) ?? [];
  const type = pointTypes.find((t) => t === word);
  const atMs = at === undefined ? undefined : parseCompact(at);
  return source === undefined || type === undefined || atMs === undefined ? undefined : { chain, point, source, type, atMs };
}

// Pure, though core has no clock: Date only as a calendar of a number that came in. The lint bans Date here, so the calendar is written out
// (days to civil date: Howard Hinnant, "chrono-compatible low-level date algorithms").
function compact(atMs: number): string {
  const days = Math.floor(atMs / 86_400_000);
  const rest = Math.floor(atMs - days * 86_400_000);
  const { year, month, day } = civilOf(days);
  const two = (n: number, width = 2) => String(n).padStart(width, '0');
  return `${two(year, 4)}${two(month)}${two(day)}T${two(Math.floor(rest / 3_600_000))}${two(Math.floor(rest / 60_000) % 60)}${two(Math.floor(rest / 1000) % 60)}${two(rest % 1000, 3)}`;
}

function civilOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return { year: yoe + era * 400 + (month <= 2 ? 1 : 0), month, day: doy - Math.floor((153 * mp + 2) / 5) + 1 };
}

function daysOf(year: number, month: number, day: number): number {
  const y = year - (month <= 2 ? 1 : 0);
  const era = Math.floor(y / 400);
  const yoe = y - era * 400;
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719_468;
}

/** `yyyymmddThhmmssmmmZ`; undefined for a date that does not exist. */
function parseCompact(text: string): number | undefined {
  const n = (from: number, to: number) => Number(text.slice(from, to));
  const atMs = daysOf(n(0, 4), n(4, 6), n(6, 8)) * 86_400_000 + n(9, 11) * 3_600_000 + n(11, 13) * 60_000 + n(13, 15) * 1000 + n(15, 18);
  return `${compact(atMs)}Z` === text ? atMs : undefined;
}
