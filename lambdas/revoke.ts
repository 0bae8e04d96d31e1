// Revoke: the lease is revoked in favour of this region, as a planned switch-over.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseChecked, parseSwitchInput } from '../src/core/failover/switch-over.ts';
import { revokeForSwitch, type Revoked } from '../src/operations/switch-revoke.ts';

export async function handler(event: unknown): Promise<Revoked> {
  return revokeForSwitch(governor, parseSwitchInput(event), parseChecked(event));
}

const governor = connectGovernor(readEnvironment());
