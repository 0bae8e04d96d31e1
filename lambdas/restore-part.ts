// RestorePart: the keys of one shard, as they were at the moment.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRestorePart, type RestoredPart } from '../src/core/backup/restore-plan.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { restorePart } from '../src/operations/restore-part.ts';

export async function handler(event: unknown): Promise<RestoredPart> {
  const { plan, shard } = parseRestorePart(event);
  return restorePart(ports, points, plan, shard);
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);
