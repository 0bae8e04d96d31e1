// The bench's arithmetic, by hand-made numbers.
import { expect, test } from 'vitest';
import { median, noiseOf, ratio, spread } from './figures.ts';

test('medians of odd and even counts, of one, of none', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7]), median([])]).toEqual([2, 2.5, 7, null]);
  expect([spread([3, 1, 2]), spread([])]).toEqual([{ least: 1, most: 3 }, null]);
});

test('ratios are theirs by ours, of rounds that have both', () => {
  const theirs = new Map([
    [1, 10],
    [2, 30],
    [3, 20],
    [4, 1000],
  ]);
  const ours = new Map([
    [1, 5],
    [2, 10],
    [3, 4],
    [5, 0.001],
  ]);
  // Medians 20 and 5; rounds 2, 3 and 5.
  expect(ratio(theirs, ours)).toEqual({ ofMedians: 4, perRound: 3, least: 2, most: 5, rounds: 3 });
  expect(ratio(theirs, new Map([[9, 1]]))).toBeNull();
});

test('noise is said where others used the processors, or where CPU by wall changed; short steps are not judged', () => {
  const run = (wallSeconds: number, cpuSeconds: number, foreignSeconds: number | null) => ({ wallSeconds, cpuSeconds, foreignSeconds });
  expect(noiseOf([run(10, 18, 0.5), run(10, 17, 0.5)], 2)).toBeNull();
  expect(noiseOf([run(10, 12, 4), run(10, 12, 4)], 2)).toBe('others used 20 % of the processors');
  expect(noiseOf([run(10, 18, 2), run(10, 18, 2)], 2)).toBeNull();
  expect(noiseOf([run(10, 18, null), run(20, 18, null)], 2)).toBe('CPU/wall was 0.90 to 1.80 from round to round');
  expect(noiseOf([run(0.4, 0.1, 0.7), run(0.4, 0.6, 0.7)], 2)).toBeNull();
  expect(noiseOf([], 2)).toBeNull();
});
