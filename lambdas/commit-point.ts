// CommitPoint: the parts become one recovery point, in a majority of the sites.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseCommit, type CommittedPoint } from '../src/core/backup/backup-plan.ts';
import { commitBackup } from '../src/operations/backup-commit.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { partsOf } from '../src/operations/stored-part.ts';

export async function handler(event: unknown): Promise<CommittedPoint> {
  const { plan, parts } = parseCommit(event);
  return commitBackup(ports, points, plan, await partsOf(ports, points, plan, parts));
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);
