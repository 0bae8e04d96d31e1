// Runs seeded histories of the simulated recovery group from the command line, and replays one exactly.
//   node test/simulation/simulate.ts [--seed N] [--histories K] [--regions 3|5] [--skew FACTOR] [--verbose]
import { parseArgs } from 'node:util';
import { runHistory } from './history.ts';
import { shrink } from './shrink.ts';
import { tell } from './timeline.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    histories: { type: 'string', default: '1' },
    regions: { type: 'string', default: '3' },
    skew: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`--${name} is '${text}'; it must be a whole number from 0.`);
  return number;
}

async function main(): Promise<number> {
  if (values.help) {
    console.log('node test/simulation/simulate.ts [--seed N] [--histories K] [--regions 3|5] [--skew FACTOR (beyond 1: the assumption is broken on purpose)] [--verbose]');
    return 0;
  }
  const first = values.seed === undefined ? Math.floor(Math.random() * 0x7fff_ffff) : whole('seed', values.seed);
  const histories = whole('histories', values.histories);
  const regions = whole('regions', values.regions);
  if (regions !== 3 && regions !== 5) throw new RangeError(`--regions is '${values.regions}'; it must be 3 or 5.`);
  const skewFactor = Number(values.skew);
  const began = process.cpuUsage();
  let broken = 0;
  let virtualMs = 0;
  let events = 0;
  for (let i = 0; i < histories; i += 1) {
    const options = { seed: first + i, regions, skewFactor } as const;
    const result = await runHistory({ ...options, isRecording: values.verbose && histories === 1 });
    virtualMs += result.endedAtMs;
    events += result.events;
    if (values.verbose && histories === 1) console.log(tell(result));
    else if (values.verbose)
      console.log(
        `seed ${result.seed}: trace ${result.trace}, ${(result.endedAtMs / 1000).toFixed(0)} s, ${result.ticks} ticks, ${result.epochs} epochs opened, ${result.gateAnswers} gate answers, ${result.writesAccepted} writes, ${result.label}`,
      );
    if (result.violation === undefined) continue;
    broken += 1;
    const short = await shrink(options, result);
    const told = await runHistory({ ...options, plan: short.plan, isRecording: true });
    console.log(
      `seed ${result.seed} broke '${result.violation.invariant}' (replay: node test/simulation/simulate.ts --seed ${result.seed} --regions ${regions} --verbose). Shortened to ${short.plan.faults.length} of ${result.plan.faults.length} faults:`,
    );
    console.log(tell(told, 120_000));
  }
  const used = process.cpuUsage(began);
  const cpuSeconds = (used.user + used.system) / 1e6;
  console.log(
    `${histories} histories from seed ${first}, ${broken} broken; ${(virtualMs / 60_000).toFixed(0)} virtual minutes, ${events} events in ${cpuSeconds.toFixed(1)} s of CPU: ${Math.round((histories / cpuSeconds) * 60)} a minute of CPU`,
  );
  return broken === 0 ? 0 : 1;
}

process.exitCode = await main();
