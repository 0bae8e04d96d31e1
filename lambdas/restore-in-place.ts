// RestoreInPlace: the keys of one shard of the live table, as they were at the moment.
import { connectInPlace } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseInPlacePart, type InPlacePart } from '../src/core/backup/in-place.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { restoreInPlace } from '../src/operations/restore-in-place.ts';

export async function handler(event: unknown): Promise<InPlacePart> {
  return restoreInPlace(ports, points, parseInPlacePart(event));
}

const ports = connectInPlace(readEnvironment());
const points = new TablePoints(ports);
