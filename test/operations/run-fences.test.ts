// Fences run beside a failover: in order, each within its time, written down, never on a region that may act; and are undone only by reconciliation.
import { describe, expect, test } from 'vitest';
import type { FencePolicy } from '../../src/core/fences/fence-plan.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { FaultyFence, type FenceFault } from '../../src/drivers/faulty/faulty-fence.ts';
import { MemoryFence, MemoryMachine } from '../../src/drivers/memory/memory-fence.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { runFences, type ArmedFence, type FencePorts } from '../../src/operations/run-fences.ts';
import { fenceRuns, undoFences } from '../../src/operations/undo-fences.ts';
import type { Fence } from '../../src/ports/fence.ts';
import { east, sightingOf, sydney, valueOf, west } from '../core/fixtures.ts';

const asked = { by: 'anna', reason: 'it is back' };
const taken: RegisterValue = valueOf({ holder: west, epoch: 5, regions: { [east]: { reconciled: false }, [west]: { reconciled: true } } });
const signedOff: RegisterValue = { ...taken, regions: { ...taken.regions, [east]: { reconciled: true } } };

function world(specs: readonly (Partial<FencePolicy> & { readonly fault?: (call: string) => FenceFault | undefined; readonly wrap?: (fence: Fence) => Fence })[]) {
  const own = new MemoryRowStore(west);
  const calls: string[] = [];
  const made = specs.map(({ fault, wrap, ...change }, i) => {
    const policy: FencePolicy = { name: `f${i}`, kind: 'ec2-stop', region: east, required: true, order: 1, timeoutMs: 50, ...change };
    const machine = new MemoryMachine(true);
    const inner = new FaultyFence(new MemoryFence(machine), (call) => {
      calls.push(`${policy.name} ${call}`);
      return fault?.(call);
    });
    const fence: ArmedFence = { ...policy, driver: wrap === undefined ? inner : wrap(inner) };
    return { machine, fence };
  });
  let ids = 0;
  const state = { value: taken, nowMs: 1000, looks: 0 };
  const ports: FencePorts = {
    own,
    register: {
      look: async () => {
        state.looks += 1;
        return sightingOf(state.value);
      },
    },
    fences: made.map(({ fence }) => fence),
    clock: { nowMs: () => state.nowMs },
    chance: { id: () => String((ids += 1)) },
    timeLimit: (ms) => AbortSignal.timeout(ms),
  };
  const pages = new MemoryRowPages(own);
  return {
    ports,
    pages,
    state,
    calls,
    machines: made.map(({ machine }) => machine),
    undo: async (value = state.value) => undoFences({ ...ports, pages }, value, east, asked),
    runs: async () => fenceRuns(pages, east),
  };
}

const kinds = (fenced: Awaited<ReturnType<typeof runFences>>) => fenced.flatMap(({ results }) => results.map(({ name, outcome }) => `${name} ${outcome?.kind ?? 'elsewhere'}`));

describe('runFences', () => {
  test('lower orders first, and each that fails or says nothing leaves the others run', async () => {
    const w = world([
      { name: 'last', order: 2 },
      { name: 'deaf', fault: (call) => (call === 'fence' ? 'deaf' : undefined) },
      { name: 'bad', fault: (call) => (call === 'fence' ? 'throws' : undefined), required: false },
    ]);
    const [fenced] = await runFences(w.ports, 5);
    expect(kinds(fenced === undefined ? [] : [fenced])).toEqual(['deaf unknown', 'bad unknown', 'last confirmed']);
    expect(fenced?.judged).toEqual({ kind: 'not-held', because: 'deaf unknown: no answer within 50 ms' });
    expect(w.calls.indexOf('last remember')).toBeGreaterThan(w.calls.indexOf('bad fence'));
    expect(w.machines[0]?.isOn).toBe(false);
    expect((await w.runs()).map(({ name, state, because }) => [name, state, because])).toEqual([
      ['bad', 'unknown', 'a driver that throws'],
      ['deaf', 'unknown', 'no answer within 50 ms'],
      ['last', 'confirmed', 'it is off'],
    ]);
  });

  test('repeated, it runs only what is not confirmed; what was remembered first stays', async () => {
    let isFirst = true;
    const lost = (call: string) => {
      if (call !== 'fence' || !isFirst) return undefined;
      isFirst = false;
      return 'answer-lost';
    };
    const w = world([{}, { fault: lost }]);
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 confirmed', 'f1 unknown']);
    w.state.nowMs += 1;
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 confirmed', 'f1 confirmed']);
    expect(w.calls.filter((call) => call.startsWith('f0'))).toEqual(['f0 remember', 'f0 fence']);
    expect(w.calls.filter((call) => call === 'f1 remember')).toHaveLength(1);
    expect((await w.runs()).map(({ memo }) => memo)).toEqual(['on', 'on']);
    expect(w.machines.map(({ switches }) => switches)).toEqual([1, 1]);
  });

  test('two runs at once: one of them acts, the other has its word or waits for it', async () => {
    const w = world([{}]);
    const both = await Promise.all([runFences(w.ports, 5), runFences(w.ports, 5)]);
    expect(new Set(both.flatMap(kinds))).toEqual(new Set(['f0 confirmed', 'f0 elsewhere']));
    expect(w.calls.filter((call) => call === 'f0 fence')).toHaveLength(1);
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 confirmed']);
  });

  test('a run whose claim is over writes nothing over the one that followed it', async () => {
    let thaw: () => void = () => undefined;
    const frozen = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    let isFirst = true;
    const wrap = (fence: Fence): Fence => ({
      remember: async (...given) => fence.remember(...given),
      undo: async (...given) => fence.undo(...given),
      fence: async (...given) => {
        if (!isFirst) return fence.fence(...given);
        isFirst = false;
        await frozen;
        return { kind: 'failed', because: 'of the first run' };
      },
    });
    const w = world([{ wrap, timeoutMs: 600_000 }]);
    const first = runFences(w.ports, 5);
    while (isFirst) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 elsewhere']);
    w.state.nowMs += 600_000 + 10_000;
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 confirmed']);
    thaw();
    expect(kinds(await first)).toEqual(['f0 confirmed']);
    expect((await w.runs())[0]?.state).toBe('confirmed');
  });

  test.each([
    ['its epoch is over', { epoch: 6 }],
    ['it holds the lease', { holder: east }],
    ['it is signed off', { regions: signedOff.regions }],
  ])('between the first look and the fence: %s, and nothing is done', async (_, change) => {
    const w = world([{}]);
    const run = runFences({ ...w.ports, register: { look: async () => sightingOf(w.state.looks++ === 0 ? taken : { ...taken, ...change }) } }, 5);
    expect(kinds(await run)).toEqual(['f0 unknown']);
    expect(w.calls).toEqual(['f0 remember']);
    expect(w.machines[0]?.isOn).toBe(true);
  });

  test('a register that cannot be read for certain fences nobody', async () => {
    const w = world([{}]);
    await expect(runFences({ ...w.ports, register: { look: async () => sightingOf(taken, 'minority') } }, 5)).rejects.toMatchObject({ name: 'NoQuorumError' });
    let looks = 0;
    const later = await runFences({ ...w.ports, register: { look: async () => sightingOf(taken, (looks += 1) === 1 ? 'chosen' : 'newest') } }, 5);
    expect(kinds(later)).toEqual(['f0 unknown']);
    expect(w.machines[0]?.isOn).toBe(true);
  });

  test('nothing is changed that could not be brought back: what cannot be remembered is not fenced', async () => {
    const w = world([{ fault: (call) => (call === 'remember' ? 'unreachable' : undefined) }]);
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 unknown']);
    expect(w.calls).toEqual(['f0 remember']);
  });

  test('only regions that the register wants stopped, each by its own fences', async () => {
    const w = world([{}, { region: sydney }, { region: west }]);
    expect((await runFences(w.ports, 5)).map(({ region, results }) => [region, results.map(({ name }) => name)])).toEqual([[east, ['f0']]]);
  });
});

