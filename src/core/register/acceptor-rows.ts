// The acceptor's two calls, prepare and accept, as conditional changes of its one row (CASPaxos, arXiv:1802.07000).
// A missing row refuses; it is never created here: an acceptor that forgot must not vote (H3).
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import { isBallot } from './ballot.ts';
import { isJoiningMark, parseConfiguration, type Configuration } from './configuration.ts';
import type { VotingRow } from './sighting.ts';
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

/** The row of this acceptor moves on to a set that was chosen; what it promised and accepted stays. */
export function moveChange(group: string, fromId: string, to: Configuration): RowChange {
  return { key: registerKey(group), set: { config: to.id, voters: JSON.stringify(to) }, when: [{ attribute: 'config', is: '=', value: fromId }], mayCreate: false };
}

/** The empty row that the set admits gets a value that was chosen, and votes from then on. */
export function seedChange(group: string, mark: string, to: Configuration, ballot: string, value: RegisterValue): RowChange {
  const set = { promised: ballot, acceptedBallot: ballot, acceptedValue: serializeRegisterValue(value), config: to.id, voters: JSON.stringify(to) };
  return { key: registerKey(group), set, when: [{ attribute: 'config', is: '=', value: mark }], mayCreate: false };
}

/** Empty, and waits to be brought in; it must not vote. */
export type JoiningRow = { readonly region: string; readonly joining: string };

/** @throws MalformedError when the row is not an acceptor's. */
export function parseAcceptorRow(region: string, row: Row): VotingRow {
  const parsed = parseRegisterRow(region, row);
  if ('joining' in parsed) throw new MalformedError(`The acceptor in ${region} is new and does not vote yet: 'holdfast voters' brings it in.`);
  return parsed;
}

/** @throws MalformedError when the row is neither an acceptor's nor an empty one. */
export function parseRegisterRow(region: string, row: Row): VotingRow | JoiningRow {
  const { config, voters, promised, acceptedBallot, acceptedValue } = row;
  if (typeof config === 'string' && isJoiningMark(config)) return { region, joining: config };
  if (typeof promised !== 'string' || typeof acceptedBallot !== 'string' || typeof acceptedValue !== 'string' || !isBallot(promised) || !isBallot(acceptedBallot)) {
    throw new MalformedError(`The acceptor's row in ${region} is damaged: compare it with the other regions' and call a person; never edit it.`);
  }
  const value = parseRegisterValue(acceptedValue);
  // Founders' rows do not spell their set out: their value does.
  const configuration = typeof voters === 'string' ? parseConfiguration(region, voters) : value.config;
  if (configuration.id !== config)
    throw new MalformedError(`The acceptor in ${region} says it belongs to voter set ${String(config)}, which nothing in its row describes: call a person; never edit it.`);
  return { region, promised, acceptedBallot, value, configuration };
}
