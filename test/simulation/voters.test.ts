// Voters change under every order of calls that a seed draws, and nothing acknowledged is lost; with a planted bug something is.
import { afterAll, describe, expect, test } from 'vitest';
import { huntBySchedules, voterMutants } from './mutants-voters.ts';
import { realProduct } from './product.ts';
import { playedByHand } from './voter-scenarios.ts';
import { runSchedule } from './voter-schedules.ts';

const schedules = Number(process.env['HOLDFAST_VOTER_SCHEDULES'] ?? 150);
const firstSeed = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));
/** From the seed where a mutant is known to be found nearby. */
const schedulesMax = 60;

describe('voters that change', () => {
  test(`${schedules} schedules from seed ${firstSeed} lose nothing, and voters do change in them`, { timeout: 180_000 }, async () => {
    let [acknowledged, sets] = [0, 0];
    for (let i = 0; i < schedules; i += 1) {
      const result = await runSchedule(realProduct, firstSeed + i);
      expect(result.violation, `HOLDFAST_SEED=${firstSeed + i} HOLDFAST_VOTER_SCHEDULES=1`).toBeUndefined();
      acknowledged += result.acknowledged;
      sets += result.sets;
    }
    expect(acknowledged).toBeGreaterThan(schedules);
    expect(sets).toBeGreaterThan(schedules / 2);
  });

  test('a schedule is its seed', async () => {
    for (const seed of [3, 17, 40]) expect(await runSchedule(realProduct, seed)).toEqual(await runSchedule(realProduct, seed));
  });

  test.each(playedByHand)('$name, played by hand, loses nothing', async (play) => {
    expect(await play(realProduct)).toBeUndefined();
  });
});

describe('planted bugs in the change of voters', () => {
  const found: string[] = [];
  test.each(voterMutants.map((mutant) => ({ name: mutant.name, hole: mutant.hole, mutant })))('$name ($hole)', { timeout: 180_000 }, async ({ mutant }) => {
    const { schedules: took, violation } = await huntBySchedules(mutant, schedulesMax);
    found.push(`| ${mutant.name} | ${mutant.hole} | ${took === 0 ? 'by hand' : took} | ${violation ?? 'SURVIVED'} |`);
    expect(violation, `'${mutant.name}' survived ${schedulesMax} schedules from seed ${mutant.fromSeed ?? 1}`).toBeDefined();
  });
  afterAll(() => console.log(`\n| planted bug | hole | schedules | what was seen |\n${found.join('\n')}`));
});
