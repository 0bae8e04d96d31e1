// The acceptor's two calls, prepare and accept, as conditional changes of its one row (CASPaxos, arXiv:1802.07000).
// A missing row refuses; it is never created here: an acceptor that forgot must not vote (H3).
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import { isBallot } from './ballot.ts';
import type { AcceptorRow } from './sighting.ts';
import { parseRegisterValue, serializeRegisterValue, type RegisterValue } from './value.ts';

export function registerKey(group: string): RowKey {
  return { table: 'register', pk: `REGISTER#${group}` };
}

export function prepareChange(group: string, configId: string, ballot: string): RowChange {
  return {
    key: registerKey(group),
    set: { promised: ballot },
    when: [
      { attribute: 'config', is: '=', value: configId },
      { attribute: 'promised', is: '<', value: ballot },
    ],
    mayCreate: false,
  };
}

export function acceptChange(group: string, configId: string, ballot: string, value: RegisterValue): RowChange {
  return {
    key: registerKey(group),
    set: { promised: ballot, acceptedBallot: ballot, acceptedValue: serializeRegisterValue(value) },
    when: [
      { attribute: 'config', is: '=', value: configId },
      { attribute: 'promised', is: '<=', value: ballot },
    ],
    mayCreate: false,
  };
}

/** @throws MalformedError when the row is not an acceptor's of this voter set. */
export function parseAcceptorRow(region: string, configId: string, row: Row): AcceptorRow {
  const { config, promised, acceptedBallot, acceptedValue } = row;
  if (config !== configId) {
    throw new MalformedError(`The acceptor in ${region} belongs to voter set ${String(config)}, this is ${configId}: deploy the same configuration everywhere.`);
  }
  if (typeof promised !== 'string' || typeof acceptedBallot !== 'string' || typeof acceptedValue !== 'string' || !isBallot(promised) || !isBallot(acceptedBallot)) {
    throw new MalformedError(`The acceptor's row in ${region} is damaged: compare it with the other regions' and call a person; never edit it.`);
  }
  return { region, promised, acceptedBallot, value: parseRegisterValue(acceptedValue) };
}
