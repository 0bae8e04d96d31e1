// ReportSwitch: writes down what a switch-over measured.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { fieldOf } from '../src/core/failover/event-field.ts';
import { parseSwitchAttempt, parseSwitchInput } from '../src/core/failover/switch-over.ts';
import { reportSwitch, type SwitchReport } from '../src/operations/switch-outcome.ts';

export async function handler(event: unknown): Promise<SwitchReport> {
  const atMs = (name: string) => {
    const value = fieldOf(event, name);
    return typeof value === 'number' ? value : null;
  };
  return reportSwitch(governor, parseSwitchInput(event), parseSwitchAttempt(event), {
    startedAtMs: atMs('startedAtMs'),
    checked: fieldOf(event, 'checked') ?? null,
    revokedAtMs: atMs('revokedAtMs'),
    outcome: String(fieldOf(event, 'outcome')),
    because: String(fieldOf(event, 'because')),
    failure: fieldOf(event, 'failure') ?? null,
  });
}

const governor = connectGovernor(readEnvironment());
