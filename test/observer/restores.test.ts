// The run of random seconds, rehearsed on the stage: a product that restores rightly passes, one that is late does not; and the seconds are
// those which were lived through.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startClock } from './clock.ts';
import { Stage } from './rehearsal/stage.ts';
import { drawMoments, playRestores } from './restores.ts';
import { randomFrom } from './seeded.ts';

const LIMIT_MS = 60_000;
const TIMINGS = { beforeFirstMs: 500, afterEachMs: 2000, tailMs: 0 };
const SEED = 7;

async function rehearse(network: number, mistakes: { restoresLate?: boolean; restoresAnything?: boolean }) {
  const stage = new Stage(network, mistakes);
  const said: string[] = [];
  try {
    await stage.open();
    const options = { clock: startClock(), regionsPath: stage.regionsPath, product: stage.product, signal: new AbortController().signal };
    const played = await playRestores({ ...options, restores: 6, seed: SEED, timings: TIMINGS, say: (line) => said.push(line) });
    return { played, said, mishaps: stage.mishaps };
  } finally {
    await stage.close();
  }
}

test.concurrent(
  'a product that restores rightly: each second is compared, one that nothing covers is refused, nothing is wrong',
  async () => {
    const { played, said, mishaps } = await rehearse(45, {});
    expect(mishaps).toEqual([]);
    expect(played.problems).toEqual([]);
    expect(played.restored.length).toBe(6);
    expect(new Set(played.restored.map(({ region }) => region)).size).toBe(2);
    expect(Math.min(...played.restored.map(({ comparison }) => comparison?.right ?? 0))).toBeGreaterThan(5);
    expect(said.filter((line) => / of 6: 20.* \d+ orders right, .*missing 0, extra 0, wrong 0/.test(line)).length).toBe(6);
    expect(said.some((line) => line.includes(`seed ${SEED}`))).toBe(true);
  },
  LIMIT_MS,
);

test.concurrent(
  'a product that restores too late a moment, and one that nothing covers',
  async () => {
    const { played, mishaps } = await rehearse(46, { restoresLate: true, restoresAnything: true });
    expect(mishaps).toEqual([]);
    expect(played.problems.some((problem) => problem.includes('should not be there'))).toBe(true);
    expect(played.problems.at(-1)).toContain('nothing covers it');
  },
  LIMIT_MS,
);

test('the moments are ends of whole seconds that were covered from begin to end, each once while there are enough', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 31 }), fc.nat({ max: 5000 }), fc.integer({ min: 2000, max: 90_000 }), fc.integer({ min: 1, max: 60 }), (seed, offset, length, count) => {
      const from = 1_795_000_000_000 + offset;
      const moments = drawMoments(from, from + length, count, randomFrom(seed));
      expect(moments.length).toBe(count);
      expect(moments).toEqual(drawMoments(from, from + length, count, randomFrom(seed)));
      for (const moment of moments) {
        expect(moment % 1000).toBe(999);
        expect(moment - 999).toBeGreaterThanOrEqual(from);
        expect(moment).toBeLessThan(from + length);
      }
      const whole = Math.floor((from + length) / 1000) - Math.ceil(from / 1000);
      expect(new Set(moments).size).toBe(Math.min(count, whole));
    }),
    { numRuns: 200 },
  );
  expect(() => drawMoments(500, 1400, 1, randomFrom(1))).toThrow('not one whole second');
});
