// Holdfast against the backup tools that people use, on this machine: builds the corpora, runs every tool that is here, prints the tables, keeps the raw record.
//   npm run bench:backup -- --against restic,kopia,borg [--s3] [--scale 0.1] [--rounds 5]          docs/benchmarks.md
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { corpusSets } from './corpora.ts';
import { CorpusFolder } from './corpus-folder.ts';
import { readRecord, recordPath, steps as allSteps, thisCommit, thisMachine, writeRecord, type BenchRecord, type PlaceKind, type Step } from './record.ts';
import { reportOf } from './report.ts';
import { playRounds, playTask, type Stage, type Task } from './rounds.ts';
import { S3Server } from './s3-server.ts';
import { measureSealing } from './sealing.ts';
import { Seeded } from './seeded.ts';
import { peerFamilies, type Tool } from './tool.ts';
import { holdfastTool } from './tools-holdfast.ts';
import { findPeers } from './tools-peers.ts';

const usage = `npm run bench:backup -- [options]
  --against restic,kopia,borg   the peers, as far as they are in HOLDFAST_PEERS (a folder) or PATH; nothing is installed
  --s3             on an S3 server too (versitygw, from HOLDFAST_VERSITYGW, HOLDFAST_PEERS or PATH)
  --sets big,small which corpora
  --steps first,same,changed,restore,verify   which of them, in this order
  --scale S        of their size: 1 is 3 GB and 200,000 small files; 0.1 for a quick look
  --rounds N       5
  --seed TEXT      of corpora and order
  --keep DIR       corpora are built there, and used again if they are there (otherwise in the temporary folder, and removed)
  --work DIR       where repositories and restored files go (otherwise in the temporary folder)
  --out FILE       the record; otherwise test/bench/records/<time>-<commit>.json
  --show FILE      prints the tables of a record, a partial one too, and measures nothing
`;

