// Notify: tells people how a runbook goes. Invoked without waiting, so that it never holds the runbook up.
import { readEnvironment, requireSetting } from '../src/config/environment.ts';
import { describeFailure, fieldOf } from '../src/core/failover/event-field.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { parseSwitchInput } from '../src/core/failover/switch-over.ts';
import { SnsNotifier } from '../src/drivers/aws/sns-notifier.ts';
import type { Notice } from '../src/ports/notifier.ts';

export async function handler(event: unknown): Promise<void> {
  const kind = String(fieldOf(event, 'kind'));
  if (kind === 'switch-over') return notifier.notify(ofSwitch(event));
  await notifier.notify(kind === 'backup-failed' || kind === 'restore-failed' || kind === 'restore-test-failed' ? ofVault(event, kind) : ofFailover(event, kind));
}

function ofFailover(event: unknown, kind: string): Notice {
  const input = parseRunbookInput(event);
  const outcome = fieldOf(event, 'outcome');
  const isBad = kind === 'outcome' && outcome !== 'failed-over' && outcome !== 'superseded';
  return {
    severity: isBad || kind === 'approval-needed' ? 'critical' : 'info',
    subject: `${input.group}: ${kind === 'outcome' ? `failover ${String(outcome)}` : kind} (${input.target}, epoch ${input.epoch}, attempt ${input.attempt})`,
    text: `${describeFailure(fieldOf(event, 'failure'))}; DNS: ${describeFailure(fieldOf(event, 'dnsFailure'))}. 'holdfast status' shows where it stands.`,
  };
}

function ofSwitch(event: unknown): Notice {
  const { group, target, by, reason, execution } = parseSwitchInput(event);
  const [outcome, because] = [String(fieldOf(event, 'outcome')), String(fieldOf(event, 'because'))];
  // A hand-back serves again and lost nothing; whoever asked for it sees why.
  const isCritical = outcome === 'failed-over' || outcome === 'needs-operator';
  return {
    severity: isCritical ? 'critical' : outcome === 'handed-back' ? 'warning' : 'info',
    subject: `${group}: switch-over to ${target} ${outcome}`,
    text: `${execution}, asked for by ${by}: ${reason}. ${because === '' ? '' : `${because}. `}${describeFailure(fieldOf(event, 'failure'))}. docs/runbooks/switch-over.md says what to do; 'holdfast status' shows where it stands.`,
  };
}

function ofVault(event: unknown, kind: 'backup-failed' | 'restore-failed' | 'restore-test-failed'): Notice {
  return {
    severity: 'critical',
    subject: `${String(fieldOf(event, 'group'))}: ${kind} in ${environment.region} (${String(fieldOf(event, 'execution'))})`,
    // A subject is cut to 100 characters.
    text: `${String(fieldOf(event, 'execution'))}: ${describeFailure(fieldOf(event, 'failure'))}. docs/runbooks/${kind === 'backup-failed' ? 'backup' : 'restore'}.md says what to do; 'holdfast points' shows what can be restored.`,
  };
}

const environment = readEnvironment();
const notifier = new SnsNotifier(environment.region, requireSetting(environment, 'topicArn'));
