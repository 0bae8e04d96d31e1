// Whole recovery groups on a virtual clock: fresh seeds each run, the seeds that were once bad, and proof that a seed repeats.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { runHistory, type HistoryOptions, type HistoryResult } from './history.ts';
import { mutants } from './mutants.ts';
import { plant } from './mutant.ts';
import { shrink } from './shrink.ts';
import { tell } from './timeline.ts';

const threeRegions = 440;
const fiveRegions = 60;
const toldMs = 120_000;

/** What a person needs to see of a broken history: the shortest that still breaks, told. */
async function explain(options: HistoryOptions, result: HistoryResult): Promise<string> {
  const short = await shrink(options, result);
  const told = await runHistory({ ...options, plan: short.plan, isRecording: true });
  return `Seed ${result.seed} broke '${result.violation?.invariant}': ${result.violation?.what}\nReplay: npm run simulate -- --seed ${result.seed} --regions ${result.plan.regions} --verbose\n${tell(told, toldMs)}`;
}

async function expectSound(options: HistoryOptions): Promise<HistoryResult> {
  const result = await runHistory(options);
  if (result.violation !== undefined && result.label === 'within the bound') expect.fail(await explain(options, result));
  return result;
}

function freshSeed(): number {
  return Math.floor(Math.random() * 0x7000_0000);
}

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

  test(`${threeRegions} histories of 3 regions and ${fiveRegions} of 5 break no invariant`, { timeout: 180_000 }, async () => {
    const seed = freshSeed();
    console.log(`simulation: seeds ${seed} to ${seed + threeRegions + fiveRegions - 1}`);
    const seen = { ticks: 0, epochs: 0, writes: 0, answers: 0, virtualMs: 0 };
    for (let i = 0; i < threeRegions + fiveRegions; i += 1) {
      const result = await expectSound({ seed: seed + i, regions: i < threeRegions ? 3 : 5 });
      seen.ticks += result.ticks;
      seen.epochs += result.epochs;
      seen.writes += result.writesAccepted;
      seen.answers += result.gateAnswers;
      seen.virtualMs += result.endedAtMs;
    }
    console.log(
      `simulation: ${(seen.virtualMs / 60_000).toFixed(0)} virtual minutes, ${seen.ticks} ticks, ${seen.epochs} epochs opened, ${seen.answers} gate answers, ${seen.writes} fenced writes accepted`,
    );
    // A simulation in which nothing happens would break nothing either.
    expect(seen.epochs).toBeGreaterThan(2 * (threeRegions + fiveRegions));
    expect(seen.writes).toBeGreaterThan(10 * (threeRegions + fiveRegions));
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
