// CreateTarget: the table that a restore fills.
import { connectTargets } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRestorePlan } from '../src/core/backup/restore-plan.ts';
import { createTarget, type Target } from '../src/operations/restore-target.ts';

export async function handler(event: unknown): Promise<Target> {
  return createTarget(ports, parseRestorePlan('CreateTarget', event));
}

const ports = connectTargets(readEnvironment());
