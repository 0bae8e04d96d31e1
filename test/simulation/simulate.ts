// Runs seeded histories of the simulated recovery group from the command line, and replays one exactly. A long run keeps a
// ledger, and goes on where the ledger ends.
import { parseArgs } from 'node:util';
import { runHistory } from './history.ts';
import { Ledger, type Stretch } from './ledger.ts';
import { shrink } from './shrink.ts';
import { tell } from './timeline.ts';

const usage = `usage: npm run simulate -- [--seed N] [--histories K] [--regions 3|5] [--register tables|strong] [--ledger FILE] [--minutes M] [--skew F] [--drift F] [--verbose]

  --seed N        first seed (fresh when left out, but with a ledger: where that ends)
  --histories K   how many seeds, one after the other (1)
  --register R    tables: one in each region (left out, this) · strong: one strongly consistent table, three regions, no ledger
  --ledger FILE   writes a line of JSON per 100 histories; a file that is there already is gone on with, up to K in all
  --minutes M     stops after that much time, at the end of a stretch; with a ledger, run it again to go on
  --skew F        clocks up to F times σ apart: beyond 1 an assumption is broken on purpose
  --drift F       rates up to F times ρ off: the same
  --verbose       a line a history; one history alone is told as a timeline`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    histories: { type: 'string', default: '1' },
    regions: { type: 'string', default: '3' },
    register: { type: 'string', default: 'tables' },
    ledger: { type: 'string' },
    minutes: { type: 'string' },
    skew: { type: 'string' },
    drift: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const stretchHistories = 100;
const toldMs = 120_000;

type Options = { readonly regions: 3 | 5; readonly register: 'tables' | 'strong'; readonly skewFactor?: number; readonly driftFactor?: number };

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`--${name} is '${text}'; it must be a whole number from 0.`);
  return number;
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number <= 0) throw new RangeError(`--${name} is '${text}'; it must be a number above 0.`);
  return number;
}

function regionsOf(text: string): 3 | 5 {
  if (text === '3') return 3;
  if (text === '5') return 5;
  throw new RangeError(`--regions is '${text}'; it must be 3 or 5.`);
}

function registerOf(text: string): 'tables' | 'strong' {
  if (text !== 'tables' && text !== 'strong') throw new RangeError(`--register is '${text}'; it must be tables or strong.`);
  if (text === 'strong' && (values.regions !== '3' || values.ledger !== undefined)) throw new RangeError('--register strong goes with 3 regions and without --ledger.');
  return text;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function runStretch(first: number, histories: number, options: Options): Promise<Stretch> {
  const beganAtSeconds = cpuSeconds();
  const tally = { virtualMs: 0, events: 0, violations: [] as number[], beyond: 0, beyondBroken: 0, beyondAlarmed: 0 };
  for (let seed = first; seed < first + histories; seed += 1) {
    const result = await runHistory({ seed, ...options });
    tally.virtualMs += result.endedAtMs;
    tally.events += result.events;
    if (values.verbose)
      console.log(
        `seed ${seed}: trace ${result.trace}, ${(result.endedAtMs / 1000).toFixed(0)} s, ${result.ticks} ticks, ${result.epochs} epochs opened, ${result.gateAnswers} gate answers, ${result.writesAccepted} writes, ${result.label}`,
      );
    if (result.label === 'beyond the bound') {
      tally.beyond += 1;
      if (result.violation !== undefined) tally.beyondBroken += 1;
      if (result.clockAlarms > 0) tally.beyondAlarmed += 1;
      continue;
    }
    if (result.violation === undefined) continue;
    tally.violations.push(seed);
    await explain(seed, options);
  }
  const { virtualMs, ...counted } = tally;
  return { first, histories, regions: options.regions, ...counted, virtualMinutes: Math.round(virtualMs / 60_000), cpuSeconds: Number((cpuSeconds() - beganAtSeconds).toFixed(2)) };
}

async function explain(seed: number, options: Options): Promise<void> {
  const result = await runHistory({ seed, ...options });
  const short = await shrink({ seed, ...options }, result);
  const told = await runHistory({ seed, ...options, plan: short.plan, isRecording: true });
  console.log(
    `seed ${seed} broke '${result.violation?.invariant}' (replay: npm run simulate -- --seed ${seed} --regions ${options.regions} --register ${options.register} --verbose). Shortened to ${short.plan.faults.length} of ${result.plan.faults.length} faults:`,
  );
  console.log(tell(told, toldMs));
}

function summary(stretches: readonly Stretch[]): string {
  const sum = (pick: (s: Stretch) => number) => stretches.reduce((total, s) => total + pick(s), 0);
  const histories = sum((s) => s.histories);
  const seconds = sum((s) => s.cpuSeconds);
  const beyond = sum((s) => s.beyond);
  const seeds = stretches.flatMap((s) => s.violations);
  const first = Math.min(...stretches.map((s) => s.first));
  return [
    `${histories} histories from seed ${first}: ${histories - beyond} within the bound, ${seeds.length} broken${seeds.length === 0 ? '' : ` (seeds ${seeds.join(', ')})`}; ${sum((s) => s.virtualMinutes)} virtual minutes, ${sum((s) => s.events)} events in ${seconds.toFixed(1)} s of CPU: ${Math.round((histories / seconds) * 60)} a minute of CPU`,
    ...(beyond === 0
      ? []
      : [
          `beyond the bound, which proves nothing: ${beyond}, of which ${sum((s) => s.beyondBroken)} broke an invariant and ${sum((s) => s.beyondAlarmed)} raised the alarm that a region's clocks disagree`,
        ]),
  ].join('\n');
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const options: Options = {
    regions: regionsOf(values.regions),
    register: registerOf(values.register),
    ...(values.skew === undefined ? {} : { skewFactor: positive('skew', values.skew) }),
    ...(values.drift === undefined ? {} : { driftFactor: positive('drift', values.drift) }),
  };
  const histories = whole('histories', values.histories);
  const asked = values.seed === undefined ? undefined : whole('seed', values.seed);
  if (values.verbose && histories === 1 && asked !== undefined) {
    const result = await runHistory({ seed: asked, ...options, isRecording: true });
    console.log(tell(result));
    return result.violation === undefined || result.label === 'beyond the bound' ? 0 : 1;
  }
  const ledger = values.ledger === undefined ? undefined : await Ledger.open(values.ledger, options.regions, asked);
  const first = ledger?.first ?? asked ?? Math.floor(Math.random() * 0x7fff_ffff);
  const untilMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + positive('minutes', values.minutes) * 60_000;
  const stretches: Stretch[] = [...(ledger?.stretches ?? [])];
  for (let done = stretches.reduce((sum, s) => sum + s.histories, 0); done < histories && Date.now() < untilMs; done += stretchHistories) {
    const stretch = await runStretch(first + done, Math.min(stretchHistories, histories - done), options);
    stretches.push(stretch);
    await ledger?.add(stretch);
  }
  console.log(stretches.length === 0 ? 'nothing to do: the ledger has as many histories as were asked for' : summary(stretches));
  return stretches.every((s) => s.violations.length === 0) ? 0 : 1;
}

process.exitCode = await main();
