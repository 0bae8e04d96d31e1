// ValidateRestore: the target is read back, and must be what the vault said.
import { connectTargets } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRestoredParts, type Validation } from '../src/core/backup/restore-plan.ts';
import { validateRestore } from '../src/operations/restore-validate.ts';

export async function handler(event: unknown): Promise<Validation> {
  const { plan, parts } = parseRestoredParts('ValidateRestore', event);
  return validateRestore(ports, plan, parts);
}

const ports = connectTargets(readEnvironment());
