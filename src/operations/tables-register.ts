// The register as a port, over one table in each voting region: CASPaxos (register.ts).
import type { Register } from '../ports/register.ts';
import { changeRegister, lookAtRegister, seenBallotOf } from './register.ts';
import type { RegisterVoters } from './voting-set.ts';

export function tablesRegister(voters: RegisterVoters): Register {
  return {
    look: () => lookAtRegister(voters),
    change: (seen, propose) => changeRegister({ ...voters, believed: seen.kind === 'nothing' ? undefined : seen.voters }, seenBallotOf(seen), propose),
  };
}
