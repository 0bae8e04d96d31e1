// A person's change of the register, until it is certain whether it was made.
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import type { Proposed } from '../core/failover/register-changes.ts';
import { majorityOf } from '../core/policy.ts';
import type { RegisterValue } from '../core/register/value.ts';
import type { Connection } from './connection.ts';
import { groupRegister } from './group-register.ts';

/** The governors propose each tick: whoever is overtaken tries again. */
const roundsMax = 3;

/**
 * An outcome that is unknown is looked at, and only tried again where it was not carried out.
 * @throws RefusedError, NoQuorumError
 */
export async function changeSurely(connection: Connection, propose: (current: RegisterValue) => Proposed, isMine: (value: RegisterValue) => boolean, what: string): Promise<RegisterValue> {
  const register = groupRegister(connection);
  let because = '';
  for (let round = 0; round < roundsMax; round += 1) {
    const sighting = await register.look();
    if (round === 0 && (sighting.kind === 'nothing' || sighting.kind === 'minority')) throw noQuorum(connection, what, sighting.because);
    if (round > 0 && sighting.kind === 'chosen' && isMine(sighting.value)) return sighting.value;
    const outcome = await register.change(sighting, propose);
    if (outcome.kind === 'chosen') return outcome.value;
    if (outcome.kind === 'refused') {
      if (isMine(outcome.current)) return outcome.current;
      throw new RefusedError(`${capital(what)} was refused: ${outcome.because}. Nothing was changed.`);
    }
    because = `${outcome.because}; ${sighting.because}`;
  }
  throw new NoQuorumError(
    `It is not known whether ${what} was carried out: ${because}. A majority of ${connection.regions.length} regions must answer. 'holdfast status' shows what stands; ask again then.`,
  );
}

function noQuorum({ config, regions }: Connection, what: string, because: string): NoQuorumError {
  return new NoQuorumError(
    `${capital(what)} needs ${majorityOf(config)} of ${regions.length} regions to answer, and they do not: ${because}. Nothing was changed. Look at the regions that are silent ('holdfast status'), then ask again.`,
  );
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
