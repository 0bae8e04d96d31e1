// `holdfast voters` as functions: who votes, and one voter more, less, or with a new table.
import { RefusedError } from '../core/errors.ts';
import { changeVoters, readVoters, type VotersStatus } from '../operations/change-voters.ts';
import type { RegisterVoters } from '../operations/voting-set.ts';
import type { Connection } from './connection.ts';

/** In a ballot, where a governor puts its region. */
export const proposer = 'operator';

export function registerVotersOf({ config, regions, chance, reach }: Connection): RegisterVoters {
  return { group: config.group, configId: config.configId, region: proposer, acceptors: regions.map((r) => r.rows), chance, reach };
}

/** @throws NoQuorumError; RefusedError where no region votes, because one global table does */
export async function showVoters(connection: Connection): Promise<VotersStatus> {
  refuseStrong(connection);
  return readVoters(registerVotersOf(connection));
}

/**
 * Returns once the change is in force. `add` and `replace` take the table that the configuration names for the region, which
 * must be new and deployed. Repeating a command that was cut off goes on with it.
 * @throws RefusedError, NoQuorumError
 */
export async function changeVoter(
  connection: Connection,
  kind: 'add' | 'remove' | 'replace',
  region: string,
  asked: { readonly by: string; readonly reason: string },
  wait: (ms: number) => Promise<void>,
): Promise<VotersStatus> {
  refuseStrong(connection);
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

function refuseStrong({ config }: Connection): void {
  if (config.strongRegister === undefined) return;
  throw new RefusedError(
    `The register of ${config.group} is one strongly consistent table (${config.strongRegister.table}) in ${config.voters.map((v) => v.region).join(', ')}: DynamoDB keeps its three replicas, and neither joins nor leaves. 'holdfast status' shows which answer; another set of regions is another group (docs/decisions/0019). Nothing was changed.`,
  );
}
