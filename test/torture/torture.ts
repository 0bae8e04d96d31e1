// Many processes on the register of three local regions, while regions and processes are stopped, continued, killed and restarted; every
// call is recorded, and a linearizability checker judges the recording.
//   npm run torture -- --minutes M --out FILE [--seed N] [--histories N] [--plant NAME]
//   npm run torture -- --check FILE          judges a recording again
//   npm run torture -- --renewals N          how long a renewal takes, with one region stopped and without
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram } from '../../local/lifetime.ts';
import { takeLock } from '../../local/lock.ts';
import { buildChecker, type Checker, type Verdict } from './checker.ts';
import { plants, sourceOf } from './plants.ts';
import { Regions } from './regions.ts';
import { measureRenewals } from './renewals.ts';
import { readFaults, runTorture, tellFaults, writeRecording, type RunResult } from './run.ts';

const callsMin = 200;
const work = join(import.meta.dirname, '..', '..', '.holdfast');
const log = (line: string) => process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '25' },
    out: { type: 'string' },
    seed: { type: 'string' },
    histories: { type: 'string' },
    clients: { type: 'string', default: '6' },
    workers: { type: 'string', default: '2' },
    registers: { type: 'string', default: '8' },
    plant: { type: 'string' },
    check: { type: 'string' },
    renewals: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const usage = `npm run torture -- --minutes M --out FILE [--seed N] [--histories N] [--clients N] [--workers N] [--registers N] [--plant ${Object.keys(plants).join('|')}]
npm run torture -- --check FILE
npm run torture -- --renewals N`;

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0) || !Number.isFinite(number)) throw new RangeError(`--${name} is '${text}'; it must be a number above 0.`);
  return number;
}

function whole(name: string, text: string): number {
  const number = positive(name, text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`--${name} is '${text}'; it must be a whole number from 1.`);
  return number;
}

async function main(signal: AbortSignal): Promise<number> {
  if (values.help) {
    log(usage);
    return 0;
  }
  if (values.renewals !== undefined) return withRegions((regions) => measureRenewals(regions, whole('renewals', values.renewals ?? ''), signal, log));
  // Before anything is started: without a judge there is no run.
  const checker = buildChecker(join(work, 'torture'));
  if (values.check !== undefined) return judge(checker, resolve(values.check), undefined);
  if (values.out === undefined) throw new RangeError(`--out FILE is missing: where the calls are written.\n${usage}`);
  const out = resolve(values.out);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 0x7fff_ffff) : whole('seed', values.seed);
  const options = {
    seed,
    minutes: positive('minutes', values.minutes),
    histories: values.histories === undefined ? undefined : whole('histories', values.histories),
    callsMin,
    clients: whole('clients', values.clients),
    workers: whole('workers', values.workers),
    registers: whole('registers', values.registers),
    signal,
    log,
  };
  log(
    `seed ${seed}, ${options.clients} client processes of ${options.workers} workers, ${options.registers} registers at a time${values.plant === undefined ? '' : `, planted bug '${values.plant}'`}`,
  );
  const source = await sourceOf(values.plant);
  try {
    const result = await withRegions((regions) => runTorture(regions, { ...options, source: source.directory }));
    writeRecording(out, result);
    return judge(checker, out, { result, seed, wanted: options.histories });
  } finally {
    await source.remove();
  }
}

async function withRegions<T>(use: (regions: Regions) => Promise<T>): Promise<T> {
  const lock = takeLock(join(work, 'torture', 'lock'));
  try {
    const regions = await Regions.start(join(work, 'torture', 'regions'), join(work, 'engine'), log);
    try {
      return await use(regions);
    } finally {
      await regions.close();
    }
  } finally {
    lock.release();
  }
}

type Judged = { readonly result: RunResult; readonly seed: number; readonly wanted: number | undefined };

function judge(checker: Checker, file: string, run: Judged | undefined): number {
  const verdicts = checker(file, '-pictures', `${file}.pictures`);
  const bad = verdicts.filter((v) => v.verdict !== 'linearizable');
  for (const verdict of bad) log(tellBad(verdict));
  const long = verdicts.filter((v) => v.calls >= callsMin);
  const sum = (of: (v: Verdict) => number) => verdicts.reduce((total, v) => total + of(v), 0);
  const defects = run?.result.defects ?? [];
  for (const defect of new Set(defects)) log(`DEFECT ${defect}`);
  log(
    `${verdicts.length - bad.length} of ${verdicts.length} histories linearizable, ${long.length} of them of ${callsMin} calls or more; ${sum((v) => v.calls)} calls, ${sum((v) => v.answered)} answered; ${tellFaults(readFaults(file))}${
      run === undefined ? '' : `; ${run.result.seconds.toFixed(0)} s, seed ${run.seed}`
    }`,
  );
  const tooFew = run?.wanted !== undefined && long.length < run.wanted;
  if (tooFew) log(`only ${long.length} of the ${run.wanted} histories that were asked for came about: give it more minutes`);
  return bad.length > 0 || defects.length > 0 || tooFew ? 1 : 0;
}

function tellBad(verdict: Verdict): string {
  if (verdict.verdict === 'undecided') return `UNDECIDED ${verdict.key}: the checker gave up on its ${verdict.calls} calls`;
  return `VIOLATED ${verdict.key}: no order of its first ${verdict.prefixCalls} calls explains the answer of ${verdict.lastProcess} at ${((verdict.lastAtNs ?? 0) / 1e9).toFixed(3)} s: ${verdict.lastCall}${
    verdict.picture === undefined ? '' : ` (${verdict.picture})`
  }`;
}

await runProgram(main);
