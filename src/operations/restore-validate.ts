// ValidateRestore: the target is read back, and must be what the vault's bytes said while it was filled. Then ReportRestore writes down what
// was measured.
import { restoreReported } from '../core/backup/backup-rows.ts';
import type { RestoredPart, RestorePlan, Validation } from '../core/backup/restore-plan.ts';
import { restoreReport, type RestoreReport } from '../core/backup/restore-report.ts';
import { addDigests, emptyDigest } from '../core/vault/content-digest.ts';
import { NotIdenticalError } from '../core/vault/vault-errors.ts';
import type { BackupPorts } from './backup-ports.ts';
import { TableSource, type SourcePorts } from './backup-table-source.ts';

/** @throws NotIdenticalError */
export async function validateRestore(ports: SourcePorts & Pick<BackupPorts, 'clock'>, plan: RestorePlan, parts: readonly RestoredPart[]): Promise<Validation> {
  const expected = parts.map((part) => part.digest).reduce(addDigests, emptyDigest);
  const found = await new TableSource(ports).digest(plan.into);
  if (found.items !== expected.items || found.bytes !== expected.bytes || found.sum !== expected.sum)
    throw new NotIdenticalError(
      `Table ${plan.into.table} in ${ports.me} has ${found.items} items, ${found.bytes} bytes, sum ${found.sum}; the vault said ${expected.items}, ${expected.bytes}, ${expected.sum}. It was written to meanwhile, or the restore is wrong: do not use it; restore again into a new table.`,
    );
  // Who was erased is counted by the manifests still.
  const erased = parts.reduce((total, part) => total + (part.erased ?? 0), 0);
  const items = found.items + erased;
  if (plan.test !== null && (items < plan.test.itemsLeast || items > plan.test.itemsMost))
    throw new NotIdenticalError(
      `Table ${plan.into.table} in ${ports.me} has ${found.items} items, and ${erased} of persons who were erased are left out; by the manifests of ${plan.chain} it must have ${plan.test.itemsLeast} to ${plan.test.itemsMost}. What a restore makes of these points is wrong: report it with the evidence of this test.`,
    );
  return { isIdentical: true, digest: found, validatedAtMs: Math.round(ports.clock.nowMs()) };
}

export async function reportRestore(ports: Pick<BackupPorts, 'own' | 'clock'>, plan: RestorePlan, parts: readonly RestoredPart[], validation: Validation): Promise<RestoreReport> {
  const report = restoreReport(plan, parts, validation, Math.round(ports.clock.nowMs()));
  await ports.own.change(restoreReported(report));
  return report;
}
