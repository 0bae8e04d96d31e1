// Whole recovery groups on a virtual clock: some fresh seeds each run (many-histories.test.ts has many), the seeds that were once
// bad, and proof that a seed repeats.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { expectAllSound, expectSound, freshSeed } from './expect-sound.ts';
import { runHistory } from './history.ts';
import { plant } from './mutant.ts';
import { mutants } from './mutants.ts';
import { shrink } from './shrink.ts';
import { tell } from './timeline.ts';

describe('simulation', () => {
  test('one seed is one history, told or not', async () => {
    const seed = freshSeed();
    const first = await runHistory({ seed });
    const told = await runHistory({ seed, isRecording: true });
    const other = await runHistory({ seed: seed + 1 });
    expect(told.trace, `seed ${seed}`).toBe(first.trace);
    expect(told.events).toBe(first.events);
    expect(other.trace).not.toBe(first.trace);
    expect(tell(told)).toContain(`seed ${seed}`);
  });

  test('150 fresh histories break no invariant', { timeout: 300_000 }, async () => {
    await expectAllSound(120, 30);
  });

  test('seeds that were once bad', { timeout: 60_000 }, async () => {
    const seeds: unknown = JSON.parse(await readFile(new URL('once-bad.json', import.meta.url), 'utf8'));
    if (!Array.isArray(seeds)) throw new TypeError('once-bad.json must be a list.');
    for (const entry of seeds) await expectSound({ seed: Number(entry.seed), regions: entry.regions === 5 ? 5 : 3 });
  });

  test.each([
    { what: 'σ', options: { skewFactor: 20 } },
    { what: 'ρ', options: { driftFactor: 300 } },
  ])('clocks beyond $what: labelled, and the region that sees it says so', { timeout: 60_000 }, async ({ options }) => {
    let alarms = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const result = await runHistory({ seed, ...options });
      expect(result.label).toBe('beyond the bound');
      alarms += result.clockAlarms > 0 ? 1 : 0;
    }
    expect(alarms).toBeGreaterThan(10);
    for (let seed = 1; seed <= 20; seed += 1) expect((await runHistory({ seed, skewFactor: 1, driftFactor: 1 })).clockAlarms).toBe(0);
  });

  test('a broken history is shortened and told', { timeout: 60_000 }, async () => {
    const mutant = mutants.find((m) => m.name === 'lease row before the fence rows');
    if (mutant === undefined) throw new Error('There is no such mutant; take another one of mutants.ts that breaks early.');
    const { product, remove } = await plant(mutant);
    try {
      const found = await runHistory({ seed: 1, product });
      const short = await shrink({ seed: 1, product }, found);
      expect(short.violation?.invariant).toBe(found.violation?.invariant);
      expect(short.plan.faults).toEqual([]);
      const story = tell(await runHistory({ seed: 1, product, plan: short.plan, isRecording: true }));
      expect(story).toContain('BROKEN');
      expect(story).toContain('us-east-1');
    } finally {
      await remove();
    }
  });
});
