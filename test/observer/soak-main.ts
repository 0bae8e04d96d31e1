// The soak: played, judged, printed, reported.
import { invariantLines } from './invariant.ts';
import type { CommandRun } from './journal.ts';
import { describeMachine, gitCommit, writeReport } from './report.ts';
import { randomFrom } from './seeded.ts';
import { playSoak, SOAK_TIMINGS, type SoakJournal, type SoakOptions } from './soak-play.ts';
import { judgeSoak, soakFigures, type SoakFigures } from './soak-verdicts.ts';

type Common = Pick<SoakOptions, 'clock' | 'regionsPath' | 'product' | 'say' | 'signal'>;
type Values = { readonly soak?: string; readonly minutes?: string; readonly seed?: string; readonly out: string };

/** @returns 0 when every invariant held; 1 when one was broken */
export async function soak(common: Common, values: Values): Promise<number> {
  const failovers = Number(values.soak);
  const minutes = Number(values.minutes ?? 0);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
  if (!Number.isSafeInteger(failovers) || failovers < 1) throw new Error('--soak must be a whole number from 1: so many failovers');
  if (!(minutes >= 0)) throw new Error('--minutes must be a number: so long at least');
  if (!Number.isSafeInteger(seed)) throw new Error('--seed must be a whole number');
  common.say(`a soak of ${failovers} failovers and ${minutes} minutes at least, --seed ${seed}`);
  const journal = await playSoak({ ...common, failovers, minutes, seed, random: randomFrom(seed), timings: SOAK_TIMINGS });
  const figures = soakFigures(journal);
  const invariants = judgeSoak(journal, { failovers, minutes });
  const cycles = journal.cycles.map(({ runs, ...cycle }) => ({ ...cycle, asked: runs.map(describeAsked) }));
  writeReport(values.out, { version: 1, startedAt: common.clock.startedAt, commit: gitCommit(), machine: describeMachine(), seed, figures, invariants, cycles });
  console.log(table(journal, figures));
  console.log(invariantLines(invariants).join('\n'));
  console.log(`\nreport: ${values.out}`);
  return invariants.some(({ held }) => !held) ? 1 : 0;
}

function describeAsked({ words, exitCode, said, startedAtMs, endedAtMs }: CommandRun): object {
  return { words: words.join(' '), exitCode, seconds: Math.round((endedAtMs - startedAtMs) / 100) / 10, said: said.slice(-300) };
}

function table({ cycles }: SoakJournal, figures: SoakFigures): string {
  return [
    '',
    'refused, s   orders decided   whole cycle, s',
    ...cycles.map(
      ({ from, taken, tear, rtoSeconds, decided, rule, seconds }) =>
        `${(rtoSeconds?.toFixed(1) ?? 'not seen').padStart(10)}${String(decided).padStart(17)}${seconds.toFixed(0).padStart(16)}   ${from} → ${taken?.region ?? 'nobody'} (${tear}), by '${rule}'`,
    ),
    `${figures.failovers} failovers and ${figures.returns} returns in ${figures.minutes.toFixed(1)} minutes; ${figures.writesAcknowledged} writes and ${figures.changesAcknowledged} changes acknowledged, ${figures.divergentOrders} orders divergent, ${figures.unaccounted} unaccounted for; writes refused: median ${figures.rtoMedianSeconds?.toFixed(1)} s, at most ${figures.rtoMostSeconds?.toFixed(1)} s`,
  ].join('\n');
}
