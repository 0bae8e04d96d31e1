// The audit: for every object of every site, why it is there and until when it is locked, and what is not as it should be. It needs no key and changes nothing.
import { evidencePrefix, parseEvidenceName, parseKeyName, parsePackName, parsePointName, pointsPrefix, vaultFileName } from '../core/vault/object-names.ts';
import { neededLives, type RetainedPoint } from '../core/retention/expiry.ts';
import { evidenceUntilMs, judgeLock, packLivesOf, type LockFinding, type RetentionDays } from '../core/retention/lives.ts';
import type { ObjectState, VaultSite } from '../ports/vault-site.ts';
import { describe } from '../vault/site-set.ts';
import type { Vault } from '../vault/vault.ts';

export type AuditRules = {
  readonly retentionDays: RetentionDays;
  readonly lockDaysMax: number;
  /** False for sites that cannot lock: a missing lock is then no finding. */
  readonly areLocksWanted: boolean;
};

export type AuditRow = {
  readonly site: string;
  readonly name: string;
  readonly bytes: number;
  readonly lockedUntilMs: number | null;
  readonly isHeld: boolean;
  /** Points that need it; 'the vault itself' and 'data key' where that is why. */
  readonly because: readonly string[];
  readonly neededUntilMs: number | null;
  readonly findings: readonly string[];
};

export type Audit = {
  readonly objects: number;
  readonly bytes: number;
  readonly findings: number;
  /** What a site lacks, and points without a parent: there is no object to say it of. */
  readonly absent: readonly { readonly site: string; readonly name: string; readonly because: string }[];
  readonly silent: readonly { readonly site: string; readonly because: string }[];
};

/** Rows are given out as they are judged, so that memory holds the points and the packs' names, not the objects. */
export async function auditVault(vault: Vault, rules: AuditRules, nowMs: number, onRow: (row: AuditRow) => void): Promise<Audit> {
  const { points, absent, siting } = await readPoints(vault);
  const lives = neededLives(points, rules.retentionDays);
  const packLives = packLivesOf(points, lives);
  const needing = new Map<string, string[]>();
  for (const point of points) for (const pack of point.packs) needing.set(pack, [...(needing.get(pack) ?? []), point.point]);
  const total = { objects: 0, bytes: 0, findings: absent.length };
  const silent: { site: string; because: string }[] = [];
  for (const site of vault.sites.sites) {
    const seen = new Set<string>();
    try {
      for await (const object of site.list('')) {
        seen.add(object.name);
        const row = judgeObject({ site, name: object.name, state: await site.head(object.name), lives, packLives, needing, rules, nowMs, siting, majority: vault.sites.majority });
        total.objects += 1;
        total.bytes += row.bytes;
        total.findings += row.findings.length;
        onRow(row);
      }
      for (const name of [vaultFileName, ...siting.keys(), ...[...needing.keys()].map((sha256) => `packs/${sha256.slice(0, 2)}/${sha256}`)]) {
        if (seen.has(name)) continue;
        absent.push({ site: site.name, name, because: 'it is not there, and should be in every site: the scrub brings it' });
        total.findings += 1;
      }
    } catch (error) {
      silent.push({ site: site.name, because: describe(error) });
    }
  }
  return { ...total, absent, silent };
}

type Points = { readonly points: readonly RetainedPoint[]; readonly absent: { site: string; name: string; because: string }[]; readonly siting: ReadonlyMap<string, readonly string[]> };

