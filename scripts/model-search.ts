// One run of SPIN: pan.c is generated, compiled and run in a folder of its own that is removed afterwards.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Configuration } from './model-configurations.ts';

export type Found =
  | { readonly kind: 'searched'; readonly states: number; readonly depth: number; readonly errors: number; readonly isExhausted: boolean; readonly seconds: number }
  | { readonly kind: 'failed'; readonly because: string };

const spec = join(import.meta.dirname, '..', 'spec');
/** Two run at a time, within 4 GB together. */
const memoryMiB = 1900;
const depthMax = 2_000_000;
const niceness = 10;

export function missingTools(): string[] {
  return ['spin', 'gcc'].filter((tool) => {
    const { error } = spawnSync(tool, [tool === 'spin' ? '-V' : '--version'], { stdio: 'ignore' });
    return error !== undefined;
  });
}

const running = new Set<ChildProcess>();

/** A person who stops the run stops its searches too; their folders are removed as they end. */
export function stopSearches(): void {
  for (const child of running) child.kill('SIGKILL');
}

type Ran = { readonly code: number | null; readonly output: string };

function run(command: string, args: readonly string[], cwd: string, timeoutSeconds: number): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const chunks: string[] = [];
    child.stdout.on('data', (chunk) => chunks.push(String(chunk)));
    child.stderr.on('data', (chunk) => chunks.push(String(chunk)));
    // SIGINT lets pan print what it has counted so far.
    const timer = setTimeout(() => child.kill('SIGINT'), timeoutSeconds * 1000);
    child.on('error', (error) => resolve({ code: 127, output: String(error) }));
    child.on('close', (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, output: chunks.join('') });
    });
  });
}

function compilerFlags({ search }: Configuration): string[] {
  const flags = ['-O2', '-w', '-DCOLLAPSE', `-DMEMLIM=${memoryMiB}`];
  if (search === 'breadth') return ['-O2', '-w', '-DBFS', `-DMEMLIM=${memoryMiB}`];
  return search === 'depth' ? [...flags, '-DSAFETY'] : [...flags, '-DNFAIR=3'];
}

/** Half a minute on a free machine; it only ends a build that hangs. */
const buildSecondsMax = 900;

function whyNotBuilt(tool: string, { code, output }: Ran): string {
  return code === null ? `${tool} was not through after ${buildSecondsMax} s and was ended` : `${tool}: ${output.slice(0, 400)}`;
}

const panFlags = { depth: ['-c1'], breadth: [], fair: ['-a', '-f'] } as const;

export async function search(configuration: Configuration): Promise<Found> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-model-'));
  try {
    const defines = configuration.defines.map((d) => `-D${d}`);
    const generated = await run('spin', [...defines, '-a', join(spec, configuration.file)], folder, buildSecondsMax);
    if (generated.code !== 0) return { kind: 'failed', because: whyNotBuilt('spin', generated) };
    const compiled = await run('gcc', [...compilerFlags(configuration), '-o', 'pan', 'pan.c'], folder, buildSecondsMax);
    if (compiled.code !== 0) return { kind: 'failed', because: whyNotBuilt('gcc', compiled) };
    const pan = ['-n', String(niceness), './pan', `-m${depthMax}`, '-n', ...panFlags[configuration.search]];
    const startedAtMs = Date.now();
    const { output } = await run('nice', pan, folder, configuration.secondsMax);
    return parsePan(output, (Date.now() - startedAtMs) / 1000);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parsePan(output: string, seconds: number): Found {
  const states = /^\s*(\d+) states, stored/m.exec(output);
  const summary = /depth reached (\d+), errors: (\d+)/.exec(output);
  if (states === null || summary === null) return { kind: 'failed', because: `pan: ${output.slice(0, 400)}` };
  const isCut = /Search not completed|max search depth too small|reached -DMEMLIM|out of memory/.test(output);
  return { kind: 'searched', states: Number(states[1]), depth: Number(summary[1]), errors: Number(summary[2]), isExhausted: !isCut, seconds };
}
