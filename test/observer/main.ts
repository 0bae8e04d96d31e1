// The outside observer: it writes, kills, watches and judges, and shares no code with what it judges.
//   node test/observer/main.ts --regions .holdfast/local/regions.json --fault kill --out .holdfast/demo/report.json
//   node test/observer/main.ts --restores 50 --seed 1       no fault: as many restores to random seconds, each compared with the journal
//   node test/observer/main.ts --fault kill --no-control-plane      every control plane away from the fault until the lost region is back
//   node test/observer/main.ts --switches 1       no fault: so many planned switch-overs, there and back; with --faults fail:Revoke,kill-new:closed
//                                       instead one switch-over for each: a step fails once, a region is killed at a moment
//   node test/observer/main.ts --soak 20 --minutes 30 --seed 1      so many failovers and returns in a torn network, for so long at least
// Exit status: 0 all invariants held · 1 one was broken (or, with --expect-dual-active or --expect-refusals, none was seen) · 2 the run could not be played ·
// 3 a bar was missed, only with --bars.
import { parseArgs } from 'node:util';
import { startClock } from './clock.ts';
import { composeReport } from './compose-report.ts';
import type { FaultRecord } from './journal.ts';
import { play } from './play.ts';
import { describeMachine, gitCommit, printTable, writeReport } from './report.ts';
import { playRestores, RESTORE_TIMINGS, type RestoresOptions } from './restores.ts';
import { soak } from './soak-main.ts';
import { switches } from './switch-main.ts';
import { TIMINGS } from './timings.ts';
import { describeDifferences } from './vault-verdicts.ts';
import { computeFigures, judgeBars, judgeInvariants } from './verdicts.ts';

const FAULTS = ['kill', 'hang', 'partition', 'sick'] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      regions: { type: 'string', default: '.holdfast/local/regions.json' },
      fault: { type: 'string', default: 'kill' },
      out: { type: 'string', default: '.holdfast/demo/report.json' },
      'expect-dual-active': { type: 'boolean', default: false },
      'no-control-plane': { type: 'boolean', default: false },
      'expect-refusals': { type: 'boolean', default: false },
      bars: { type: 'boolean', default: false },
      cli: { type: 'string', default: 'src/cli/main.ts' },
      restores: { type: 'string' },
      seed: { type: 'string' },
      switches: { type: 'string' },
      faults: { type: 'string' },
      soak: { type: 'string' },
      minutes: { type: 'string' },
    },
  });
  const product = [process.execPath, values.cli];
  const givenUp = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => givenUp.abort(new Error(`the run was given up by ${signal}`)));
  }
  const common = { clock: startClock(), regionsPath: values.regions, product, say: (line: string) => console.log(line), signal: givenUp.signal };
  if (values.restores !== undefined) return await restores(common, Number(values.restores), Number(values.seed ?? Math.floor(Math.random() * 2 ** 32)), values.out);
  if (values.soak !== undefined) return await soak(common, values);
  if (values.switches !== undefined) return await switches(common, values);
  const kind: FaultRecord['kind'] | undefined = FAULTS.find((name) => name === values.fault);
  if (kind === undefined) throw new Error(`--fault ${values.fault} is unknown: it may be ${FAULTS.join(', ')}`);

  const played = await play({ ...common, reportPath: values.out, kind, timings: TIMINGS, isWithoutControlPlane: values['no-control-plane'], isReconciling: kind === 'partition' });
  const figures = computeFigures(played.journal);
  const bars = judgeBars(kind, figures);
  const invariants = judgeInvariants(played.journal, played.endedAtMs, TIMINGS.watchAfterReturnMs);
  writeReport(values.out, composeReport({ clock: common.clock, played, figures, bars, invariants }));
  console.log(printTable(figures, bars, invariants));
  console.log(`\nreport: ${values.out}`);

  if (values['expect-dual-active']) {
    const isSeen = figures.dualActiveMs > 0;
    console.log(isSeen ? 'two active regions were seen, as the planted bug must cause' : 'the planted bug was not seen: either it was not in, or this observer is blind');
    return isSeen ? 0 : 1;
  }
  if (values['expect-refusals']) {
    const refused = (played.journal.controlPlanes?.refused ?? []).filter(({ path }) => path !== 'vault');
    console.log(refused.length > 0 ? 'calls to a control plane were refused, as the planted bug must cause' : 'the planted bug was not seen: either it was not in, or nothing refuses');
    return refused.length > 0 ? 0 : 1;
  }
  const missed = bars.filter((bar) => !bar.isMet).map((bar) => bar.figure);
  if (missed.length > 0) console.log(`bars missed: ${missed.join(', ')}`);
  if (invariants.some((invariant) => !invariant.held)) return 1;
  return values.bars && missed.length > 0 ? 3 : 0;
}

/** @returns 0 when every restored table was the journal's state of its second */
async function restores(common: Omit<RestoresOptions, 'restores' | 'seed' | 'timings'>, count: number, seed: number, out: string): Promise<number> {
  if (!Number.isSafeInteger(count) || count < 1) throw new Error('--restores must be a whole number from 1');
  if (!Number.isSafeInteger(seed)) throw new Error('--seed must be a whole number');
  const played = await playRestores({ ...common, restores: count, seed, timings: RESTORE_TIMINGS });
  writeReport(out, { version: 1, startedAt: common.clock.startedAt, commit: gitCommit(), machine: describeMachine(), ...played });
  const compared = played.restored.flatMap(({ comparison }) => comparison ?? []);
  const sum = (of: (one: (typeof compared)[number]) => number) => compared.reduce((total, one) => total + of(one), 0);
  const equal = compared.filter((one) => describeDifferences(one).length === 0).length;
  console.log(
    `\n${equal} of ${count} restores equal the journal of their second: ${sum((c) => c.right)} orders right, ${sum((c) => c.ambiguous)} may be either way, missing ${sum((c) => c.missing.length)}, extra ${sum((c) => c.extra.length)}, wrong ${sum((c) => c.wrong.length)}`,
  );
  for (const problem of played.problems.slice(0, 20)) console.log(`  ${problem}`);
  console.log(`report: ${out}`);
  return played.problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
