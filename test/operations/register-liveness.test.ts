// One slow region slows nothing: each phase of a renewal (look, prepare, accept) ends with the answer that makes a majority. Played on
// a virtual clock, so that "when" is a number and not a feeling; a planted wait for everybody must be caught by it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renew } from '../../src/core/failover/register-changes.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { genesisBallot, nextBallot } from '../../src/core/register/ballot.ts';
import type { RowChange, RowKey } from '../../src/core/rows/row.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import * as product from '../../src/operations/register.ts';
import type { RegisterVoters } from '../../src/operations/voting-set.ts';
import type { ChangeAnswer, RowStore } from '../../src/ports/row-store.ts';
import { east, ireland, policy as threeRegions, renewalId, sydney, west } from '../core/fixtures.ts';
import { alwaysAsync } from '../core/property.ts';
import { plantedSource } from '../planted-source.ts';
import { EventQueue } from '../simulation/event-queue.ts';

/** Where a call never answers. */
const never = Number.POSITIVE_INFINITY;
const fifth = 'eu-central-1';
const allRegions = [east, west, ireland, sydney, fifth];

type Phase = 'get' | 'prepare' | 'accept';
const phases = ['get', 'prepare', 'accept'] as const;
type Delays = Readonly<Record<Phase, readonly number[]>>;
const alike = (...delays: readonly number[]): Delays => ({ get: delays, prepare: delays, accept: delays });

/** An acceptor far away: a call takes effect after half of its time, and is answered after all of it. */
class DistantRowStore implements RowStore {
  readonly region: string;
  readonly #near: MemoryRowStore;
  readonly #queue: EventQueue;
  readonly #delayOf: (phase: Phase) => number;

  constructor(near: MemoryRowStore, queue: EventQueue, delayOf: (phase: Phase) => number) {
    this.region = near.region;
    this.#near = near;
    this.#queue = queue;
    this.#delayOf = delayOf;
  }

  get = async (key: RowKey) => this.#far('get', () => this.#near.get(key));
  change = async (change: RowChange): Promise<ChangeAnswer> => this.#far('acceptedBallot' in change.set ? 'accept' : 'prepare', () => this.#near.change(change));
  changeTogether = () => Promise.reject(new Error('The register makes no transactions.'));

  #far<T>(phase: Phase, act: () => Promise<T>): Promise<T> {
    const delayMs = this.#delayOf(phase);
    return new Promise((resolve, reject) => {
      if (delayMs === never) return;
      this.#queue.after(delayMs / 2, () => {
        const done = act();
        this.#queue.after(delayMs / 2, () => void done.then(resolve, reject));
      });
    });
  }
}

function createRegister(delays: Delays, register: typeof product = product) {
  const count = delays.get.length;
  const policy = { ...threeRegions, voters: allRegions.slice(0, count).map((region) => ({ region, role: 'candidate', registerTable: 'r' }) as const) };
  const queue = new EventQueue();
  const near = policy.voters.map((voter) => new MemoryRowStore(voter.region, firstRows(policy, voter.region, east)));
  const acceptors = near.map((store, i) => new DistantRowStore(store, queue, (phase) => delays[phase][i] ?? never));
  let ids = 0;
  const voters: RegisterVoters = { group: policy.group, configId: policy.configId, region: east, acceptors, chance: { id: () => renewalId((ids += 1)) } };
  const renewFrom = (seenBallot: string) => register.changeRegister(voters, seenBallot, (current) => renew(current, east, 1, renewalId(99)));
  return {
    near,
    look: () => register.lookAtRegister(voters),
    renewFrom,
    /** As a tick does it. */
    lookAndRenew: async () => renewFrom(register.seenBallotOf(await register.lookAtRegister(voters))),
    /** Another proposer got in between, at every acceptor. */
    promise: (ballot: string) => Promise.all(near.map((store) => store.change({ key: registerKey(policy.group), set: { promised: ballot }, when: [], mayCreate: false }))),
    /** What it answers, and when; never, where nothing is left that could wake it. */
    async timed<T>(act: () => Promise<T>): Promise<{ value: T | undefined; atMs: number }> {
      let value: T | undefined;
      let atMs = never;
      void act().then((answer) => {
        value = answer;
        atMs = queue.nowMs;
      });
      await queue.run(() => atMs !== never);
      return { value, atMs };
    },
  };
}

/** When a majority has answered. */
function majorityMs(delays: readonly number[]): number {
  return delays.toSorted((a, b) => a - b)[Math.floor(delays.length / 2)] ?? never;
}

