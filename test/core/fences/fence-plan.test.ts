// Whom the register wants stopped, in what order, and what the outcomes amount to: by property, over every value that the type allows.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fencesLimitMs, judgeFences, planFences, regionsToFence, requireFenceable, type FenceOutcome, type FencePolicy } from '../../../src/core/fences/fence-plan.ts';
import { UndoPermit } from '../../../src/core/fences/undo-permit.ts';
import { takeLease } from '../../../src/core/failover/register-changes.ts';
import { always, around } from '../property.ts';
import { anyValue, east, renewalId, reservedValue, sydney, valueOf, west } from '../fixtures.ts';

const anyFence: fc.Arbitrary<FencePolicy> = fc.record({
  name: fc.string({ minLength: 1, maxLength: 3 }),
  kind: fc.constantFrom('ec2-stop', 'redfish-power'),
  region: fc.constantFrom(east, west, sydney),
  required: fc.boolean(),
  order: fc.integer({ min: 1, max: 4 }),
  timeoutMs: fc.integer({ min: 1, max: 9 }),
});
const anyFences = fc.array(anyFence, { maxLength: 12 }).map((fences) => fences.map((fence, i) => ({ ...fence, name: `${fence.name}${i}` })));

describe('whom', () => {
  test('nobody but a region that is not reconciled, never the holder, never for another epoch', () => {
    always(
      fc.property(anyValue, around(1, 6), (value, epoch) => {
        const regions = regionsToFence(value, epoch);
        for (const region of regions) {
          expect(region).not.toBe(value.holder);
          expect(value.epoch).toBe(epoch);
          expect(value.regions[region]?.reconciled).toBe(false);
          expect(() => requireFenceable(value, region, epoch)).not.toThrow();
          // Who may be fenced may not be unfenced, and the other way round: there is no value in which both are allowed.
          expect(() => UndoPermit.of(value, region)).toThrow(/is not reconciled: it stays fenced/u);
        }
        for (const region of Object.keys(value.regions))
          if (!regions.includes(region)) expect(() => requireFenceable(value, region, epoch)).toThrow(expect.objectContaining({ name: 'SupersededError' }));
      }),
    );
  });

  test('after a take-over: the region it was taken from, which may not become the holder before a sign-off', () => {
    const before = reservedValue();
    const taken = takeLease(before, before, west, renewalId(9));
    if (taken.kind !== 'set') throw new Error(taken.because);
    expect(regionsToFence(taken.value, 5)).toEqual([east]);
    const revoked = { ...taken.value, renewable: false, successor: east };
    expect(takeLease(revoked, revoked, east, renewalId(10))).toMatchObject({ kind: 'refuse', because: 'us-east-1 is not reconciled' });
  });

  test('after a hand-over that left the old holder reconciled, nobody', () => {
    expect(regionsToFence(valueOf({ holder: west, epoch: 5, released: false }), 5)).toEqual([]);
  });

  test('a region that the group does not know is neither fenced nor unfenced', () => {
    expect(() => requireFenceable(valueOf(), 'eu-central-1', 4)).toThrow('eu-central-1 is no candidate of orders');
    expect(() => UndoPermit.of(valueOf(), 'eu-central-1')).toThrow(/is not a candidate of orders: it may be us-east-1 or us-west-2/u);
  });
});

test('a plan has each fence of its region once, lower orders first, the same order at once', () => {
  always(
    fc.property(anyFences, fc.constantFrom(east, west, sydney), (fences, region) => {
      const stages = planFences(fences, region);
      expect(stages.flat().toSorted((a, b) => fences.indexOf(a) - fences.indexOf(b))).toEqual(fences.filter((fence) => fence.region === region));
      const orders = stages.map((stage) => new Set(stage.map(({ order }) => order)));
      for (const order of orders) expect(order.size).toBe(1);
      const flat = orders.flatMap((order) => [...order]);
      expect(flat).toEqual([...new Set(flat)].toSorted((a, b) => a - b));
      const limit = stages.reduce((sum, stage) => sum + Math.max(...stage.map(({ timeoutMs }) => timeoutMs)), 0);
      expect(fencesLimitMs(fences)).toBeGreaterThanOrEqual(limit);
      expect(fencesLimitMs(fences.filter((fence) => fence.region === region))).toBe(limit);
    }),
  );
});

test('held is said only where each required fence is confirmed; what is not required never counts', () => {
  const anyOutcome: fc.Arbitrary<FenceOutcome> = fc.record({ kind: fc.constantFrom('confirmed', 'failed', 'unknown'), because: fc.constant('so') });
  always(
    fc.property(anyFences, fc.array(fc.option(anyOutcome, { nil: undefined }), { minLength: 12, maxLength: 12 }), (fences, given) => {
      const outcomes = new Map(fences.flatMap(({ name }, i) => (given[i] === undefined ? [] : [[name, given[i]] as const])));
      const judged = judgeFences(fences, outcomes);
      const open = fences.filter(({ name, required }) => required && outcomes.get(name)?.kind !== 'confirmed');
      expect(judged.kind).toBe(open.length === 0 ? 'held' : 'not-held');
      for (const { name } of open) expect(judged.because).toContain(name);
    }),
  );
});
