// CreateTarget: the table that a restore fills: a new one, with the source's key; or an empty one; or the one that this same restore began.
import { restoreBegun, restoreKey } from '../core/backup/backup-rows.ts';
import { whyNotInto, type RestorePlan } from '../core/backup/restore-plan.ts';
import { testBegun, whyNotTestTarget } from '../core/backup/restore-test.ts';
import { RefusedError, StepNotReadyError } from '../core/errors.ts';
import type { BackupPorts } from './backup-ports.ts';

export type Target = { readonly table: string };

export async function createTarget(ports: Pick<BackupPorts, 'own' | 'tables' | 'settings' | 'clock' | 'me'>, plan: RestorePlan): Promise<Target> {
  const { own, tables, settings } = ports;
  const { table } = plan.into;
  const refusal = whyNotInto(table, settings.table) ?? whyNotTestTarget(table, settings.table, plan.test);
  if (refusal !== null) throw new RefusedError(`The restore into ${table} was refused: ${refusal}. Nothing was changed.`);
  const found = await tables.describe(table);
  if (found !== null && found.keyName !== plan.keyName)
    throw new RefusedError(`Table ${table} in ${ports.me} has another partition key ('${found.keyName}', not '${plan.keyName}'): name a new table. Nothing was changed.`);
  const isOurs = (await own.get(restoreKey(plan.id)))?.['table'] === table;
  if (!isOurs && found !== null) {
    if (!found.isReady) throw new StepNotReadyError(`Table ${table} in ${ports.me} is not active yet. It is looked at again.`);
    if (!(await tables.isEmpty(table)))
      throw new RefusedError(
        `Table ${table} in ${ports.me} holds items: they would be among the restored ones. A restore over a table that is in use is not there yet: name a new table, or empty this one. Nothing was changed.`,
      );
  }
  // The row first: a table that this restore made must be known as such when the step is repeated.
  if (!isOurs && (await own.change(restoreBegun(plan.id, table, Math.round(ports.clock.nowMs())))).kind === 'refused')
    throw new RefusedError(`The restore ${plan.id} was begun into another table than ${table}: start a new one. Nothing was changed.`);
  // Whoever is killed here must have left the name of what is to be dropped.
  if (plan.test !== null && found === null) await own.change(testBegun(plan.test, table, Math.round(ports.clock.nowMs())));
  if (found === null) await tables.create(table, plan.keyName);
  if ((await tables.describe(table))?.isReady !== true) throw new StepNotReadyError(`Table ${table} in ${ports.me} is being created. It is looked at again.`);
  return { table };
}
