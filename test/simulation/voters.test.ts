// Voters change under every order of calls that a seed draws, and nothing acknowledged is lost; with a planted bug something is.
import { afterAll, describe, expect, test } from 'vitest';
import { runHistory } from './history.ts';
import { plant } from './mutant.ts';
import { huntBySchedules, voterMutants } from './mutants-voters.ts';
import { oneLostOneEmptyPlan as plan } from './plans.ts';
import { realProduct } from './product.ts';
import { playedByHand } from './voter-scenarios.ts';
import { runSchedule } from './voter-schedules.ts';

const schedules = Number(process.env['HOLDFAST_VOTER_SCHEDULES'] ?? 150);
const firstSeed = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 0x7fff_ffff));
/** From the seed where a mutant is known to be found nearby. */
const schedulesMax = 600;
const groupSeeds = 6;

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

  test('a whole group whose new voter is empty as an old one is lost: it serves again, and with the planted bug it does not', { timeout: 60_000 }, async () => {
    const mutant = voterMutants.find((m) => m.name === 'an admitted acceptor stays empty until something is chosen');
    if (mutant === undefined) throw new Error('There is no such planted bug: this test is about it.');
    const { product, remove } = await plant(mutant);
    const broken: string[] = [];
    try {
      for (let seed = 1; seed <= groupSeeds; seed += 1) {
        expect((await runHistory({ seed, plan })).violation, `seed ${seed}`).toBeUndefined();
        const { violation } = await runHistory({ seed, plan, product });
        if (violation !== undefined) broken.push(violation.invariant);
      }
    } finally {
      await remove();
    }
    expect(new Set(broken)).toEqual(new Set(['somebody serves in the end']));
    expect(broken.length).toBeGreaterThan(groupSeeds / 2);
  });
  afterAll(() => console.log(`\n| planted bug | hole | schedules | what was seen |\n${found.join('\n')}`));
});
