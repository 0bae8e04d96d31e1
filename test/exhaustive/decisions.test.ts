// What the regions of a group may be told by one value, over every view of a small alphabet.
import { expect, test } from 'vitest';
import { decideAll, policy, proposalOf, values } from './decisions.ts';

test('no two regions are told to take over by one value, and every intent can be carried out on the value that it was decided on', { timeout: 120_000 }, () => {
  const told = decideAll();
  console.log(`decisions: ${told.views} views, ${told.intents} intents`);
  expect(told.wrong).toEqual([]);
  // Nothing that may be decided was left out.
  expect([...told.kinds].toSorted((a, b) => a.localeCompare(b))).toEqual(['declare-lapse', 'health-dropped', 'health-restored', 'next-attempt', 'revoke']);
});

test('the check can fail: a next attempt that only looks at the epoch that stands would be carried out on an attempt that nobody has seen', () => {
  const dead = [...values()].find((v) => v.state === 'failing-over' && v.successor === null && v.paused === null && v.attempt === 1);
  if (dead === undefined) throw new Error('The alphabet has no dead attempt at a taken epoch.');
  const east = proposalOf({ me: 'east', decision: { kind: 'next-attempt', because: '' } }, dead, dead);
  if (east.kind !== 'set') throw new Error(east.because);
  const west = { me: 'west', decision: { kind: 'next-attempt', because: '' } } as const;
  expect(proposalOf(west, east.value, dead).kind).toBe('refuse');
  // As it was before: the epoch and the attempt alone.
  expect(proposalOf(west, east.value, { ...dead, successor: 'east' }).kind).toBe('set');
  expect(policy.policy.attemptsMax).toBeGreaterThan(1);
});
