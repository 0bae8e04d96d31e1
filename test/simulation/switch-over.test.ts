// Planned switch-overs: in calm times each comes off; and every planted bug in them must be found.
import { expect, test } from 'vitest';
import { freshSeed } from './expect-sound.ts';
import { runHistory } from './history.ts';
import { firstSeed, historiesMax, hunt } from './hunt.ts';
import { switchMutants } from './mutants-switch.ts';
import { calmSwitchPlan } from './plans-switch.ts';

const calmHistories = 20;
const soundSeeds = 10;

test.each(['tables', 'strong'] as const)('in calm times each comes off, there and back (register: %s)', { timeout: 120_000 }, async (register) => {
  const seed = Number(process.env['HOLDFAST_SEED'] ?? freshSeed());
  console.log(`planned switch-overs: seeds ${seed} to ${seed + calmHistories - 1}`);
  let [keys, asked] = [0, 0];
  for (let i = 0; i < calmHistories; i += 1) {
    const { violation, switches, changesApplied } = await runHistory({ seed: seed + i, plan: calmSwitchPlan, register });
    expect(violation, `seed ${seed + i}`).toBeUndefined();
    // A person whose answer is lost asks again; here it is left at that.
    expect(switches).toEqual({ asked: switches.asked, released: switches.asked, taken: switches.asked, takenBack: 0 });
    asked += switches.asked;
    keys += changesApplied;
  }
  expect(asked).toBeGreaterThan(2 * calmHistories);
  expect(keys).toBeGreaterThan(10 * calmHistories);
});

test('what was made for one hole, the sound code survives', { timeout: 120_000 }, async () => {
  const broken = [];
  for (const plan of new Set(switchMutants.flatMap((m) => m.plan ?? []))) {
    for (let seed = 1; seed <= soundSeeds; seed += 1) {
      const { violation } = await runHistory({ seed, plan });
      if (violation !== undefined) broken.push({ seed, plan, violation });
    }
  }
  expect(broken).toEqual([]);
});

test.each(switchMutants.map((mutant) => ({ name: mutant.name, hole: mutant.hole, mutant })))('planted: $name ($hole)', { timeout: 240_000 }, async ({ name, mutant }) => {
  const found = await hunt(mutant, firstSeed);
  console.log(`planted in the switch-over: '${name}' found after ${found.histories}: ${found.violation?.invariant ?? 'SURVIVED'}`);
  expect(found.violation, `'${name}' survived ${historiesMax} histories from seed ${firstSeed}`).toBeDefined();
});
