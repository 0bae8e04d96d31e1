// AwaitOutcome: whether the register says yet how a switch-over came out.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseSwitchAttempt } from '../src/core/failover/switch-over.ts';
import { awaitOutcome, type SwitchEnd } from '../src/operations/switch-outcome.ts';

export async function handler(event: unknown): Promise<SwitchEnd> {
  return awaitOutcome(governor, parseSwitchAttempt(event));
}

const governor = connectGovernor(readEnvironment());
