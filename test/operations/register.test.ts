// The register over acceptors that fail in every way that a network knows.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FaultyRowStore, type RowCall, type RowFault } from '../../src/drivers/faulty/faulty-row-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { genesisBallot, isBallot } from '../../src/core/register/ballot.ts';
import { parseAcceptorRow, registerKey } from '../../src/core/register/acceptor-rows.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { changeRegister, lookAtRegister, seenBallotOf } from '../../src/operations/register.ts';
import type { ChangeOutcome, Proposal } from '../../src/ports/register.ts';
import type { RegisterVoters } from '../../src/operations/voting-set.ts';
import { untilEnough } from '../../src/operations/until-enough.ts';
import { east, ireland, policy, west } from '../core/fixtures.ts';
import { alwaysAsync } from '../core/property.ts';
import { never, signal } from './group.ts';

const regions = [east, west, ireland];

function createRegister() {
  const memory = regions.map((region) => new MemoryRowStore(region, firstRows(policy, region, east)));
  const faults: { faultOf: (call: RowCall) => RowFault | undefined } = { faultOf: () => undefined };
  let ids = 0;
  const stores = memory.map((inner) => new FaultyRowStore(inner, (call) => faults.faultOf(call)));
  const votersOf = (region: string, id = () => (ids += 1).toString(16).padStart(32, '0')): RegisterVoters => ({ group: 'orders', configId: 'c1', region, acceptors: stores, chance: { id } });
  const row = async (i: number) => parseAcceptorRow('r', (await memory[i]?.get(registerKey('orders'))) ?? {});
  return {
    faults,
    votersOf,
    memory,
    stores,
    row,
    set: (because: string, region = east) => changeRegister(votersOf(region), genesisBallot, setTo(because)),
    look: () => lookAtRegister(votersOf(ireland)),
    because: async () => Promise.all([0, 1, 2].map(async (i) => (await row(i)).value.because)),
  };
}

const setTo =
  (because: string) =>
  (current: RegisterValue): Proposal => ({ kind: 'set', value: { ...current, because } });
const isPrepare = (call: RowCall) => call.changes[0] !== undefined && !('acceptedBallot' in call.changes[0].set);
const isAccept = (call: RowCall) => call.changes[0] !== undefined && 'acceptedBallot' in call.changes[0].set;
const refusing = (because: string) => (): Proposal => ({ kind: 'refuse', because });

