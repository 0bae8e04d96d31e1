// Plays one fault several times and prints each figure's minimum, median and maximum: where the figures in the docs are from.
//   npm run measure -- --fault kill --runs 10
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';

const root = join(import.meta.dirname, '..');
const figures = ['detectSeconds', 'rtoSeconds', 'rpoSeconds', 'writesLost', 'divergentWritesFound', 'dualActiveMs', 'staleEpochWritesAccepted', 'writesUnaccounted', 'writesAcknowledged'] as const;
const reportSchema = z.object(Object.fromEntries(figures.map((name) => [name, z.number().nullable()])));

const { values } = parseArgs({ options: { fault: { type: 'string', default: 'kill' }, runs: { type: 'string', default: '10' } } });
const runs = Number(values.runs);
if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: it must be a whole number from 1`);

let isStopped = false;

async function play(out: string): Promise<number> {
  const child = spawn(process.execPath, ['local/demo.ts', '--fault', values.fault, '--out', out], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-6000);
  });
  const stop = (signal: NodeJS.Signals) => {
    isStopped = true;
    child.kill(signal);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const code = await new Promise<number>((resolve) => child.on('error', () => resolve(127)).on('exit', (exit) => resolve(exit ?? 1)));
  process.off('SIGINT', stop).off('SIGTERM', stop);
  if (code !== 0) process.stdout.write(`${said}\n`);
  return code;
}

const reports: z.infer<typeof reportSchema>[] = [];
let failures = 0;
mkdirSync(join(root, '.holdfast/measure'), { recursive: true });
for (let run = 1; run <= runs && !isStopped; run += 1) {
  const out = join('.holdfast/measure', `${values.fault}-${run}.json`);
  const startedAt = Date.now();
  const code = await play(out);
  if (code !== 0) failures += 1;
  const report = code === 2 ? undefined : reportSchema.parse(JSON.parse(readFileSync(join(root, out), 'utf8')));
  if (report !== undefined) reports.push(report);
  process.stdout.write(
    `run ${run} of ${runs}: exit ${code} after ${Math.round((Date.now() - startedAt) / 1000)} s ${report === undefined ? '' : figures.map((name) => `${name} ${report[name]?.toFixed(name.endsWith('Seconds') ? 1 : 0)}`).join(', ')}\n`,
  );
}
process.stdout.write(`\n| ${values.fault}: ${runs} runs, ${failures} not clean | min | median | max |\n| --- | --- | --- | --- |\n`);
for (const name of figures) {
  const sorted = reports.flatMap((r) => r[name] ?? []).toSorted((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.round((sorted.length - 1) * fraction)]?.toFixed(name.endsWith('Seconds') ? 1 : 0) ?? '–';
  const middle = sorted.length % 2 === 1 ? at(0.5) : (((sorted[sorted.length / 2 - 1] ?? Number.NaN) + (sorted[sorted.length / 2] ?? Number.NaN)) / 2).toFixed(name.endsWith('Seconds') ? 1 : 0);
  process.stdout.write(`| ${name} | ${at(0)} | ${middle} | ${at(1)} |\n`);
}
process.exit(failures === 0 ? 0 : 1);
