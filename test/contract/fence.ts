// The contract of Fence (src/ports/fence.ts), one suite for every driver: each is judged by looking at the thing itself, never through the driver.
import { describe, expect, test } from 'vitest';
import { UndoPermit } from '../../src/core/fences/undo-permit.ts';
import type { Fence } from '../../src/ports/fence.ts';
import { east, valueOf, west } from '../core/fixtures.ts';

/** What the way to the peer does. `ineffective`: the peer accepts every call and changes nothing. */
export type PeerFault = 'none' | 'unreachable' | 'silent' | 'answer-lost' | 'ineffective';

export type FenceUnderTest = {
  readonly fence: Fence;
  /** Asked of the peer itself. */
  readonly isStopped: () => Promise<boolean>;
  /** Everything that undo must bring back, as text, by the peer itself. */
  readonly state: () => Promise<string>;
  /** As if somebody had stopped it before. Left out where there is no such thing. */
  readonly stopBeforehand?: () => Promise<void>;
  readonly suffer: (fault: PeerFault) => Promise<void>;
};

const target = { region: east, epoch: 5 };
export const permit = UndoPermit.of(valueOf({ holder: west, epoch: 5, regions: { [east]: { reconciled: true }, [west]: { reconciled: true } } }), east);
const longMs = 20_000;
const shortMs = 400;
/** How long after its limit an answer may come: local peers, and a machine under load. */
const lateMs = 2000;

const soon = () => AbortSignal.timeout(longMs);

/** @param make a thing that is running, by itself: no other test touches it */
export function fenceContract(driver: string, faults: readonly PeerFault[], make: () => Promise<FenceUnderTest>): void {
  // Each has a thing of its own, and most of the time is waiting for it.
  describe.concurrent(`Fence: ${driver}`, () => {
    test('remember changes nothing; fence stops it, twice is as once; undo brings back what stood, twice as well', async () => {
      const { fence, isStopped, state } = await make();
      const before = await state();
      expect(await isStopped()).toBe(false);
      const memo = await fence.remember(target, soon());
      expect(await state()).toBe(before);
      expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await isStopped()).toBe(true);
      const stopped = await state();
      expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await state()).toBe(stopped);
      expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await isStopped()).toBe(false);
      expect(await state()).toBe(before);
      expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await state()).toBe(before);
    });

    test('undo of what was never fenced changes nothing; what was stopped before stays stopped after fence and undo', async () => {
      const { fence, isStopped, state, stopBeforehand } = await make();
      const running = await state();
      expect(await fence.undo(permit, await fence.remember(target, soon()), soon())).toMatchObject({ kind: 'confirmed' });
      expect(await state()).toBe(running);
      if (stopBeforehand === undefined) return;
      await stopBeforehand();
      const before = await state();
      const memo = await fence.remember(target, soon());
      expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await isStopped()).toBe(true);
      expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await state()).toBe(before);
    });

    test('nothing is begun under a signal that is aborted already', async () => {
      const { fence, state } = await make();
      const before = await state();
      const memo = await fence.remember(target, soon());
      expect(await fence.fence(target, AbortSignal.abort())).toMatchObject({ kind: 'unknown' });
      expect(await fence.undo(permit, memo, AbortSignal.abort())).toMatchObject({ kind: 'unknown' });
      await expect(fence.remember(target, AbortSignal.abort())).rejects.toThrow();
      expect(await state()).toBe(before);
    });

    test.each(faults.filter((fault) => fault !== 'none'))('%s: not confirmed unless it is so, ends by its limit, and the next one is right', async (fault) => {
      const { fence, isStopped, state, suffer } = await make();
      const before = await state();
      const memo = await fence.remember(target, soon());
      await suffer(fault);
      const startedAt = performance.now();
      const limitMs = fault === 'answer-lost' ? longMs : shortMs;
      const outcome = await fence.fence(target, AbortSignal.timeout(limitMs));
      expect(performance.now() - startedAt).toBeLessThan(limitMs + lateMs);
      // A lost answer may be found out by asking again; nothing else may be taken for done.
      if (fault === 'answer-lost' && outcome.kind === 'confirmed') expect(await isStopped()).toBe(true);
      else expect(outcome).toEqual({ kind: 'unknown', because: expect.stringMatching(/./u) });
      const undone = await fence.undo(permit, memo, AbortSignal.timeout(shortMs));
      await suffer('none');
      // A fault on the way leaves either; what was lost is found out by asking again.
      if (undone.kind === 'confirmed') expect(await isStopped()).toBe(false);
      expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await isStopped()).toBe(true);
      expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
      expect(await state()).toBe(before);
    });
  });
}
