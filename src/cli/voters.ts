// `holdfast voters`: who votes, and one voter more, less, or with a new table.
import type { Connection } from '../client/connection.ts';
import { changeVoter, showVoters } from '../client/voters-client.ts';
import { describeSet } from '../core/register/voter-rules.ts';
import type { VotersStatus } from '../operations/change-voters.ts';
import { textTable } from './text-table.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

const verbs = ['add', 'remove', 'replace'] as const;
const did = { add: 'votes from now on', remove: 'votes no more', replace: 'votes with its new table from now on' } as const;

export async function voters(word: string | undefined, values: Values, by: string, connection: Connection, world: World): Promise<ExitStatus> {
  const say = (status: VotersStatus, text: string): ExitStatus => {
    world.out(values.json === true ? `${JSON.stringify({ inForce: status.inForce, next: status.next, voters: status.voters }, null, 2)}\n` : text);
    return 0;
  };
  if (word === undefined || word === 'list') {
    if (values.region !== undefined || values.reason !== undefined)
      throw new UsageError(`voters ${word ?? ''} takes no --region and no --reason; to change them: voters ${verbs.join('|')} --region REGION --reason …`);
    const status = await showVoters(connection);
    return say(status, render(status));
  }
  const verb = verbs.find((v) => v === word);
  if (verb === undefined) throw new UsageError(`'${word}' is not what voters can do; it may be list, ${verbs.join(', ')}`);
  const { region, reason } = values;
  if (region === undefined || region === '') throw new UsageError(`voters ${verb} needs --region REGION`);
  if (reason === undefined || reason.trim() === '') throw new UsageError(`voters ${verb} needs --reason …`);
  const status = await changeVoter(connection, verb, region, { by, reason }, async (ms) => void (await world.waitForNext(ms)));
  return say(status, `${region} ${did[verb]}.\n${render(status)}`);
}

function render({ inForce, next, voters: all }: VotersStatus): string {
  const table = textTable(
    ['voter', 'table', 'state', ''],
    all.map((v) => [v.region, v.table, v.state, v.because]),
  );
  const coming = next === null ? '' : `Decided, not in force yet: ${describeSet(next)} (${next.acceptors.map((a) => a.region).join(', ')})\n`;
  return `${describeSet(inForce)}\n${coming}${table}\n`;
}
