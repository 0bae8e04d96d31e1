// What a governor decides, each trigger one millisecond before its limit, at it, and after it; and what it never decides.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bestTarget, decide, whyIneligible, type Decision, type View } from '../../src/core/failover/decide.ts';
import { declareLapse, nextAttempt, revoke } from '../../src/core/failover/register-changes.ts';
import { advanceLook, firstLook, type Look } from '../../src/core/lease/look.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { anyValue, attemptMs, east, ireland, judgement, maker, policy, renewalId, reservedValue, sightingOf, sydney, takeOverMs, valueOf, verdictOf, west } from './fixtures.ts';
import { always, around } from './property.ts';

const began = 1_000_000;
const agree = { kind: 'agree', because: '' } as const;
const well = [verdictOf(east), verdictOf(west)];
const holderDead = [verdictOf(east, { liveness: judgement('failing'), health: 0.1 }), verdictOf(west)];

/** A region that has looked at exactly this value for `seenMs`. */
function viewOf(value: RegisterValue, seenMs: number, change: Partial<View> = {}): View {
  const sighting = sightingOf(value);
  return { me: west, nowMs: began + seenMs, sighting, look: advanceLook(firstLook, sighting, began), verdicts: well, clock: agree, ...change };
}
/** The same, where the attempt has been seen for another time than the renewal. */
function lookOf(value: RegisterValue, renewalSinceMs: number, attemptSinceMs: number): Look {
  return { ...advanceLook(firstLook, sightingOf(value), began), sinceMs: renewalSinceMs, attemptSinceMs };
}
const kinds = (decisions: readonly Decision[]) => decisions.map((d) => d.kind);
const atLimit = (limit: number, at: (ms: number) => Decision) => kinds([limit - 1, limit, limit + 1].map(at));

describe('a lapse', () => {
  test('is declared when the renewal was seen for D + ε, not a millisecond before', () => {
    expect(atLimit(takeOverMs, (ms) => decide(viewOf(valueOf(), ms), policy))).toEqual(['look-again', 'declare-lapse', 'declare-lapse']);
    expect(decide(viewOf(valueOf(), takeOverMs), policy)).toMatchObject({ target: west, because: 'us-east-1 has not renewed epoch 4 for 22000 ms (D + ε = 22000 ms)' });
  });

  test('is looked at again when it falls due within this tick', () => {
    expect(atLimit(takeOverMs - 5000, (ms) => decide(viewOf(valueOf(), ms), policy))).toEqual(['nothing', 'look-again', 'look-again']);
    expect(decide(viewOf(valueOf(), takeOverMs - 300), policy)).toMatchObject({ kind: 'look-again', inMs: 300 });
  });

  test('is declared by a witness too, and by whoever saw a minority: the register judges it', () => {
    expect(decide(viewOf(valueOf(), takeOverMs, { me: ireland }), policy)).toMatchObject({ kind: 'declare-lapse', target: west });
    expect(decide(viewOf(valueOf(), takeOverMs, { sighting: sightingOf(valueOf(), 'minority') }), policy).kind).toBe('declare-lapse');
  });

  test('is never declared by the holder of itself', () => {
    expect(decide(viewOf(valueOf(), 10 * takeOverMs, { me: east }), policy).kind).toBe('nothing');
  });

  test.each([
    ['unhealthy', { liveness: judgement('failing') }, 'is failing'],
    ['of unknown liveness', { liveness: judgement('unknown') }, 'is unknown'],
    ['not ready', { readiness: judgement('failing') }, 'is failing'],
  ])('is not declared where the only target is %s, and it says so', (_, change, because) => {
    const decision = decide(viewOf(valueOf(), takeOverMs, { verdicts: [verdictOf(east), verdictOf(west, change)] }), policy);
    expect(decision).toMatchObject({ kind: 'nothing', because: expect.stringContaining(`no candidate may take over: us-east-1: it is the one that failed; us-west-2: ${because}`) });
  });

  test('is not declared in favour of an unreconciled region', () => {
    const value = valueOf({ regions: { [east]: { reconciled: true }, [west]: { reconciled: false } } });
    expect(decide(viewOf(value, takeOverMs), policy)).toMatchObject({ kind: 'nothing', because: expect.stringContaining('us-west-2: it is not reconciled') });
  });

  test('readiness that is unknown forbids no target: a standby may not be ready yet', () => {
    expect(decide(viewOf(valueOf(), takeOverMs, { verdicts: [verdictOf(east), verdictOf(west, { readiness: judgement('unknown') })] }), policy).kind).toBe('declare-lapse');
  });
});

