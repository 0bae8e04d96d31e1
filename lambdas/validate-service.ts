// ValidateService: the service answers in its new region.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { validateServiceStep, type Validation } from '../src/operations/validate-service.ts';

export async function handler(event: unknown): Promise<Validation> {
  return validateServiceStep(governor, parseRunbookInput(event));
}

const governor = connectGovernor(readEnvironment());