/** Manifest or evidence → sites that have it; of points what each says of itself. */
async function readPoints(vault: Vault): Promise<Points> {
  const siting = new Map<string, readonly string[]>();
  const absent: { site: string; name: string; because: string }[] = [];
  const points: RetainedPoint[] = [];
  for (const summary of await vault.listPoints()) {
    const name = `${pointsPrefix}${summary.chain}/${summary.point}`;
    siting.set(name, summary.sites);
    try {
      const { header, packs } = await vault.readManifest(summary);
      points.push({
        point: header.point,
        parent: header.parent?.point ?? null,
        createdAtMs: header.createdAtMs,
        class: header.class,
        chain: header.chain,
        source: header.source,
        type: header.type,
        isCommitted: summary.isCommitted,
        storedAtMs: null,
        lockedUntilMs: header.lockedUntilMs,
        isHeld: await isHeld(vault, name),
        packs: packs.map((row) => row.sha256),
      });
    } catch (error) {
      absent.push({ site: summary.sites.join(', '), name, because: `no copy of the manifest is good: ${describe(error)}` });
    }
  }
  for await (const { name, sites } of vault.sites.list(evidencePrefix)) if (parseEvidenceName(name) !== undefined) siting.set(name, sites);
  const known = new Set(points.map((point) => point.point));
  for (const { point, parent } of points) if (parent !== null && !known.has(parent)) absent.push({ site: 'all', name: point, because: `its parent ${parent} is in no site: it cannot be restored` });
  return { points, absent, siting };
}

/** A hold in any site holds the point. */
async function isHeld(vault: Vault, name: string): Promise<boolean> {
  const states = await Promise.all(vault.sites.sites.map(async (site) => site.head(name).catch(() => null)));
  return states.some((state) => state?.isHeld === true);
}

type Judging = {
  readonly site: VaultSite;
  readonly name: string;
  readonly state: ObjectState | null;
  readonly lives: ReadonlyMap<string, number>;
  readonly packLives: ReadonlyMap<string, number>;
  readonly needing: ReadonlyMap<string, readonly string[]>;
  readonly rules: AuditRules;
  readonly nowMs: number;
  readonly siting: ReadonlyMap<string, readonly string[]>;
  readonly majority: number;
};

function judgeObject({ site, name, state, lives, packLives, needing, rules, nowMs, siting, majority }: Judging): AuditRow {
  const pack = parsePackName(name);
  const point = parsePointName(name);
  const evidence = parseEvidenceName(name);
  const findings: string[] = [];
  let because: readonly string[] = [];
  let neededUntilMs: number | null = null;
  if (pack !== undefined) {
    because = needing.get(pack) ?? [];
    neededUntilMs = packLives.get(pack) ?? null;
    if (because.length === 0) findings.push('no point needs it: left by a backup that was interrupted, or its points are gone');
    if (state !== null && state.sha256 !== null && state.sha256 !== pack) findings.push(`the site knows it by another SHA-256 (${state.sha256}): damaged, or put there by somebody`);
  } else if (point !== undefined) {
    because = [point.point];
    neededUntilMs = lives.get(point.point) ?? null;
  } else if (evidence !== undefined) {
    because = [evidence.kind === 'erasure' ? 'certificate of an erasure' : `evidence of a ${evidence.kind}`];
    neededUntilMs = evidenceUntilMs(evidence.kind, evidence.atMs, rules.retentionDays);
  } else if (name === vaultFileName) because = ['the vault itself'];
  else if (parseKeyName(name) !== undefined) because = ['data key'];
  else findings.push('no name of the format: Holdfast did not put it there, or a newer version did');
  const sites = siting.get(name);
  if (sites !== undefined && sites.length < majority) findings.push(`uncommitted: only ${sites.join(', ')} have it; the scrub completes it`);
  if (rules.areLocksWanted && neededUntilMs !== null) {
    const lock = judgeLock(name, state?.lock?.untilMs ?? null, neededUntilMs, nowMs, rules.lockDaysMax);
    if (lock !== null) findings.push(sayLock(lock));
  }
  return {
    site: site.name,
    name,
    bytes: state?.bytes ?? 0,
    lockedUntilMs: state?.lock?.untilMs ?? null,
    isHeld: state?.isHeld ?? false,
    because,
    neededUntilMs: neededUntilMs === Number.POSITIVE_INFINITY ? null : neededUntilMs,
    findings,
  };
}

function sayLock({ what, lockedUntilMs, neededUntilMs }: LockFinding): string {
  const days = (from: number, to: number) => Math.round((to - from) / 86_400_000);
  if (what === 'unlocked' || lockedUntilMs === null) return 'locked no more, or never, and still needed';
  return what === 'too short' ? `locked ${days(lockedUntilMs, neededUntilMs)} days shorter than it is needed` : 'locked for longer than the most that may be';
}