describe('a dead attempt', () => {
  const dead = (value: RegisterValue, ms: number, change: Partial<View> = {}, by: Policy = policy) => decide(viewOf(value, 0, { nowMs: began + ms, look: lookOf(value, began, began), ...change }), by);

  test('is followed by the next one when it was seen for 2(D + ε), not a millisecond before (C5)', () => {
    expect(atLimit(attemptMs, (ms) => dead(reservedValue(), ms))).toEqual(['nothing', 'next-attempt', 'next-attempt']);
  });

  test('in mode approve, the time that a person is given comes on top', () => {
    const approve: Policy = { ...policy, mode: 'approve' };
    expect(atLimit(attemptMs + 300_000, (ms) => dead(reservedValue(), ms, {}, approve))).toEqual(['nothing', 'next-attempt', 'next-attempt']);
  });

  test('is followed in state failed as well', () => {
    expect(dead(reservedValue({ state: 'failed' }), attemptMs).kind).toBe('next-attempt');
  });

  test.each([
    ['the deposed holder, though it is not reconciled (C5)', east, { [east]: { reconciled: false } }, 'next-attempt'],
    ['another reconciled candidate', west, { [west]: { reconciled: true } }, 'next-attempt'],
    ['an unreconciled candidate', west, { [west]: { reconciled: false } }, 'nothing'],
    ['a witness', ireland, {}, 'nothing'],
    ['a region of no role', sydney, { [sydney]: { reconciled: true } }, 'nothing'],
  ])('may be followed by %s: %s', (_, me, regions, expected) => {
    const value = reservedValue({ regions: { ...reservedValue().regions, ...regions } });
    expect(dead(value, attemptMs, { me }).kind).toBe(expected);
  });

  test('is never seen in a state where nobody tries', () => {
    for (const state of ['normal', 'degraded', 'recovery'] as const) expect(dead(valueOf({ state }), 10 * attemptMs, { me: east }).kind).not.toBe('next-attempt');
  });

  test('a failover that has just begun is not dead, however long the group was calm before', () => {
    // Both candidates looked at the calm value for a week; then the sick holder is revoked. Whoever ticks next must leave the
    // attempt to its target, and above all the sick holder must not take it back.
    const calm = valueOf();
    const week = advanceLook(firstLook, sightingOf(calm), began);
    const nowMs = began + 7 * 86_400_000;
    const revoked = revoke(calm, { epoch: 4 }, 'region-sick', west, maker());
    const lapsed = declareLapse(calm, calm, west, maker());
    for (const proposed of [revoked, lapsed]) {
      if (proposed.kind === 'refuse') throw new Error(proposed.because);
      const sighting = sightingOf(proposed.value, 'chosen', 10);
      const look = advanceLook(week, sighting, nowMs);
      for (const me of [east, west]) expect(decide(viewOf(proposed.value, 0, { me, nowMs, sighting, look }), policy).kind).toBe('nothing');
      const later = { nowMs: nowMs + attemptMs, sighting, look };
      expect(decide(viewOf(proposed.value, 0, later), policy).kind).toBe('next-attempt');
    }
  });
});

