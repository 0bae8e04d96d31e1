// Each tear as what the harness is asked for, and in which order.
import { expect, test } from 'vitest';
import type { ControlRequest } from './control.ts';
import { randomFrom } from './seeded.ts';
import { drawLag, drawTears, makeTear, TEARS } from './tears.ts';

const [east, west, north] = ['us-east-1', 'us-west-2', 'eu-north-1'];

async function asked(kind: (typeof TEARS)[number], seed = 1): Promise<(ControlRequest | number)[]> {
  const seen: (ControlRequest | number)[] = [];
  const tear = makeTear(kind, {
    random: randomFrom(seed),
    region: east,
    others: [west, north],
    ask: async (request) => void seen.push(request),
    pause: async (ms) => void seen.push(ms),
  });
  await tear.begin();
  return seen;
}

test('a tear strikes what the region calls, at each of the others', async () => {
  expect(await asked('isolated')).toEqual([{ kind: 'isolate', region: east }]);
  expect(await asked('hears nothing')).toEqual([west, north].map((to) => ({ kind: 'one-way', from: east, to, lost: 'answers' })));
  expect(await asked('is not heard')).toEqual([west, north].map((to) => ({ kind: 'one-way', from: east, to, lost: 'requests' })));
  expect(await asked('reaches nobody')).toEqual([west, north].map((to) => ({ kind: 'cut', from: east, to })));
  expect(await asked('slow')).toEqual([west, north].map((to) => ({ kind: 'delay', from: east, to, delayMs: 30_000 })));
});

test('a flapping one ends torn, and the same seed flaps alike', async () => {
  const seen = await asked('flapping');
  expect(seen.length % 4).toBe(1);
  expect(seen.slice(0, 4)).toEqual([{ kind: 'isolate', region: east }, expect.any(Number), { kind: 'heal' }, expect.any(Number)]);
  expect(seen.at(-1)).toEqual({ kind: 'isolate', region: east });
  expect(await asked('flapping')).toEqual(seen);
});

test('every kind comes before any comes again', () => {
  const tears = drawTears(randomFrom(7));
  const drawn = Array.from({ length: 2 * TEARS.length }, () => tears.next().value);
  for (const round of [drawn.slice(0, TEARS.length), drawn.slice(TEARS.length)]) expect(round.toSorted()).toEqual([...TEARS].toSorted());
});

test('a link that lags is one between two regions', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const { from, to, delayMs } = drawLag(randomFrom(seed), [east, west, north]);
    expect(from).not.toBe(to);
    expect(delayMs).toBeGreaterThanOrEqual(20);
    expect(delayMs).toBeLessThanOrEqual(200);
  }
});
