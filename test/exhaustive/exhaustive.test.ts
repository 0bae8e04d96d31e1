// The real operations, in every order within the bounds of each scenario; and the bugs that this must find.
import { describe, expect, test } from 'vitest';
import { explorePlanted, planted } from './planted.ts';
import { explore } from './scenario.ts';
import { scenarios } from './scenarios.ts';

describe('every order of', () => {
  test.each(scenarios.map((scenario) => ({ name: scenario.name, why: scenario.why, scenario })))('$name: $why', { timeout: 300_000 }, async ({ scenario }) => {
    const explored = await explore(scenario);
    const { found } = explored;
    if (found !== undefined) expect.fail(`'${scenario.name}' breaks '${found.broken.invariant}': ${found.broken.what}\n${found.trace.join('\n')}`);
    expect(explored.isExhausted, `${explored.states} states, and not all`).toBe(true);
    // A scenario in which something never happens says nothing about it.
    expect(explored.notSeen).toEqual([]);
    console.log(`${scenario.name}: ${explored.states} states, ${explored.steps} steps, all within ${JSON.stringify(explored.bounds)}`);
  });
});

describe('planted bugs', () => {
  test.each(planted)('$bug, in: $scenario', { timeout: 300_000 }, async (bug) => {
    const { found, states } = await explorePlanted(bug);
    expect(found, `survived ${states} states`).toBeDefined();
    expect(bug.invariants).toContain(found?.broken.invariant);
    console.log(`${bug.bug}: '${found?.broken.invariant}' after ${states} states, in ${found?.trace.length} steps`);
  });
});