describe('a sick holder that still renews (H4)', () => {
  const sick = (value: RegisterValue, attemptSeenMs: number, change: Partial<View> = {}) =>
    decide(viewOf(value, 0, { nowMs: began + 2_000_000, look: lookOf(value, began + 2_000_000, began + 2_000_000 - attemptSeenMs), verdicts: holderDead, ...change }), policy);

  test('is revoked, by whichever governor, itself included', () => {
    for (const me of [east, west, ireland]) expect(sick(valueOf(), 600_000, { me })).toMatchObject({ kind: 'revoke', target: west, because: 'is failing' });
    expect(sick(valueOf({ state: 'degraded' }), 600_000).kind).toBe('revoke');
  });

  test('of readiness alone as well', () => {
    expect(sick(valueOf(), 600_000, { verdicts: [verdictOf(east, { readiness: judgement('failing') }), verdictOf(west)] }).kind).toBe('revoke');
  });

  test('not within the cool-down after the last failover; at its end, yes', () => {
    expect(atLimit(policy.policy.cooldownMs, (ms) => sick(valueOf(), ms))).toEqual(['nothing', 'revoke', 'revoke']);
    expect(sick(valueOf(), 599_999)).toMatchObject({ because: expect.stringContaining('cool-down 600000 ms') });
  });

  test('the first epoch has no failover behind it, and so no cool-down', () => {
    expect(sick(valueOf({ epoch: 1 }), 0).kind).toBe('revoke');
    // Unless it has only just opened, and nothing is known of it yet.
    expect(atLimit(policy.policy.cooldownMs, (ms) => sick(valueOf({ epoch: 1, state: 'recovery' }), ms))).toEqual(['nothing', 'revoke', 'revoke']);
  });

  test('unknown health revokes nobody', () => {
    expect(sick(valueOf(), 600_000, { verdicts: [verdictOf(east, { liveness: judgement('unknown'), readiness: judgement('unknown') }), verdictOf(west)] }).kind).toBe('nothing');
  });

  test('is not revoked where nobody could follow', () => {
    expect(sick(valueOf(), 600_000, { verdicts: [verdictOf(east, { liveness: judgement('failing') }), verdictOf(west, { liveness: judgement('failing') })] })).toMatchObject({
      kind: 'nothing',
      because: expect.stringContaining('no candidate may take over'),
    });
  });

  test('is not revoked in favour of who is only just well again, and it says so: what ailed both may be over for both', () => {
    expect(sick(valueOf(), 600_000, { verdicts: [verdictOf(east, { readiness: judgement('failing') }), verdictOf(west, { steadyAt: [ireland] })] })).toMatchObject({
      kind: 'nothing',
      because: expect.stringContaining('us-west-2: it was not well while the other one failed'),
    });
    const three = [verdictOf(east, { readiness: judgement('failing') }), verdictOf(sydney, { steadyAt: [ireland] }), verdictOf(west, { health: 0.5 })];
    const value = valueOf({ regions: { [east]: { reconciled: true }, [west]: { reconciled: true }, [sydney]: { reconciled: true } } });
    expect(sick(value, 600_000, { verdicts: three })).toMatchObject({ kind: 'revoke', target: west });
    // The majority that saw the one failing must be the one that saw the other well.
    const at = (failingAt: string[], steadyAt: string[]) =>
      sick(valueOf(), 600_000, { verdicts: [verdictOf(east, { readiness: judgement('failing'), failingAt }), verdictOf(west, { steadyAt })] }).kind;
    expect([at([east, west], [west, ireland]), at([east, west], [east, west]), at([east, west, ireland], [west, ireland])]).toEqual(['nothing', 'revoke', 'revoke']);
    // Who is dead is followed by whoever is there.
    expect(decide(viewOf(valueOf(), takeOverMs, { verdicts: [verdictOf(east), verdictOf(west, { steadyAt: [ireland] })] }), policy).kind).toBe('declare-lapse');
  });

  test('that opened and was never validated is not stuck: the state recovery is no shelter from a verdict', () => {
    expect(sick(valueOf({ state: 'recovery' }), 600_000).kind).toBe('revoke');
  });
});

describe('health', () => {
  const at = (state: 'normal' | 'degraded' | 'recovery', ...healths: (number | null)[]) =>
    decide(viewOf(valueOf({ state }), 0, { verdicts: healths.map((health, i) => verdictOf(i === 0 ? east : west, { health })) }), policy).kind;

  test('normal → degraded below the lower limit, and not at it', () => {
    expect([0.69, 0.7, 0.71].map((h) => at('normal', 1, h))).toEqual(['health-dropped', 'nothing', 'nothing']);
  });
  test('degraded → normal above the higher limit for every candidate, and not at it; between the limits nothing moves', () => {
    expect([0.79, 0.8, 0.81].map((h) => at('degraded', 1, h))).toEqual(['nothing', 'nothing', 'health-restored']);
    expect(at('degraded', 0.75, 0.75)).toBe('nothing');
    expect(at('normal', 0.75, 0.75)).toBe('nothing');
  });
  test('unknown health neither drops nor restores', () => {
    expect(at('normal', 1, null)).toBe('nothing');
    expect(at('degraded', 1, null)).toBe('nothing');
  });
  test('is no matter while something else is under way', () => {
    expect(at('recovery', 0.1, 0.1)).toBe('nothing');
  });
});

