// The table of states: unambiguous, complete, and without a dead end.
import { describe, expect, test } from 'vitest';
import { nextState, transitionRules, type TransitionEvent } from '../../src/core/failover/transitions.ts';
import type { GroupState } from '../../src/core/register/value.ts';

const states: readonly GroupState[] = ['normal', 'degraded', 'failing-over', 'recovery', 'failed'];
const events: readonly TransitionEvent[] = [
  'lease-lapsed',
  'region-sick',
  'operator-failover',
  'operator-switch',
  'handed-back',
  'attempt-dead',
  'attempts-spent',
  'rolled-back',
  'gate-opened',
  'service-validated',
  'health-dropped',
  'health-restored',
];

describe('the table', () => {
  test('has one row at most for a state and an event, and a reason in each', () => {
    const names = transitionRules.map((r) => `${r.from} ${r.on}`);
    expect(new Set(names).size).toBe(names.length);
    for (const rule of transitionRules) {
      expect(rule.why.length, `${rule.from} ${rule.on}`).toBeGreaterThan(10);
      expect(states).toContain(rule.from);
      expect(states).toContain(rule.to);
      expect(events).toContain(rule.on);
    }
  });

  test('is what nextState answers; all else does not apply', () => {
    for (const from of states) for (const on of events) expect(nextState(from, on)).toBe(transitionRules.find((r) => r.from === from && r.on === on)?.to);
  });

  test('uses every event and every state', () => {
    expect(new Set(transitionRules.map((r) => r.on))).toEqual(new Set(events));
    expect(new Set(transitionRules.flatMap((r) => [r.from, r.to]))).toEqual(new Set(states));
  });

  test('leads from every state back to normal, and from normal everywhere', () => {
    const reach = (from: GroupState) => {
      const seen = new Set<GroupState>([from]);
      for (let grown = true; grown; ) {
        grown = false;
        for (const r of transitionRules) if (seen.has(r.from) && !seen.has(r.to)) grown = seen.add(r.to).size > 0;
      }
      return seen;
    };
    for (const state of states) expect(reach(state), state).toEqual(new Set(states));
  });

  test('lets a dead holder be followed in every state', () => {
    for (const from of states) expect(nextState(from, 'lease-lapsed'), from).toBe('failing-over');
  });

  test('lets a person move the group out of every state in which nothing is under way', () => {
    // In failing-over an attempt is under way; its end is a next attempt, a roll-back or an opened gate.
    for (const from of states.filter((s) => s !== 'failing-over')) expect(nextState(from, 'operator-failover'), from).toBe('failing-over');
  });

  test('opens and gives up only where an attempt is under way', () => {
    for (const on of ['gate-opened', 'rolled-back', 'attempt-dead'] as const)
      expect(
        states.filter((s) => nextState(s, on) !== undefined),
        on,
      ).toEqual(['failing-over', 'failed']);
  });
});
