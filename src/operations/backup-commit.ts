// CommitPoint: the parts become one recovery point. Everything in its manifest follows from the plan and the parts, so that a step that is
// repeated, or two at once, write the same bytes under the same name.
import type { ActingPlan, BackupPart, CommittedPoint } from '../core/backup/backup-plan.ts';
import { backupCommitted } from '../core/backup/backup-rows.ts';
import type { TableFacts } from '../core/backup/point-facts.ts';
import { canonicalJson } from '../core/vault/canonical-json.ts';
import { addDigests, emptyDigest } from '../core/vault/content-digest.ts';
import type { PointBody } from '../core/vault/recovery-point.ts';
import { commitPoint } from '../vault/point-writer.ts';
import { TablePoints } from './backup-facts.ts';
import { lockOf, type BackupPorts } from './backup-ports.ts';

export async function commitBackup(ports: BackupPorts, points: TablePoints, plan: ActingPlan, parts: readonly BackupPart[]): Promise<CommittedPoint> {
  const { settings, sites, clock } = ports;
  const vault = await points.vault();
  const key = await points.key(plan.key);
  const throughMs = plan.throughMs ?? Math.max(plan.fromMs, ...parts.map((part) => part.endedAtMs));
  const table: TableFacts = {
    kind: 'dynamodb',
    table: settings.table,
    keyName: settings.keyName,
    region: plan.region,
    epoch: plan.epoch,
    ...sealedBy(settings.subjectAttribute, parts),
  };
  const { chain, point, source, type, parent, lockedUntilMs } = plan;
  const header = { chain, point, source, type, parent, createdAtMs: plan.startedAtMs, class: plan.class, lockedUntilMs };
  const body: Omit<PointBody, 'entries' | 'packVersions' | 'digest'> = { source: table, fromMs: plan.fromMs, throughMs, positions: plan.until, cuts: plan.cuts };
  const engineParts = parts.map(({ endedAtMs: _ended, sealedBy: _sealed, ...part }) => part);
  const answer = await commitPoint({ sites, vault: vault.id, key, header, body, parts: engineParts, random: randomOf(ports, { header, body, parts }), lock: lockOf(settings, lockedUntilMs) });
  const digest = parts.map((part) => part.digest ?? emptyDigest).reduce(addDigests, emptyDigest);
  const committed = { chain, point, sha256: answer.sha256, items: digest.items, bytes: digest.bytes, storedBytes: answer.storedBytes, throughMs };
  if (type !== 'log') await ports.own.change(backupCommitted(source, type, plan.because, committed, plan.startedAtMs, Math.round(clock.nowMs())));
  return committed;
}

/** A point is sealed by person where all of its parts are: a deployment may come between two of them. */
function sealedBy(attribute: string | undefined, parts: readonly BackupPart[]): Pick<TableFacts, 'sealedBy'> {
  return attribute !== undefined && parts.every((part) => part.sealedBy === attribute) ? { sealedBy: attribute } : {};
}

/** Chance that depends on all that goes into the manifest: the same content has the same salt, and so the same bytes; another one has another. */
function randomOf(ports: BackupPorts, content: unknown): (bytes: number) => Uint8Array {
  const seed = ports.digest(canonicalJson(JSON.parse(JSON.stringify(content))));
  let drawn = 0;
  return (bytes) => {
    const blocks: string[] = [];
    while (blocks.length * 32 < bytes) blocks.push(ports.digest(`${seed}/${(drawn += 1)}`));
    return Buffer.from(blocks.join(''), 'hex').subarray(0, bytes);
  };
}
