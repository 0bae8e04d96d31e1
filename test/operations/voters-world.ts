// A register whose tables come and go: every acceptor in memory behind faults, proposers that were deployed with the founders only,
// and the operator of `holdfast voters`.
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { FaultyRowStore, type RowCall, type RowFault } from '../../src/drivers/faulty/faulty-row-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { genesisBallot } from '../../src/core/register/ballot.ts';
import { joiningMark, type Acceptor } from '../../src/core/register/configuration.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { firstRows, joiningRow } from '../../src/core/rows/first-rows.ts';
import { changeVoters, readVoters, type VotersAsked } from '../../src/operations/change-voters.ts';
import { changeRegister, lookAtRegister, seenBallotOf } from '../../src/operations/register.ts';
import type { Proposal } from '../../src/ports/register.ts';
import type { RegisterVoters } from '../../src/operations/voting-set.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { east, policy, sydney } from '../core/fixtures.ts';

export const stockholm = 'eu-north-1';
const candidates = [east, 'us-west-2', sydney];

type Fault = (call: RowCall, by: string, table: string) => RowFault | undefined;

export function createVotersWorld() {
  const memory = new Map<string, MemoryRowStore>();
  const state: { fault: Fault; calls: number } = { fault: () => undefined, calls: 0 };
  let ids = 0;
  const id = () => (ids += 1).toString(16).padStart(32, '0');
  const nameOf = (region: string, table: string) => `${region}/${table}`;
  for (const { region, registerTable } of policy.voters) memory.set(nameOf(region, registerTable), new MemoryRowStore(region, firstRows(policy, region, east)));
  /** A stack was deployed: its register table is new and empty. */
  const deploy = (region: string, table = 'register-1') => void memory.set(nameOf(region, table), new MemoryRowStore(region, [joiningRow('orders', id())]));

  const votersOf = (me: string, by = me): RegisterVoters => {
    const reached = new Map<string, RowStore>();
    const reach = ({ region, table }: Acceptor): RowStore => {
      const name = nameOf(region, table);
      const known = reached.get(name);
      if (known !== undefined) return known;
      const inner: RowStore = {
        region,
        get: async (key) => storeIn(name).get(key),
        change: async (change) => storeIn(name).change(change),
        changeTogether: async (changes, checks) => storeIn(name).changeTogether(changes, checks),
      };
      const made = new FaultyRowStore(inner, (call) => {
        state.calls += 1;
        return state.fault(call, by, table);
      });
      reached.set(name, made);
      return made;
    };
    const storeIn = (name: string) => {
      const found = memory.get(name);
      if (found === undefined) throw new Error(`ResourceNotFoundException: there is no table ${name}`);
      return found;
    };
    const acceptors = policy.voters.map((v) => reach({ region: v.region, table: v.registerTable }));
    return { group: 'orders', configId: policy.configId, region: me, acceptors, chance: { id }, reach };
  };

  /** As a governor does it: look, then change under what was seen. */
  const propose = async (me: string, make: (current: RegisterValue) => Proposal) => {
    const voters = votersOf(me);
    const sighting = await lookAtRegister(voters);
    return changeRegister({ ...voters, believed: sighting.kind === 'nothing' ? undefined : sighting.voters }, seenBallotOf(sighting), make);
  };

  return {
    memory,
    state,
    deploy,
    votersOf,
    propose,
    nameOf,
    /** Everything ever said is in the value that stands: what is missing was lost. */
    said: async () => {
      const sighting = await lookAtRegister(votersOf(east, 'reader'));
      return sighting.kind === 'nothing' ? [] : sighting.value.auditHead.split(',').slice(1);
    },
    /** The table is gone, as after a deletion. */
    lose: (region: string, table = 'register-1') => void memory.delete(nameOf(region, table)),
    note: (me: string, text: string) => propose(me, (current) => ({ kind: 'set', value: { ...current, auditHead: `${current.auditHead},${text}` } })),
    /** Deployed with the founders, and it never looks: the worst that an old invocation can be. */
    noteBlindly: (me: string, text: string) => changeRegister(votersOf(me), genesisBallot, (current) => ({ kind: 'set', value: { ...current, auditHead: `${current.auditHead},${text}` } })),
    look: () => lookAtRegister(votersOf(east, 'reader')),
    voters: () => readVoters(votersOf(east, 'reader')),
    ask: (asked: VotersAsked, by = 'operator') => changeVoters({ voters: votersOf('operator', by), candidates, digest: sha256, wait: async () => undefined, because: `${by} changes voters` }, asked),
    mark: () => joiningMark(id()),
  };
}

export type VotersWorld = ReturnType<typeof createVotersWorld>;