describe('a change', () => {
  test('is chosen, read back by everybody, and the next one builds on it', async () => {
    const r = createRegister();
    expect(await r.set('one')).toMatchObject({ kind: 'chosen', value: { because: 'one' } });
    expect(await r.set('two', west)).toMatchObject({ kind: 'chosen', value: { because: 'two' } });
    expect(await r.look()).toMatchObject({ kind: 'chosen', value: { because: 'two' } });
  });

  test('finds its ballot by itself where the look before was old: refusals name the higher one', async () => {
    const r = createRegister();
    for (let i = 0; i < 9; i += 1) await r.set(`n${i}`, west);
    const prepares = () => r.stores[0]?.calls.filter(isPrepare).length ?? 0;
    const before = prepares();
    expect(await changeRegister(r.votersOf(east), genesisBallot, setTo('x'))).toMatchObject({ kind: 'chosen' });
    expect(prepares() - before).toBe(2);
    const sighting = await r.look();
    expect(await changeRegister(r.votersOf(east), seenBallotOf(sighting), setTo('y'))).toMatchObject({ kind: 'chosen' });
    expect(prepares() - before).toBe(3);
  });

  test.each([
    ['never answers', { kind: 'hold-request', until: never }],
    ['loses every request', { kind: 'lose-request' }],
    ['loses every answer', { kind: 'lose-answer' }],
    ['answers when it is too late', { kind: 'hold-answer', until: never }],
  ] satisfies [string, RowFault][])('goes on at the majority where one acceptor %s, whichever it is', async (_, fault) => {
    for (const hurt of regions) {
      const r = createRegister();
      r.faults.faultOf = (call) => (call.region === hurt ? fault : undefined);
      expect(await r.set('one')).toMatchObject({ kind: 'chosen' });
      expect(await r.look()).toMatchObject({ kind: 'chosen', value: { because: 'one' } });
    }
  });

  test.each(['lose-request', 'lose-answer'] as const)('is of unknown outcome where the majority fails in accept (%s), and then nobody was told that it was chosen', async (kind) => {
    const r = createRegister();
    r.faults.faultOf = (call) => (isAccept(call) && call.region !== east ? { kind } : undefined);
    expect(await r.set('lost')).toMatchObject({ kind: 'unknown', because: expect.stringMatching(/no majority accepted/) });
    r.faults.faultOf = () => undefined;
    // It stands at a majority, or at one acceptor only: a look tells the two apart.
    expect((await r.look()).kind).toBe(kind === 'lose-answer' ? 'chosen' : 'newest');
  });

  test('proposes nothing where the majority fails in prepare, and says so', async () => {
    const r = createRegister();
    r.faults.faultOf = (call) => (call.region === east ? undefined : { kind: 'lose-request' });
    expect(await r.set('lost')).toEqual({ kind: 'unknown', because: 'only 1 of 3 acceptors answered; nothing was proposed' });
    expect(await r.because()).toEqual(['first start', 'first start', 'first start']);
    r.faults.faultOf = () => ({ kind: 'lose-request' });
    expect(await r.set('lost')).toMatchObject({ kind: 'unknown', because: expect.stringMatching(/only 0 of 3/) });
    expect(await r.look()).toMatchObject({ kind: 'nothing', because: expect.stringContaining('us-west-2: TimeoutError') });
  });

  test('whose prepare was carried out but not answered is not stopped by its own promise', async () => {
    const r = createRegister();
    // The first try is delivered twice: the second delivery meets "already promised to my ballot".
    r.faults.faultOf = (call) => (isPrepare(call) ? { kind: 'repeat', until: Promise.resolve() } : undefined);
    expect(await r.set('one')).toMatchObject({ kind: 'chosen' });
    await Promise.all(r.stores.map((s) => s.delivered()));
    expect(await r.look()).toMatchObject({ kind: 'chosen', value: { because: 'one' } });
  });

  test('that arrives a second time, late, changes nothing: the later value stands', async () => {
    const r = createRegister();
    const late = signal();
    r.faults.faultOf = (call) => (call.changes.length > 0 ? { kind: 'repeat', until: late.promise } : undefined);
    await r.set('one');
    r.faults.faultOf = () => undefined;
    await r.set('two', west);
    late.resolve();
    await Promise.all(r.stores.map((s) => s.delivered()));
    expect(await r.look()).toMatchObject({ kind: 'chosen', value: { because: 'two' } });
  });

  test('gives up after a few ballots that others overtook, having proposed nothing', async () => {
    const r = createRegister();
    let other = 1000;
    const overtaken: RegisterVoters = {
      ...r.votersOf(east),
      acceptors: r.stores.map((store) => ({
        region: store.region,
        get: (key) => store.get(key),
        changeTogether: (c, k) => store.changeTogether(c, k),
        change: async (change) => {
          const rival = `${String((other += 1)).padStart(16, '0')}.us-west-2.${'a'.repeat(32)}`;
          await r.memory.find((m) => m.region === store.region)?.change({ ...change, set: { promised: rival }, when: [] });
          return store.change(change);
        },
      })),
    };
    expect(await changeRegister(overtaken, genesisBallot, setTo('x'))).toEqual({ kind: 'unknown', because: '4 ballots were overtaken by other proposers; nothing was proposed' });
    expect(await r.because()).toEqual(['first start', 'first start', 'first start']);
  });
});

