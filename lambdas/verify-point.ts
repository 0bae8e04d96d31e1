// VerifyPoint: the point is read back whole, from another site than the own.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parsePointInput } from '../src/core/backup/backup-plan.ts';
import { verifyBackup, type VerifiedPoint } from '../src/operations/backup-verify.ts';

export async function handler(event: unknown): Promise<VerifiedPoint> {
  return verifyBackup(ports, parsePointInput('VerifyPoint', event));
}

const ports = connectBackup(readEnvironment());
