// The first value of a group's register. It already says failing-over towards the initial region, so that the first
// opening is the ordinary runbook (fo-1-1); and it is paused, so that nothing acts before the owner says so.
import type { Policy } from '../policy.ts';
import type { RegisterValue } from './value.ts';

export const genesisRenewal = '0'.repeat(32);

export function genesisValue(policy: Pick<Policy, 'group' | 'voters' | 'configId'>, initialRegion: string): RegisterValue {
  return {
    version: 1,
    minReaderVersion: 1,
    group: policy.group,
    config: { id: policy.configId, acceptors: policy.voters.map((v) => ({ region: v.region, table: v.registerTable })) },
    state: 'failing-over',
    holder: initialRegion,
    epoch: 1,
    renewal: genesisRenewal,
    renewable: true,
    released: false,
    attempt: 1,
    attemptsSpent: 0,
    successor: null,
    because: 'first start',
    evidence: '',
    paused: { by: 'deployment', reason: "not started yet: 'holdfast resume' starts it", atMs: 0 },
    regions: Object.fromEntries(policy.voters.filter((v) => v.role === 'candidate').map((v) => [v.region, { reconciled: true }])),
    transitions: [],
    auditHead: '',
  };
}
