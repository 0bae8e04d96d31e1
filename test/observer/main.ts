// The outside observer: it writes, kills, watches and judges, and shares no code with what it judges.
//   node test/observer/main.ts --regions .holdfast/local/regions.json --fault kill --out .holdfast/demo/report.json
// Exit status: 0 all invariants held · 1 one was broken (or, with --expect-dual-active, none was seen) · 2 the run could not be played ·
// 3 a bar was missed, only with --bars.
import { parseArgs } from 'node:util';
import { startClock } from './clock.ts';
import { composeReport } from './compose-report.ts';
import type { FaultRecord } from './journal.ts';
import { play } from './play.ts';
import { printTable, writeReport } from './report.ts';
import { TIMINGS } from './timings.ts';
import { computeFigures, judgeBars, judgeInvariants } from './verdicts.ts';

const FAULTS = ['kill', 'hang', 'partition', 'sick'] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      regions: { type: 'string', default: '.holdfast/local/regions.json' },
      fault: { type: 'string', default: 'kill' },
      out: { type: 'string', default: '.holdfast/demo/report.json' },
      'expect-dual-active': { type: 'boolean', default: false },
      bars: { type: 'boolean', default: false },
    },
  });
  const kind: FaultRecord['kind'] | undefined = FAULTS.find((name) => name === values.fault);
  if (kind === undefined) throw new Error(`--fault ${values.fault} is unknown: it may be ${FAULTS.join(', ')}`);

  const givenUp = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => givenUp.abort(new Error(`the run was given up by ${signal}`)));
  }
  const clock = startClock();
  const played = await play({
    clock,
    regionsPath: values.regions,
    reportPath: values.out,
    kind,
    timings: TIMINGS,
    say: (line) => console.log(line),
    signal: givenUp.signal,
  });
  const figures = computeFigures(played.journal);
  const bars = judgeBars(kind, figures);
  const invariants = judgeInvariants(played.journal, played.endedAtMs, TIMINGS.watchAfterReturnMs);
  writeReport(values.out, composeReport({ clock, played, figures, bars, invariants }));
  console.log(printTable(figures, bars, invariants));
  console.log(`\nreport: ${values.out}`);

  if (values['expect-dual-active']) {
    const isSeen = figures.dualActiveMs > 0;
    console.log(isSeen ? 'two active regions were seen, as the planted bug must cause' : 'the planted bug was not seen: either it was not in, or this observer is blind');
    return isSeen ? 0 : 1;
  }
  const missed = bars.filter((bar) => !bar.isMet).map((bar) => bar.figure);
  if (missed.length > 0) console.log(`bars missed: ${missed.join(', ')}`);
  if (invariants.some((invariant) => !invariant.held)) return 1;
  return values.bars && missed.length > 0 ? 3 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
