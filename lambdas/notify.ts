// Notify: tells people how a failover goes. Invoked without waiting, so that it never holds the runbook up.
import { readEnvironment, requireSetting } from '../src/config/environment.ts';
import { describeFailure, fieldOf } from '../src/core/failover/event-field.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { SnsNotifier } from '../src/drivers/aws/sns-notifier.ts';

export async function handler(event: unknown): Promise<void> {
  const input = parseRunbookInput(event);
  const kind = String(fieldOf(event, 'kind'));
  const outcome = fieldOf(event, 'outcome');
  const isBad = kind === 'outcome' && outcome !== 'failed-over' && outcome !== 'superseded';
  await notifier.notify({
    severity: isBad || kind === 'approval-needed' ? 'critical' : 'info',
    subject: `${input.group}: ${kind === 'outcome' ? `failover ${String(outcome)}` : kind} (${input.target}, epoch ${input.epoch}, attempt ${input.attempt})`,
    text: `${describeFailure(fieldOf(event, 'failure'))}; DNS: ${describeFailure(fieldOf(event, 'dnsFailure'))}. 'holdfast status' shows where it stands.`,
  });
}

const environment = readEnvironment();
const notifier = new SnsNotifier(environment.region, requireSetting(environment, 'topicArn'));
