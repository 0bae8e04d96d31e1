// DropTarget: what a restore test filled is dropped again; never anything else.
import { connectDrops } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseTestRun, type Dropped } from '../src/core/backup/restore-test.ts';
import { dropTarget } from '../src/operations/restore-test.ts';

export async function handler(event: unknown): Promise<Dropped> {
  return dropTarget(ports, parseTestRun('DropTarget', event));
}

const ports = connectDrops(readEnvironment());