describe('nothing is decided', () => {
  const anyView = fc
    .record({
      value: anyValue,
      me: fc.constantFrom(east, west, ireland),
      seenMs: around(takeOverMs, attemptMs, policy.policy.cooldownMs),
      holder: fc.constantFrom('healthy' as const, 'failing' as const, 'unknown' as const),
      other: fc.constantFrom('healthy' as const, 'failing' as const, 'unknown' as const),
      kind: fc.constantFrom('chosen' as const, 'newest' as const, 'minority' as const),
    })
    .map(({ value, me, seenMs, holder, other, kind }) =>
      viewOf(value, seenMs, { me, sighting: sightingOf(value, kind), verdicts: [verdictOf(east, { liveness: judgement(holder) }), verdictOf(west, { liveness: judgement(other) })] }),
    );

  test('while paused, by whoever, whatever is seen', () => {
    always(
      fc.property(anyView, (view) => {
        fc.pre(view.sighting.kind !== 'nothing' && view.sighting.value.paused !== null);
        expect(decide(view, policy)).toMatchObject({ kind: 'nothing', because: expect.stringContaining('paused by anna') });
      }),
    );
  });

  test('while the clocks disagree, and while nobody answers', () => {
    always(
      fc.property(anyView, (view) => {
        expect(decide({ ...view, clock: { kind: 'disagree', because: 'clocks' } }, policy)).toEqual({ kind: 'nothing', because: 'clocks' });
        expect(decide({ ...view, sighting: { kind: 'nothing', because: 'silence' } }, policy)).toEqual({ kind: 'nothing', because: 'silence' });
        expect(decide({ ...view, clock: { kind: 'unknown', because: '' } }, policy)).toEqual(decide(view, policy));
      }),
    );
  });

  test('that the register would refuse: every decision is one that its change accepts', () => {
    always(
      fc.property(anyView, (view) => {
        if (view.sighting.kind === 'nothing') return;
        const { value } = view.sighting;
        const decision = decide(view, policy);
        const proposed =
          decision.kind === 'declare-lapse'
            ? declareLapse(value, value, decision.target, maker())
            : decision.kind === 'revoke'
              ? revoke(value, value, 'region-sick', decision.target, maker())
              : decision.kind === 'next-attempt'
                ? nextAttempt(value, value, view.me, 3, maker())
                : undefined;
        if (proposed !== undefined) expect(proposed).toMatchObject({ kind: 'set' });
      }),
      1000,
    );
  });

  test('in favour of the holder, a witness, or a region that is not reconciled', () => {
    always(
      fc.property(anyView, (view) => {
        const decision = decide(view, policy);
        if (view.sighting.kind === 'nothing' || !('target' in decision)) return;
        expect(decision.target).not.toBe(view.sighting.value.holder);
        expect([east, west]).toContain(decision.target);
        expect(view.sighting.value.regions[decision.target]?.reconciled).toBe(true);
      }),
      1000,
    );
  });

  test('by a clock that belongs to another renewal', () => {
    const old = viewOf(valueOf({ renewal: renewalId(6) }), takeOverMs);
    expect(decide({ ...old, sighting: sightingOf(valueOf()) }, policy).kind).toBe('nothing');
  });
});

test('bestTarget: the best of those that may; whyIneligible says why not', () => {
  const value = valueOf({ regions: { [east]: { reconciled: true }, [west]: { reconciled: true }, [sydney]: { reconciled: true } } });
  const verdicts = [verdictOf(east), verdictOf(west, { health: 0.8 }), verdictOf(sydney, { health: 0.9 })];
  expect(bestTarget({ verdicts }, value)).toBe(sydney);
  expect(bestTarget({ verdicts: [verdictOf(east), verdictOf(west)] }, valueOf({ holder: west }))).toBe(east);
  expect(bestTarget({ verdicts: [] }, value)).toBeUndefined();
  expect(whyIneligible(verdictOf(west), value)).toBeUndefined();
  expect(whyIneligible(verdictOf(ireland), value)).toBe('it is not reconciled');
});
