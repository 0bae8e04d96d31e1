// The register in one row of a DynamoDB global table with multi-Region strong consistency (docs/decisions/0019). The table does
// what CASPaxos does over three tables: a strongly consistent read of any replica shows the last value that was written, and a
// condition is judged against it. So a look is one read, and a change is a read and one conditional write.
import { parseAcceptorRow, registerKey } from '../core/register/acceptor-rows.ts';
import { highestOf, nextBallot } from '../core/register/ballot.ts';
import type { VotingRow } from '../core/register/sighting.ts';
import { serializeRegisterValue, type RegisterValue } from '../core/register/value.ts';
import { RowMissingError, WriteConflictError } from '../core/errors.ts';
import type { RowChange } from '../core/rows/row.ts';
import type { Chance } from '../ports/environment.ts';
import type { ChangeOutcome, Register } from '../ports/register.ts';
import type { RowStore } from '../ports/row-store.ts';
import { seenBallotOf } from './register.ts';
import { untilEnough } from './until-enough.ts';

export type StrongTable = {
  readonly group: string;
  /** Who proposes, in a ballot. */
  readonly region: string;
  /** A governor has its own region's alone: where that is silent, it stops. A person's program asks all, and goes on with the first that answers. */
  readonly replicas: readonly RowStore[];
  readonly chance: Chance;
};

type Read = { readonly replica: RowStore; readonly row: VotingRow };
type Written = 'chosen' | 'overtaken' | { readonly unknown: string };

/** How often one invocation proposes; each time it is certain that nothing was written. */
const roundsMax = 4;
/** How often one and the same write is sent; it can be carried out once only. */
const sendsMax = 3;

export function strongRegister(table: StrongTable): Register {
  return {
    look: async () => {
      const read = await readFirst(table);
      if (typeof read === 'string') return { kind: 'nothing', because: read };
      const { value, acceptedBallot, promised, configuration } = read.row;
      return {
        kind: 'chosen',
        value,
        ballot: acceptedBallot,
        highestPromise: promised,
        because: `the table's replica in ${read.replica.region} shows ballot ${acceptedBallot}`,
        voters: configuration,
      };
    },
    change: async (seen, propose) => {
      for (let round = 0; round < roundsMax; round += 1) {
        const read = await readFirst(table);
        if (typeof read === 'string') return unknown(`${read}; nothing was proposed`);
        const { replica, row } = read;
        if (row.acceptedBallot < seenBallotOf(seen))
          return unknown(`the table's replica in ${replica.region} shows an older value than was seen before: it was restored, or is not strongly consistent; nothing was proposed, call a person`);
        const asked = propose(row.value);
        if (asked.kind === 'refuse') return { kind: 'refused', current: row.value, because: asked.because };
        const written = await write(table, read, asked.value);
        if (written === 'chosen') return { kind: 'chosen', value: asked.value };
        if (written !== 'overtaken') return unknown(written.unknown);
      }
      return unknown(`${roundsMax} writes were overtaken by other proposers; nothing was written`);
    },
  };
}

function unknown(because: string): ChangeOutcome {
  return { kind: 'unknown', because };
}

/** @returns why not, where no replica gives the row */
async function readFirst({ group, replicas }: StrongTable): Promise<Read | string> {
  const failures: string[] = [];
  const [first] = await untilEnough(
    replicas.map(async (replica) => ({ replica, row: await readRow(group, replica) })),
    (sofar) => sofar.length > 0,
    (index, error) => failures.push(`${replicas[index]?.region}: ${error}`),
  );
  return first ?? `the register's table cannot be read (${failures.join('; ')})`;
}

async function readRow(group: string, replica: RowStore): Promise<VotingRow> {
  const row = await replica.get(registerKey(group));
  // It is written once, when the table is created, and never again: over an emptied table that would be a forgetting (H3).
  if (row === undefined) throw new RowMissingError(`The register's row is missing in ${replica.region}: its table was emptied, or never had its first row. Nobody may act by it; call a person.`);
  return parseAcceptorRow(replica.region, row);
}

/**
 * A ballot never comes back. So the write is carried out once at most, however often it is sent; and once another ballot stands
 * than the one that it was made from, it never will be.
 */
async function write(table: StrongTable, { replica, row }: Read, value: RegisterValue): Promise<Written> {
  const ballot = nextBallot(highestOf([row.promised, row.acceptedBallot]), table.region, table.chance.id());
  const change = writeChange(table.group, row, ballot, value);
  let isUnsure = false;
  for (let sent = 0; sent < sendsMax; sent += 1) {
    let standing: unknown;
    try {
      const answer = await replica.change(change);
      if (answer.kind === 'done') return 'chosen';
      standing = answer.row?.['acceptedBallot'];
    } catch (error) {
      isUnsure ||= !(error instanceof WriteConflictError);
      const now = await readRow(table.group, replica).catch((failed: unknown) => `${String(error)}, and then ${String(failed)}`);
      if (typeof now === 'string') return { unknown: `the write was not answered, and may be carried out yet: ${now}` };
      standing = now.acceptedBallot;
    }
    if (standing === ballot) return 'chosen';
    if (standing !== row.acceptedBallot) return isUnsure ? { unknown: 'the write was not answered, and another one stands: it may have stood in between' } : 'overtaken';
  }
  return { unknown: `the write was sent ${sendsMax} times and not carried out; it may be yet` };
}

/** A row of the same shape as an acceptor's: what a look says, and `holdfast status`, means the same. */
function writeChange(group: string, from: VotingRow, ballot: string, value: RegisterValue): RowChange {
  return {
    key: registerKey(group),
    set: { promised: ballot, acceptedBallot: ballot, acceptedValue: serializeRegisterValue(value) },
    when: [
      { attribute: 'config', is: '=', value: from.configuration.id },
      { attribute: 'acceptedBallot', is: '=', value: from.acceptedBallot },
    ],
    mayCreate: false,
  };
}
