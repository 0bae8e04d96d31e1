// What the observer's backup, attacks and restore come to: figures, and the invariants that they are held against.
import { behindSeconds, changedSince, changesOf, compareRestored, type Comparison } from './restored-state.ts';
import type { Change, Journal, RestoreRecord } from './journal.ts';
import { reasonOf } from './product.ts';

export interface VaultFigures {
  readonly backupSeconds: number | null;
  readonly restoreSeconds: number | null;
  readonly restoredItems: number | null;
  readonly restoreMissing: number | null;
  readonly restoreExtra: number | null;
  readonly restoreWrong: number | null;
  readonly restoreAmbiguous: number | null;
  readonly restoreRpoSeconds: number | null;
  readonly changedSinceRestoredMoment: number | null;
  readonly wormAttacks: number | null;
  readonly wormAttacksRefused: number | null;
}

export const VAULT_DEFINITIONS = {
  backupSeconds: 'the command `holdfast backup --type full --wait` → its end with exit status 0, while the writers write',
  restoreSeconds: 'the command `holdfast restore --at … --wait` → its end with exit status 0 (RTO of a restore)',
  restoredItems: "the observer's orders in the restored table, by its own scan",
  restoreMissing: 'orders that must be in the restored table by the journal, and are not',
  restoreExtra: 'orders in the restored table that may not be there by the journal',
  restoreWrong: 'orders in the restored table with a content that they may not have by the journal',
  restoreAmbiguous: 'orders that may rightly be there in more than one state: a change was under way at that moment, or its outcome is unknown',
  restoreRpoSeconds: 'oldest acknowledged change that must be in the restored table and is not → the moment asked for; 0 if none is missing',
  changedSinceRestoredMoment: 'orders whose state in the restored table is not the one of the live table at the end',
  wormAttacks: 'attempts of an administrator to destroy or unlock locked versions of packs and manifests, in every region',
  wormAttacksRefused: 'those which the store refused (or, of overwriting and deleting a name, put beside), the version reading and being locked as before',
} as const;

interface RestoreJudgement {
  readonly comparison: Comparison;
  readonly behindSeconds: number;
}

/** Of both customers. */
function allChanges({ attempts, revised }: Journal): Change[] {
  return [...changesOf(attempts), ...revised.changes];
}

function judgeRestore(changes: readonly Change[], startedAtWallMs: number, restore: RestoreRecord): RestoreJudgement | null {
  if (restore.stored === null) return null;
  const moment = { atWallMs: restore.atWallMs, startedAtWallMs };
  return { comparison: compareRestored(changes, moment, restore.stored), behindSeconds: behindSeconds(changes, moment, restore.stored) };
}

export function computeVaultFigures(journal: Journal): VaultFigures {
  const { vault } = journal;
  const changes = allChanges(journal);
  const restore = vault?.restore ?? null;
  const atEnd = journal.atEnd === null || journal.revised.atEnd === null ? null : new Map([...journal.atEnd, ...journal.revised.atEnd]);
  const judged = vault === null || restore === null ? null : judgeRestore(changes, vault.startedAtWallMs, restore);
  return {
    backupSeconds: vault === null ? null : secondsOf(vault.backup),
    restoreSeconds: restore === null ? null : secondsOf(restore.run),
    restoredItems: restore?.stored?.size ?? null,
    restoreMissing: judged?.comparison.missing.length ?? null,
    restoreExtra: judged?.comparison.extra.length ?? null,
    restoreWrong: judged?.comparison.wrong.length ?? null,
    restoreAmbiguous: judged?.comparison.ambiguous ?? null,
    restoreRpoSeconds: judged?.behindSeconds ?? null,
    changedSinceRestoredMoment: restore?.stored && atEnd !== null ? changedSince(changes, restore.stored, atEnd) : null,
    wormAttacks: vault?.attacks.length ?? null,
    wormAttacksRefused: vault?.attacks.filter((attack) => attack.isRefused).length ?? null,
  };
}

/** What must be empty, by the name of the invariant. */
export interface VaultEvidence {
  readonly restored: readonly string[];
  readonly withstood: readonly string[];
  readonly notMeasured: readonly string[];
}

export function judgeVault(journal: Journal): VaultEvidence {
  const { vault } = journal;
  if (vault === null) return { restored: [], withstood: [], notMeasured: [] };
  const { backup, restore, attacks } = vault;
  const notMeasured: string[] = [];
  if (backup.exitCode !== 0) notMeasured.push(`the backup failed (exit ${backup.exitCode}): ${reasonOf(backup)}`);
  if (restore === null) notMeasured.push('nothing was restored');
  else if (restore.run.exitCode !== 0) notMeasured.push(`the restore failed (exit ${restore.run.exitCode}): ${reasonOf(restore.run)}`);
  else if (restore.stored === null) notMeasured.push(`the restored table ${restore.into} could not be read`);
  else if (computeVaultFigures(journal).changedSinceRestoredMoment === 0) notMeasured.push('the restored moment does not differ from the end, so that restoring to it proves nothing');
  if (attacks.length === 0) notMeasured.push('no locked version was attacked');
  const judged = restore === null ? null : judgeRestore(allChanges(journal), vault.startedAtWallMs, restore);
  return {
    restored: judged === null ? [] : describeDifferences(judged.comparison),
    withstood: attacks.filter((attack) => !attack.isRefused).map((a) => `${a.attack} of ${a.object} in ${a.region}: ${a.answer}`),
    notMeasured,
  };
}

export function describeDifferences({ missing, extra, wrong }: Comparison): string[] {
  return [...missing.map((id) => `${id} is missing`), ...extra.map((id) => `${id} should not be there`), ...wrong.map((id) => `${id} has a content that it may not have`)];
}

function secondsOf(run: { readonly exitCode: number; readonly startedAtMs: number; readonly endedAtMs: number }): number | null {
  return run.exitCode === 0 ? (run.endedAtMs - run.startedAtMs) / 1000 : null;
}
