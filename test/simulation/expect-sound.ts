// What the tests ask of a history: within the bound, no invariant may break; one that does is shortened and told.
import { expect } from 'vitest';
import { runHistory, type HistoryOptions, type HistoryResult } from './history.ts';
import { shrink } from './shrink.ts';
import { tell } from './timeline.ts';

const toldMs = 120_000;

/** What a person needs to see of a broken history: the shortest that still breaks, told. */
async function explain(options: HistoryOptions, result: HistoryResult): Promise<string> {
  const short = await shrink(options, result);
  const told = await runHistory({ ...options, plan: short.plan, isRecording: true });
  return `Seed ${result.seed} broke '${result.violation?.invariant}': ${result.violation?.what}\nReplay: npm run simulate -- --seed ${result.seed} --regions ${result.plan.regions} --register ${options.register ?? 'tables'} --verbose\n${tell(told, toldMs)}`;
}

export async function expectSound(options: HistoryOptions): Promise<HistoryResult> {
  const result = await runHistory(options);
  if (result.violation === undefined || result.label !== 'within the bound') return result;
  expect.fail(await explain(options, result));
}

export function freshSeed(): number {
  return Math.floor(Math.random() * 0x7000_0000);
}

/** Fresh histories, one seed after the other. A simulation in which nothing happens would break nothing either: that is asked too. */
export async function expectAllSound(threeRegions: number, fiveRegions: number): Promise<void> {
  const histories = threeRegions + fiveRegions;
  const seed = freshSeed();
  console.log(`simulation: seeds ${seed} to ${seed + histories - 1}, the last ${fiveRegions} of five regions`);
  const began = process.cpuUsage();
  const seen = { ticks: 0, epochs: 0, writes: 0, answers: 0, applied: 0, virtualMs: 0, beyond: 0 };
  for (let i = 0; i < histories; i += 1) {
    const result = await expectSound({ seed: seed + i, regions: i < threeRegions ? 3 : 5 });
    seen.ticks += result.ticks;
    seen.epochs += result.epochs;
    seen.writes += result.writesAccepted;
    seen.answers += result.gateAnswers;
    seen.applied += result.changesApplied;
    seen.virtualMs += result.endedAtMs;
    seen.beyond += result.label === 'beyond the bound' ? 1 : 0;
  }
  const { user, system } = process.cpuUsage(began);
  console.log(
    `simulation: ${histories} histories (${seen.beyond} beyond the bound), ${(seen.virtualMs / 60_000).toFixed(0)} virtual minutes, ${seen.ticks} ticks, ${seen.epochs} epochs opened, ${seen.answers} gate answers, ${seen.writes} fenced writes accepted, ${seen.applied} changes applied elsewhere; ${((user + system) / 1e6).toFixed(0)} s of CPU`,
  );
  expect(seen.epochs).toBeGreaterThan(2 * histories);
  expect(seen.writes).toBeGreaterThan(10 * histories);
  expect(seen.applied).toBeGreaterThan(histories);
}