describe('a compare that fails', () => {
  test('is answered at once where what it read is chosen', async () => {
    const r = createRegister();
    await r.set('one');
    const accepts = r.stores.flatMap((s) => s.calls).filter(isAccept).length;
    expect(await changeRegister(r.votersOf(west), genesisBallot, refusing('no'))).toMatchObject({ kind: 'refused', because: 'no', current: { because: 'one' } });
    expect(r.stores.flatMap((s) => s.calls).filter(isAccept).length).toBe(accepts);
  });

  test('against a value that may never have been chosen settles it first (C8)', async () => {
    const r = createRegister();
    r.faults.faultOf = (call) => (isAccept(call) && call.region !== east ? { kind: 'lose-request' } : undefined);
    await r.set('half');
    // Only us-east-1 has it; this proposer's majority is us-east-1 and us-west-2.
    r.faults.faultOf = (call) => (call.region === ireland ? { kind: 'lose-request' } : undefined);
    expect(await changeRegister(r.votersOf(west), genesisBallot, refusing('no'))).toMatchObject({ kind: 'refused', current: { because: 'half' } });
    r.faults.faultOf = () => undefined;
    expect(await r.look()).toMatchObject({ kind: 'chosen', value: { because: 'half' } });
  });

  test('and cannot settle it is unknown, never refused (C8)', async () => {
    const r = createRegister();
    r.faults.faultOf = (call) => (isAccept(call) && call.region !== east ? { kind: 'lose-request' } : undefined);
    await r.set('half');
    r.faults.faultOf = (call) => (call.region === ireland || (isAccept(call) && call.region === west) ? { kind: 'lose-request' } : undefined);
    expect(await changeRegister(r.votersOf(west), genesisBallot, refusing('no'))).toMatchObject({ kind: 'unknown', because: expect.stringMatching(/no; but that value could not be settled/) });
  });
});

describe('two invocations', () => {
  test('that shared a ballot would lose an acknowledged value (H1); ids of an invocation keep them apart', async () => {
    // One ballot for both: A prepares; B prepares under the same ballot ("already promised to my ballot"); A is chosen and told
    // so; then B, which read before, is chosen under the same ballot over it.
    const play = async (idA: () => string, idB: () => string) => {
      const r = createRegister();
      const release = signal();
      const reached = signal();
      r.faults.faultOf = (call) => {
        if (!isAccept(call) || call.changes[0]?.set['acceptedValue']?.toString().includes('"because":"A"') === true) return undefined;
        reached.resolve();
        return { kind: 'hold-request', until: release.promise };
      };
      const b = changeRegister(r.votersOf(east, idB), genesisBallot, setTo('B'));
      await reached.promise;
      const a = await changeRegister(r.votersOf(east, idA), genesisBallot, setTo('A'));
      release.resolve();
      return { a, b: await b, look: await r.look() };
    };
    const shared = await play(
      () => 'f'.repeat(32),
      () => 'f'.repeat(32),
    );
    expect(shared.a.kind).toBe('chosen');
    expect(shared.b.kind, 'the hole is real: with one id both are told "chosen"').toBe('chosen');
    expect(shared.look).toMatchObject({ value: { because: 'B' } });
    let n = 0;
    const id = () => (n += 1).toString(16).padStart(32, '0');
    const apart = await play(id, id);
    expect(apart.a.kind).toBe('chosen');
    expect(apart.b.kind).not.toBe('chosen');
    expect(apart.look).toMatchObject({ kind: 'chosen', value: { because: 'A' } });
  });

  test('never propose under one ballot, in any of their rounds', async () => {
    const r = createRegister();
    await Promise.all(Array.from({ length: 6 }, (_, i) => changeRegister(r.votersOf(i % 2 === 0 ? east : west), genesisBallot, setTo(`n${i}`))));
    const ballots = r.stores[0]?.calls.filter(isPrepare).map((c) => String(c.changes[0]?.set['promised'])) ?? [];
    expect(ballots.every(isBallot)).toBe(true);
    expect(new Set(ballots).size).toBe(ballots.length);
  });

  test('at once: every acknowledged change is in the value that stands, none twice, whatever is lost', async () => {
    const kinds = ['none', 'lose-request', 'lose-answer', 'hold'] as const;
    await alwaysAsync(
      fc.asyncProperty(fc.array(fc.constantFrom(...kinds), { maxLength: 40 }), fc.integer({ min: 2, max: 5 }), async (plan, proposers) => {
        const r = createRegister();
        const script = [...plan];
        const late: (() => void)[] = [];
        r.faults.faultOf = (): RowFault | undefined => {
          const next = script.shift();
          if (next === undefined || next === 'none') return undefined;
          if (next !== 'hold') return { kind: next };
          const s = signal();
          late.push(s.resolve);
          return { kind: 'late', until: s.promise };
        };
        const add =
          (i: number) =>
          (current: RegisterValue): Proposal => ({ kind: 'set', value: { ...current, because: `${current.because}+${i}` } });
        const outcomes: ChangeOutcome[] = await Promise.all(Array.from({ length: proposers }, (_, i) => changeRegister(r.votersOf(i % 2 === 0 ? east : west), genesisBallot, add(i))));
        for (const resolve of late) resolve();
        await Promise.all(r.stores.map((s) => s.delivered()));
        script.length = 0;
        const settled = await changeRegister(r.votersOf(ireland), genesisBallot, refusing('only looking'));
        if (settled.kind !== 'refused') throw new Error(settled.kind);
        const parts = settled.current.because.split('+').slice(1);
        expect(new Set(parts).size).toBe(parts.length);
        outcomes.forEach((outcome, i) => {
          if (outcome.kind === 'chosen') expect(parts).toContain(String(i));
        });
      }),
      200,
    );
  });
});

