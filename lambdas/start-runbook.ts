// StartRunbook: starts this region's failover machine for the attempt that a switch-over reserved.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseSwitchAttempt } from '../src/core/failover/switch-over.ts';
import { startRunbook } from '../src/operations/switch-revoke.ts';

export async function handler(event: unknown): ReturnType<typeof startRunbook> {
  return startRunbook(governor, parseSwitchAttempt(event));
}

const governor = connectGovernor(readEnvironment());
