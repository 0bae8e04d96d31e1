// RotateKeys: another wrap for every data key whose newest one is too old; each day.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { rotateBySchedule, type Rotated } from '../src/operations/rotate-keys.ts';

export async function handler(): Promise<Rotated> {
  return rotateBySchedule(ports, points);
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);
