// `holdfast voters` as functions: who votes, and one voter more, less, or with a new table.
import { RefusedError } from '../core/errors.ts';
import { changeVoters, readVoters, type VotersStatus } from '../operations/change-voters.ts';
import type { RegisterVoters } from '../operations/voting-set.ts';
import type { Connection } from './connection.ts';
import type { Asked } from './holdfast-client.ts';

/** In a ballot, where a governor puts its region. */
const proposer = 'operator';

export function registerVotersOf({ config, regions, chance, reach }: Connection): RegisterVoters {
  return { group: config.group, configId: config.configId, region: proposer, acceptors: regions.map((r) => r.rows), chance, reach };
}

/** @throws NoQuorumError */
export async function showVoters(connection: Connection): Promise<VotersStatus> {
  return readVoters(registerVotersOf(connection));
}

/**
 * Returns once the change is in force. `add` and `replace` take the table that the configuration names for the region, which
 * must be new and deployed. Repeating a command that was cut off goes on with it.
 * @throws RefusedError, NoQuorumError
 */
export async function changeVoter(connection: Connection, kind: 'add' | 'remove' | 'replace', region: string, asked: Asked, wait: (ms: number) => Promise<void>): Promise<VotersStatus> {
  const { config, digest } = connection;
  const member = config.voters.find((v) => v.region === region);
  if (kind !== 'remove' && member === undefined)
    throw new RefusedError(`'${region}' is not in the configuration (${config.voters.map((v) => v.region).join(', ')}): list it, deploy its stack, then ask again. Nothing was changed.`);
  const ports = {
    voters: registerVotersOf(connection),
    candidates: config.voters.filter((v) => v.role === 'candidate').map((v) => v.region),
    digest,
    wait,
    because: `${asked.by} asked for it (voters ${kind} ${region}): ${asked.reason}`,
  };
  return changeVoters(ports, member === undefined || kind === 'remove' ? { kind: 'remove', region } : { kind, region, table: member.registerTable });
}
