// The rows that a region's tables are born with. They are written once, when the tables are created, by `create-rows`; the
// protocol never creates them, and a later deployment never writes them again (H3).
import { failoverKey } from '../failover/runbook.ts';
import { fenceKey, firstFenceRow, firstLeaseRow, leaseKey } from '../lease/lease-rows.ts';
import { firstLook, lookKey } from '../lease/look.ts';
import type { Policy } from '../policy.ts';
import { registerKey } from '../register/acceptor-rows.ts';
import { genesisBallot } from '../register/ballot.ts';
import { joiningMark } from '../register/configuration.ts';
import { genesisValue } from '../register/genesis.ts';
import { serializeRegisterValue } from '../register/value.ts';
import type { Row, RowKey } from './row.ts';

export type FirstRow = { readonly key: RowKey; readonly row: Row };

export function firstRows(policy: Policy, region: string, initialRegion: string): FirstRow[] {
  const rows: FirstRow[] = [
    {
      key: registerKey(policy.group),
      row: { config: policy.configId, promised: genesisBallot, acceptedBallot: genesisBallot, acceptedValue: serializeRegisterValue(genesisValue(policy, initialRegion)) },
    },
    { key: { table: 'register', pk: `VANTAGE#${policy.group}` }, row: { count: 0, vantage: '' } },
    { key: lookKey, row: { ...firstLook } },
    { key: { table: 'region', pk: 'TICK', sk: '#' }, row: { slot: 0, claimedAtMs: 0 } },
  ];
  const isCandidate = policy.voters.some((v) => v.region === region && v.role === 'candidate');
  if (!isCandidate) return rows;
  return [
    ...rows,
    { key: leaseKey, row: { ...firstLeaseRow } },
    { key: failoverKey, row: { progress: 0, epoch: 0, attempt: 0, step: 'none', startedAtMs: 0 } },
    ...Array.from({ length: policy.fenceShards }, (_, k) => ({ key: fenceKey(k), row: { ...firstFenceRow } })),
  ];
}

/**
 * The register's row in a table that is not one of the founders': it does not vote until a change of the voters brings it in.
 * @param id 32 hex digits, never used before: which empty row it is.
 */
export function joiningRow(group: string, id: string): FirstRow {
  return { key: registerKey(group), row: { config: joiningMark(id), promised: genesisBallot, acceptedBallot: genesisBallot, acceptedValue: '' } };
}