describe('undoFences', () => {
  test('is refused while the region is not reconciled, and brings everything back after the sign-off, last fence first', async () => {
    const w = world([{}, { order: 2 }]);
    w.machines[1]?.turn(false);
    await runFences(w.ports, 5);
    await expect(w.undo()).rejects.toMatchObject({ name: 'RefusedError' });
    expect(w.machines.map(({ isOn }) => isOn)).toEqual([false, false]);
    w.state.value = signedOff;
    expect((await w.undo()).map(({ name, outcome }) => [name, outcome.kind])).toEqual([
      ['f1', 'confirmed'],
      ['f0', 'confirmed'],
    ]);
    // What was off before the fence stays off.
    expect(w.machines.map(({ isOn }) => isOn)).toEqual([true, false]);
    expect((await w.runs()).map(({ state }) => state)).toEqual(['undone', 'undone']);
    expect(await w.undo()).toEqual([]);
  });

  test('what is undone is not fenced again by the same epoch, whoever asks', async () => {
    const w = world([{}]);
    await runFences(w.ports, 5);
    await w.undo(signedOff);
    expect(kinds(await runFences(w.ports, 5))).toEqual(['f0 unknown']);
    expect(w.machines[0]?.isOn).toBe(true);
  });

  test('not while a fence may be at work; afterwards, also where it never told how it ended', async () => {
    const w = world([{ fault: (call) => (call === 'fence' ? 'deaf' : undefined), timeoutMs: 600_000 }]);
    void runFences(w.ports, 5);
    while (!w.calls.includes('f0 fence')) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await w.undo(signedOff)).toMatchObject([{ outcome: { kind: 'failed', because: expect.stringMatching(/is running .until 610 s/u) } }]);
    w.machines[0]?.turn(false);
    w.state.nowMs += 610_000;
    expect(await w.undo(signedOff)).toMatchObject([{ outcome: { kind: 'confirmed' } }]);
    expect(w.machines[0]?.isOn).toBe(true);
  });

  test('an undo that failed is said, stays said, and may be repeated', async () => {
    let isBad = true;
    const w = world([{ fault: (call) => (call === 'undo' && isBad ? 'refused' : undefined) }]);
    await runFences(w.ports, 5);
    expect(await w.undo(signedOff)).toMatchObject([{ outcome: { kind: 'failed' } }]);
    expect((await w.runs())[0]?.state).toBe('undo-failed');
    isBad = false;
    w.state.nowMs += 1;
    expect(await w.undo(signedOff)).toMatchObject([{ outcome: { kind: 'confirmed' } }]);
    expect(w.machines[0]?.isOn).toBe(true);
  });

  test('a fence that the configuration has no more is named, with what it remembers', async () => {
    const w = world([{}]);
    await runFences(w.ports, 5);
    const [undone] = await undoFences({ ...w.ports, fences: [], pages: w.pages }, signedOff, east, asked);
    expect(undone?.outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('(on)') });
  });

  test('two epochs that fenced the same: the first remembers what stood', async () => {
    const w = world([{}]);
    await runFences(w.ports, 5);
    w.state.value = { ...taken, epoch: 6 };
    await runFences(w.ports, 6);
    expect((await w.runs()).map(({ epoch, memo }) => [epoch, memo])).toEqual([
      [5, 'on'],
      [6, 'off'],
    ]);
    expect(await w.undo({ ...signedOff, epoch: 6 })).toHaveLength(2);
    expect(w.machines[0]?.isOn).toBe(true);
  });
});