describe('a renewal with one slow region', () => {
  test.each([
    ['never answers', never],
    ['answers after an hour', 3_600_000],
  ])('that %s, whichever it is: look, prepare and accept each end at the second answer', async (_, slowMs) => {
    for (const delays of [alike(slowMs, 40, 10), alike(40, slowMs, 10), alike(10, 40, slowMs)]) {
      const r = createRegister(delays);
      const { value, atMs } = await r.timed(r.lookAndRenew);
      expect(value).toMatchObject({ kind: 'chosen', value: { renewal: renewalId(99) } });
      expect(atMs).toBe(3 * 40);
    }
  });

  test('that is slow in one phase only', async () => {
    for (const phase of phases) {
      const r = createRegister({ ...alike(10, 40, 70), [phase]: [10, 40, never] });
      expect((await r.timed(r.lookAndRenew)).atMs, phase).toBe(3 * 40);
    }
  });

  test('ends when the last answer of its majorities is in: three and five regions, any delays, another slow region in each phase', async () => {
    const delay = fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.constant(never));
    const delaysOf = (count: number) => {
      const one = fc.array(delay, { minLength: count, maxLength: count }).filter((list) => list.filter((ms) => ms === never).length <= (count - 1) / 2);
      return fc.record({ get: one, prepare: one, accept: one });
    };
    await alwaysAsync(
      fc.asyncProperty(fc.constantFrom(3, 5).chain(delaysOf), async (delays) => {
        const r = createRegister(delays);
        const { value, atMs } = await r.timed(r.lookAndRenew);
        expect(value?.kind).toBe('chosen');
        // Half a delay twice is not always the delay.
        expect(atMs).toBeCloseTo(majorityMs(delays.get) + majorityMs(delays.prepare) + majorityMs(delays.accept), 6);
      }),
    );
  });

  test('goes on to its next ballot at the second refusal, when another proposer was quicker', async () => {
    const r = createRegister(alike(10, 40, never));
    await r.promise(nextBallot(genesisBallot, west, renewalId(1)));
    const { value, atMs } = await r.timed(() => r.renewFrom(genesisBallot));
    expect(value?.kind).toBe('chosen');
    expect(atMs).toBe(3 * 40);
  });

  test('is of unknown outcome at the second refusal of its accept, when another proposer was quicker', async () => {
    const r = createRegister(alike(10, 40, never));
    const { value, atMs } = await r.timed(async () => {
      const renewal = r.renewFrom(genesisBallot);
      await r.look(); // the prepares are answered, the accepts are on their way
      await r.promise(nextBallot(nextBallot(genesisBallot, east, renewalId(1)), west, renewalId(1)));
      return renewal;
    });
    expect(value?.kind).toBe('unknown');
    expect(atMs).toBe(2 * 40);
  });

  test('a look waits for the third answer only where the first two differ: they alone prove nothing', async () => {
    const r = createRegister(alike(10, 40, 70));
    const set = { acceptedBallot: nextBallot(genesisBallot, west, renewalId(1)) };
    for (const store of [r.near[0], r.near[2]]) await store?.change({ key: registerKey(threeRegions.group), set, when: [], mayCreate: false });
    const { value, atMs } = await r.timed(r.look);
    expect(value?.kind).toBe('chosen');
    expect(atMs).toBe(70);
  });
});

describe('a planted wait for everybody is caught', () => {
  const plants = [
    { what: 'every call', file: 'operations/until-enough.ts', from: 'ended === calls.length || isEnough(results)', to: 'ended === calls.length' },
    {
      what: 'prepare and accept',
      file: 'operations/register.ts',
      from: 'return yes >= need || answers.length - yes > size - need;',
      to: 'return answers.length === size || need < 0;',
    },
    {
      what: 'look',
      file: 'operations/register.ts',
      from: "(sofar) => concludeLook([...before, ...sofar], stores.length).kind === 'chosen',",
      to: '(sofar) => sofar.length === stores.length,',
    },
  ];

  test.each(plants)('in $what', async ({ file, from, to }) => {
    const { directory, remove } = await plantedSource(file, [{ file, from, to }]);
    try {
      const planted: typeof product = await import(/* @vite-ignore */ pathToFileURL(join(directory, 'operations/register.ts')).href);
      const r = createRegister(alike(10, 40, never), planted);
      expect(await r.timed(r.lookAndRenew)).toEqual({ value: undefined, atMs: never });
    } finally {
      await remove();
    }
  });
});