const { values } = parseArgs({
  options: {
    against: { type: 'string', default: 'restic,kopia,borg' },
    s3: { type: 'boolean', default: false },
    sets: { type: 'string', default: 'big,small' },
    steps: { type: 'string', default: allSteps.join(',') },
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string', default: 'holdfast' },
    keep: { type: 'string' },
    work: { type: 'string' },
    out: { type: 'string' },
    show: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const sealingRounds = 3;
const say = (text: string) => process.stderr.write(`${text}\n`);

function among<T extends string>(text: string, known: readonly T[], option: string): T[] {
  const asked = text.split(',').filter((each) => each !== '');
  const strange = asked.find((each) => !known.some((one) => one === each));
  if (strange !== undefined) throw new Error(`--${option} ${strange}: it may be ${known.join(', ')}`);
  return known.filter((one) => asked.includes(one));
}

function numberOf(text: string, option: string, least: number, most: number): number {
  const value = Number(text);
  if (!(value >= least && value <= most)) throw new Error(`--${option} ${text}: it may be ${least} to ${most}`);
  return value;
}

function isTool(tool: Tool | null): tool is Tool {
  return tool !== null;
}

function tasksOf(tools: readonly Tool[], workers: readonly Tool[], kinds: readonly PlaceKind[], sets: readonly ('big' | 'small')[], steps: readonly Step[]): Task[] {
  const all = kinds.flatMap((place) => sets.flatMap((set) => tools.filter(({ family }) => place !== 's3' || family !== 'borg').map((tool) => ({ tool, place, set, steps }))));
  return sets.includes('big') ? [...all, ...workers.map((tool) => ({ tool, place: 'directory' as const, set: 'big' as const, steps: ['first' as const] }))] : all;
}

async function bench(): Promise<number> {
  const sets = among(values.sets, corpusSets, 'sets');
  const scale = numberOf(values.scale, 'scale', 0.001, 10);
  const rounds = Math.round(numberOf(values.rounds, 'rounds', 1, 100));
  const asked = among(values.against, peerFamilies, 'against');
  const steps = among(values.steps, allSteps, 'steps');
  if (!steps.includes('first')) throw new Error(`--steps ${values.steps}: 'first' must be among them, for the others need what it stored`);
  if (steps.includes('restore') && !steps.includes('changed')) throw new Error(`--steps ${values.steps}: a restore is compared with the changed version, so 'changed' must be among them`);
  const ours = [holdfastTool('passphrase'), holdfastTool('key file')].filter(isTool);
  const found = asked.map((family) => ({ family, tools: findPeers(family) }));
  const tools = [...ours, ...found.flatMap((each) => each.tools)];
  // With a key file: the passphrase's derivation would be in both.
  const workers = [holdfastTool('key file', ['--workers', '1']), holdfastTool('key file', ['--workers', '2'])].filter(isTool);
  const level3 = holdfastTool('passphrase', ['--level', '3']);

  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  if (values.work !== undefined) mkdirSync(values.work, { recursive: true });
  const work = mkdtempSync(join(values.work ?? tmpdir(), 'holdfast-bench-'));
  let server: S3Server | null = null;
  try {
    server = values.s3 ? await S3Server.start(work) : null;
    const corpora = await CorpusFolder.open(values.keep === undefined ? join(work, 'corpora') : resolve(values.keep), scale, values.seed, sets, say);
    const { vm, recRatioZstd3, recBytes, smallFiles, hashes } = corpora.stamp;
    const commit = thisCommit();
    const startedAt = new Date().toISOString();
    const path = values.out === undefined ? recordPath(startedAt, commit) : resolve(values.out);
    const record: BenchRecord = {
      format: 1,
      ...commit,
      startedAt,
      endedAt: null,
      command: `npm run bench:backup -- --against ${values.against}${values.s3 ? ' --s3' : ''} --sets ${sets.join(',')}${steps.length === allSteps.length ? '' : ` --steps ${steps.join(',')}`} --scale ${scale} --rounds ${rounds} --seed ${values.seed}`,
      machine: thisMachine(),
      scale,
      seed: values.seed,
      corpora: { vm, recRatioZstd3, recBytes, bytes: { big: hashes.big[0]?.bytes ?? 0, small: hashes.small[0]?.bytes ?? 0 }, smallFiles },
      tools: [...tools, ...workers].map(({ label, family, version }) => ({ label, family, version })),
      absent: [
        ...found.filter((each) => each.tools.length === 0).map((each) => each.family),
        ...(ours.length === 0 ? ['the command line of Holdfast'] : []),
        ...(values.s3 && server === null ? ['versitygw, so nothing was measured on S3'] : []),
      ],
      runs: [],
      wrong: [],
      sealing: [],
    };
    for (const text of record.absent) say(`not here: ${text}`);
    const stage: Stage = { work, corpora, server, record, stop: stop.signal, say, save: () => void writeRecord(record, path) };
    try {
      await playRounds(stage, tasksOf(tools, workers, server === null ? ['directory'] : ['directory', 's3'], sets, steps), rounds, new Seeded(`${values.seed}/order`));
      if (sets.includes('big')) {
        for (const tool of [...tools, ...(level3 === null ? [] : [level3])]) await playTask(stage, { tool, place: 'directory', set: 'rec', steps: ['first'] }, 1);
        corpora.show('big', 0);
        for (let round = 0; round < sealingRounds && ours.length > 0; round += 1) record.sealing.push(measureSealing(corpora.path('big')));
      }
      record.endedAt = new Date().toISOString();
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      say('stopped; what was measured is kept');
    } finally {
      corpora.close();
      say(`record: ${writeRecord(record, path)}`);
    }
    process.stdout.write(reportOf(record));
    return record.endedAt === null ? 130 : record.wrong.length > 0 ? 1 : 0;
  } finally {
    server?.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

if (values.help) process.stdout.write(usage);
else if (values.show !== undefined) process.stdout.write(reportOf(readRecord(values.show)));
else process.exitCode = await bench();
