// Report: writes down what this failover measured.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { fieldOf } from '../src/core/failover/event-field.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { reportStep } from '../src/operations/report.ts';

export async function handler(event: unknown): Promise<{ readonly isValidated: boolean }> {
  const given = (name: string) => fieldOf(event, name) ?? null;
  return reportStep(governor, parseRunbookInput(event), {
    takenAtMs: given('takenAtMs'),
    openedAtMs: given('openedAtMs'),
    applied: given('applied'),
    loss: given('loss'),
    approval: given('approval'),
    dns: given('dns'),
    dnsFailure: given('dnsFailure'),
    validation: given('validation'),
    failure: given('failure'),
  });
}

const governor = connectGovernor(readEnvironment());