describe('an acceptor that forgot', () => {
  test('does not vote: it is left out and named, and the two others carry on (H3)', async () => {
    const r = createRegister();
    const emptied: RegisterVoters = { ...r.votersOf(east), acceptors: [new MemoryRowStore(east, []), ...r.stores.slice(1)] };
    expect(await changeRegister(emptied, genesisBallot, setTo('one'))).toMatchObject({ kind: 'chosen' });
    expect(await lookAtRegister(emptied)).toMatchObject({ kind: 'chosen' });
    expect(await new MemoryRowStore(east, []).get(registerKey('orders'))).toBeUndefined();
    const two: RegisterVoters = { ...emptied, acceptors: [new MemoryRowStore(east, []), new MemoryRowStore(west, []), ...r.stores.slice(2)] };
    expect(await changeRegister(two, genesisBallot, setTo('two'))).toMatchObject({ kind: 'unknown' });
    expect(await lookAtRegister(two)).toMatchObject({ kind: 'minority', because: expect.stringContaining('RowMissingError') });
  });

  test('says which voters there are to whoever was deployed with others: the register knows, not the deployment', async () => {
    const r = createRegister();
    const other: RegisterVoters = { ...r.votersOf(east), configId: 'c2' };
    expect(await changeRegister(other, genesisBallot, setTo('x'))).toMatchObject({ kind: 'chosen', value: { config: { id: 'c1' } } });
    expect(await lookAtRegister(other)).toMatchObject({ kind: 'chosen', voters: { id: 'c1' } });
  });

  test('a damaged one is left out, and gets its value back by the next change that a majority agrees on', async () => {
    const r = createRegister();
    const damage = (i: number) => r.memory[i]?.change({ key: registerKey('orders'), set: { acceptedValue: '{}' }, when: [], mayCreate: false });
    await damage(0);
    expect(await r.look()).toMatchObject({ kind: 'chosen' });
    expect(await r.set('one')).toMatchObject({ kind: 'chosen' });
    expect(await r.because()).toEqual(['one', 'one', 'one']);
    await damage(0);
    await damage(1);
    expect(await r.look()).toMatchObject({ kind: 'minority', because: expect.stringContaining('us-east-1: MalformedError') });
    expect(await r.set('two')).toMatchObject({ kind: 'unknown' });
  });
});

describe('a look', () => {
  test('never prepares (H2), and never waits for an acceptor that hangs', async () => {
    const r = createRegister();
    r.faults.faultOf = (call) => (call.region === west ? { kind: 'hold-request', until: never } : undefined);
    expect((await r.look()).kind).toBe('chosen');
    expect(r.stores.flatMap((s) => s.calls).every((c) => c.method === 'get')).toBe(true);
  });
});

describe('untilEnough', () => {
  test('is enough at the answer that suffices, counts failures as ended, and takes no answers after', async () => {
    const slow = signal();
    const failures: string[] = [];
    const sofar = await untilEnough(
      [Promise.resolve(1), Promise.reject(new Error('x')), Promise.resolve(2), slow.promise.then(() => 3)],
      (r) => r.length === 2,
      (i, m) => failures.push(`${i} ${m}`),
    );
    slow.resolve();
    await slow.promise;
    expect(sofar).toEqual([1, 2]);
    expect(failures).toEqual(['1 Error: x']);
    expect(await untilEnough([], () => false)).toEqual([]);
    expect(await untilEnough([Promise.reject(new Error('x')), Promise.resolve(1)], () => false)).toEqual([1]);
  });
});
