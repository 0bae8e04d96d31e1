// The simulation is worth what it finds: every planted bug must be found, by the invariant that it breaks.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { firstSeed, historiesMax, hunt } from './hunt.ts';
import { runHistory } from './history.ts';
import { command, listedIn, pagePath } from './mutants-page.ts';
import { mutants } from './mutants.ts';
import { countBroken, redundant } from './redundant.ts';

const listed = listedIn(await readFile(pagePath, 'utf8'));
const soundSeeds = 10;
const aloneHere = 5;

describe('planted bugs', () => {
  test('docs/mutants.md lists exactly those that exist', () => {
    expect(listed.map((l) => l.name).toSorted(), `write it anew: ${command}`).toEqual(mutants.map((m) => m.name).toSorted());
  });

  test.each(mutants.map((mutant) => ({ name: mutant.name, hole: mutant.hole, mutant })))('$name ($hole)', { timeout: 120_000 }, async ({ mutant }) => {
    const fromSeed = listed.find((l) => l.name === mutant.name)?.seed ?? firstSeed;
    const found = await hunt(mutant, fromSeed);
    expect(found.violation, `'${mutant.name}' survived ${historiesMax} histories from seed ${fromSeed}: widen faults.ts`).toBeDefined();
  });

  test.each(redundant.map((sentence) => ({ name: sentence.name, sentence })))('$name: left out alone, nothing breaks here', { timeout: 60_000 }, async ({ sentence }) => {
    expect(await countBroken(sentence, firstSeed, aloneHere), `It is no second line of defence any more: move it from redundant.ts to the planted bugs`).toBe(0);
  });

  test('what was made for one hole, the sound code survives', { timeout: 60_000 }, async () => {
    const plans = [...new Set(mutants.flatMap((m) => m.plan ?? []))];
    const broken = [];
    for (const plan of plans) {
      for (let seed = 1; seed <= soundSeeds; seed += 1) {
        const { violation } = await runHistory({ seed, plan });
        if (violation !== undefined) broken.push({ seed, plan, violation });
      }
    }
    expect(broken).toEqual([]);
  });
});
