// `holdfast fences`: from a region that was stopped to one that may act again, through the very operations that the function runs.
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryFence, MemoryMachine } from '../../src/drivers/memory/memory-fence.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { fenceStep, type FenceStepPorts } from '../../src/operations/fence-step.ts';
import { chosenValue } from '../../src/operations/run-fences.ts';
import { undoFences } from '../../src/operations/undo-fences.ts';
import type { Notice } from '../../src/ports/notifier.ts';
import { sightingOf } from '../core/fixtures.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs, type Group } from './group-fixture.ts';

const [a, b] = ['us-east-1', 'us-west-2'] as const;
const input = { group: 'orders', epoch: 2, attempt: 1, target: b };
const undo = ['fences', 'undo', '--region', a, '--reason', 'it is back'];

let group: Group;
let machine: MemoryMachine;
let isDeaf: boolean;
let told: Notice[];
let ports: FenceStepPorts & { readonly pages: MemoryRowPages };

beforeEach(async () => {
  group = memoryGroup();
  machine = new MemoryMachine(true);
  [isDeaf, told] = [false, []];
  await group.choose({ holder: b, epoch: 2, attempt: 1, state: 'recovery', paused: null, regions: { [a]: { reconciled: false }, [b]: { reconciled: true } } });
  const inner = new MemoryFence(machine);
  const driver = {
    remember: async (...given: Parameters<MemoryFence['remember']>) => inner.remember(...given),
    fence: async (...given: Parameters<MemoryFence['fence']>) => (isDeaf ? { kind: 'unknown' as const, because: 'no answer' } : inner.fence(...given)),
    undo: async (...given: Parameters<MemoryFence['undo']>) => inner.undo(...given),
  };
  let ids = 0;
  const { rows } = group.of(b);
  ports = {
    me: b,
    group: 'orders',
    own: rows.memory,
    pages: new MemoryRowPages(rows.memory),
    register: { look: async () => sightingOf(await group.value()) },
    fences: [{ name: 'power', kind: 'redfish-power', region: a, required: true, order: 1, timeoutMs: 1000, driver }],
    clock: { nowMs: () => nowMs },
    chance: { id: () => String((ids += 1)) },
    timeLimit: (ms) => AbortSignal.timeout(ms),
    notifier: { notify: async (notice) => void told.push(notice) },
  };
  group.of(b).fences = {
    start: async (given) => void (await fenceStep(ports, given)),
    undo: async (region, asked) => undoFences(ports, await chosenValue(ports), region, asked),
  };
});

/** `status` reads its lists apart. */
const shown = () => group.of(b).lists.set('FENCE_RUN', group.of(b).rows.memory.list('region', 'FENCE_RUN').toReversed());

describe('holdfast fences', () => {
  it('shows each outcome, in status too, until it is undone', async () => {
    expect((await holdfast(group, ['fences'])).out).toBe('no fence was run\n');
    await fenceStep(ports, input);
    shown();
    for (const args of [['fences'], ['fences', 'list', '--region', a], ['status']])
      expect((await holdfast(group, args)).out).toMatch(/us-east-1 +2 +power +redfish-power +required +confirmed +us-west-2 +it is off/u);
    expect((await holdfast(group, ['fences', '--region', b])).out).toBe('no fence was run\n');
    await group.choose({ regions: { [a]: { reconciled: true }, [b]: { reconciled: true } } });
    await holdfast(group, undo);
    shown();
    expect((await holdfast(group, ['status'])).out).not.toContain('redfish-power');
    expect((await holdfast(group, ['fences'])).out).toMatch(/undone/u);
  });

  it('undoes nothing of a region that is not signed off, and everything after it', async () => {
    await fenceStep(ports, input);
    const refused = await holdfast(group, undo);
    expect(refused.exit).toBe(1);
    expect(refused.err).toMatch(/us-east-1 is not reconciled: it stays fenced/u);
    expect(machine.isOn).toBe(false);
    await group.choose({ regions: { [a]: { reconciled: true }, [b]: { reconciled: true } } });
    const { exit, out } = await holdfast(group, undo);
    expect([exit, out]).toEqual([0, 'power (epoch 2, run by us-west-2): undone: it is on\n']);
    expect(machine.isOn).toBe(true);
    expect((await holdfast(group, undo)).out).toBe('nothing of us-east-1 is fenced\n');
  });

  it('says what could not be asked, and that it is not done', async () => {
    await fenceStep(ports, input);
    await group.choose({ regions: { [a]: { reconciled: true }, [b]: { reconciled: true } } });
    group.of(b).fences = { ...group.of(b).fences, undo: async () => Promise.reject(new Error('Connection timed out')) };
    const { exit, out } = await holdfast(group, undo);
    expect(exit).toBe(1);
    expect(out).toMatch(/us-west-2 could not be asked, and what it fenced stays as it is: .*timed out/u);
  });

  it('runs once more what did not hold, and calls a person as often', async () => {
    isDeaf = true;
    await expect(fenceStep(ports, input)).rejects.toMatchObject({ name: 'StepNotReadyError', retryable: true });
    expect(told).toMatchObject([{ severity: 'critical', subject: 'orders: us-east-1 is NOT FENCED (epoch 2)' }]);
    isDeaf = false;
    const { exit, out } = await holdfast(group, ['fences', 'run']);
    expect([exit, out]).toEqual([0, expect.stringMatching(/^us-west-2 stops us-east-1 \(epoch 2\)/u)]);
    expect(machine.isOn).toBe(false);
    expect(told).toHaveLength(1);
    await group.choose({ regions: { [a]: { reconciled: true }, [b]: { reconciled: true } } });
    expect((await holdfast(group, ['fences', 'run'])).err).toMatch(/nobody is to be stopped/u);
  });

  it.each([
    [['fences', 'sever'], /'sever' is not what fences can do/u],
    [['fences', 'undo', '--region', a], /needs --region REGION --reason/u],
    [['fences', 'list', '--reason', 'x'], /fences list does not take --reason/u],
  ])('%j is not understood', async (args, because) => {
    expect(await holdfast(group, args)).toMatchObject({ exit: 2, err: expect.stringMatching(because) });
  });

  it('a step that was started for another region or group does nothing', async () => {
    for (const wrong of [{ target: a }, { group: 'other' }]) await expect(fenceStep(ports, { ...input, ...wrong })).rejects.toMatchObject({ name: 'SupersededError' });
    expect(machine.isOn).toBe(true);
  });
});
