// The play of planned switch-overs: played, judged, printed, reported.
import type { Clock } from './clock.ts';
import { chosenReadings } from './figures.ts';
import { type Invariant, invariantLines } from './invariant.ts';
import { describeMachine, gitCommit, writeReport } from './report.ts';
import { parseFaults } from './switch-faults.ts';
import { playSwitches, SWITCH_TIMINGS, type SwitchJournal } from './switch-play.ts';
import { judgeSwitches, switchBars, switchFigures, type SwitchFigures } from './switch-verdicts.ts';

type Common = { readonly clock: Clock; readonly regionsPath: string; readonly product: readonly string[]; readonly say: (line: string) => void; readonly signal: AbortSignal };
type Values = { readonly switches?: string; readonly faults?: string; readonly out: string; readonly bars: boolean };

/** @returns 0 when every invariant held; 1 when one was broken; 3 when a bar was missed, only with --bars */
export async function switches(common: Common, values: Values): Promise<number> {
  const count = Number(values.switches);
  if (!Number.isSafeInteger(count) || count < 1) throw new Error('--switches must be a whole number from 1: so many there and back');
  const faults = values.faults === undefined ? [] : parseFaults(values.faults, common.regionsPath, values.out);
  const journal = await playSwitches({ ...common, switches: faults.length === 0 ? 2 * count : faults.length, timings: SWITCH_TIMINGS, faults });
  const figures = switchFigures(journal);
  const invariants = judgeSwitches(journal);
  const bars = faults.length === 0 ? switchBars(figures) : [];
  writeReport(values.out, {
    version: 1,
    startedAt: common.clock.startedAt,
    commit: gitCommit(),
    machine: describeMachine(),
    faults: faults.map(({ name }) => name),
    figures,
    bars,
    invariants,
    switches: journal.switches,
    register: registerTimeline(journal),
  });
  console.log(table(journal, figures, bars, invariants));
  console.log(`\nreport: ${values.out}`);
  if (invariants.some(({ held }) => !held)) return 1;
  return values.bars && bars.some(({ isMet }) => !isMet) ? 3 : 0;
}

/** What the register said, each time that it said something else. */
function registerTimeline({ readings, acceptors }: SwitchJournal): { readonly atMs: number; readonly says: string }[] {
  let last = '';
  return chosenReadings(readings, acceptors).flatMap(({ atMs, state, holder, epoch, attempt, successor, released }) => {
    const says = `${state}, holder ${holder}, epoch ${epoch}, attempt ${attempt}${successor === null ? '' : `, successor ${successor}`}${released === true ? ', released' : ''}`;
    if (says === last) return [];
    last = says;
    return [{ atMs: Math.round(atMs), says }];
  });
}

function table(journal: SwitchJournal, figures: SwitchFigures, bars: ReturnType<typeof switchBars>, invariants: readonly Invariant[]): string {
  const shown = (seconds: number | null | undefined) => (seconds === null || seconds === undefined ? 'not seen' : seconds.toFixed(2)).padStart(10);
  return [
    '',
    `writes refused, seconds    following a 307    by DNS alone`,
    ...journal.switches.map(({ from, to, epoch, command, fault, holder }, n) => {
      const after = holder === null ? 'nobody holds' : `${holder.region} holds epoch ${holder.epoch}`;
      return `${shown(figures.followingSeconds[n])}${shown(figures.byDnsSeconds[n])}   ${from} → ${to} out of epoch ${epoch}: exit ${command.exitCode}, ${after}${fault === null ? '' : ` (${fault.what})`}`;
    }),
    `${shown(figures.followingMedianSeconds)}${shown(figures.byDnsMedianSeconds)}   median; ${bars.map(({ figure, atMost, isMet }) => `${figure} ≤ ${atMost} ${isMet ? 'met' : 'MISSED'}`).join(', ')}`,
    `${figures.writesAcknowledged} writes acknowledged, ${figures.writesLost} lost in silence, ${figures.writesDoubled} carried out twice, ${figures.divergentRows} divergent rows`,
    ...invariantLines(invariants),
  ].join('\n');
}
