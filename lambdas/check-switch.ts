// CheckSwitch: what stands against a planned switch-over into this region.
import { connectGovernor, logStoreOf } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseSwitchInput } from '../src/core/failover/switch-over.ts';
import { candidatesOf } from '../src/core/policy.ts';
import { checkSwitch, type Checked } from '../src/operations/switch-check.ts';

export async function handler(event: unknown): Promise<Checked> {
  return checkSwitch(governor, parseSwitchInput(event), logs);
}

const environment = readEnvironment();
const governor = connectGovernor(environment);
const logs = candidatesOf(environment.config).map((region) => logStoreOf(environment, region));
