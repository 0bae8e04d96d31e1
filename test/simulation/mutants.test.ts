// The simulation is worth what it finds: every planted bug must be found, by the invariant that it breaks.
import { afterAll, describe, expect, test } from 'vitest';
import { hunt, tableOf, type Hunt } from './hunt.ts';
import { mutants } from './mutants.ts';

const historiesMax = 400;
const firstSeed = 9000;
const hunts: Hunt[] = [];

describe('planted bugs', () => {
  test.each(mutants.map((mutant) => ({ name: mutant.name, hole: mutant.hole, mutant })))('$name ($hole)', { timeout: 120_000 }, async ({ mutant }) => {
    const found = await hunt(mutant, mutant.fromSeed ?? firstSeed, historiesMax);
    hunts.push(found);
    expect(found.violation, `'${mutant.name}' survived ${historiesMax} histories from seed ${firstSeed}: widen faults.ts`).toBeDefined();
  });

  afterAll(() => console.log(`\n${tableOf(hunts)}`));
});
