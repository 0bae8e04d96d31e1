// The raw record of a run: everything that was measured, written after each step so that an interrupted run has been worth its time.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import * as z from 'zod';

/** In the order in which they are played. */
export const steps = ['first', 'same', 'changed', 'restore', 'verify'] as const;
export type Step = (typeof steps)[number];
export const places = ['directory', 's3'] as const;
export type PlaceKind = (typeof places)[number];

const runSchema = z.object({
  round: z.number(),
  place: z.enum(places),
  set: z.enum(['big', 'small', 'rec']),
  label: z.string(),
  step: z.enum(steps),
  wallSeconds: z.number(),
  cpuSeconds: z.number(),
  peakBytes: z.number(),
  /** CPU seconds that neither the tool nor the S3 server used. */
  foreignSeconds: z.number().nullable(),
  serverSeconds: z.number().nullable(),
  /** What the repository holds after the step, where it writes. */
  storedBytes: z.number().nullable(),
});
export type Run = z.infer<typeof runSchema>;

const recordSchema = z.object({
  format: z.literal(1),
  commit: z.string(),
  isDirty: z.boolean(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  command: z.string(),
  machine: z.object({ processor: z.string(), processors: z.number(), memoryBytes: z.number(), system: z.string(), node: z.string() }),
  scale: z.number(),
  seed: z.string(),
  corpora: z.object({ vm: z.string(), recRatioZstd3: z.number(), recBytes: z.number(), bytes: z.object({ big: z.number(), small: z.number() }), smallFiles: z.number() }),
  tools: z.array(z.object({ label: z.string(), family: z.string(), version: z.string() })),
  /** What was asked for and is not there. */
  absent: z.array(z.string()),
  runs: z.array(runSchema),
  /** Steps that failed or restored something else; they are not among the runs. */
  wrong: z.array(z.object({ round: z.number(), place: z.string(), set: z.string(), label: z.string(), step: z.string(), because: z.string() })),
  sealing: z.array(z.object({ sealSeconds: z.number(), tagSeconds: z.number(), sealedBytes: z.number() })),
});
export type BenchRecord = z.infer<typeof recordSchema>;

export function readRecord(path: string): BenchRecord {
  return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** As `path` once it is complete, until then as `path` with `.partial`. */
export function writeRecord(record: BenchRecord, path: string): string {
  const partial = `${path}.partial`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${partial}.new`, `${JSON.stringify(record, null, 1)}\n`);
  renameSync(`${partial}.new`, partial);
  if (record.endedAt === null) return partial;
  renameSync(partial, path);
  rmSync(partial, { force: true });
  return path;
}

export function thisMachine(): BenchRecord['machine'] {
  return { processor: cpus()[0]?.model ?? 'unknown', processors: availableParallelism(), memoryBytes: totalmem(), system: `${platform()} ${release()} ${arch()}`, node: process.versions.node };
}

export function thisCommit(): { readonly commit: string; readonly isDirty: boolean } {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return { commit: git('rev-parse', '--short=12', 'HEAD'), isDirty: git('status', '--porcelain', '--', ':/src', ':/package.json', ':/package-lock.json') !== '' };
  } catch {
    return { commit: 'unknown', isDirty: true };
  }
}

export function recordPath(startedAt: string, { commit, isDirty }: ReturnType<typeof thisCommit>): string {
  return join(import.meta.dirname, 'records', `${startedAt.slice(0, 16).replace(/[-:]/g, '')}-${commit}${isDirty ? '-dirty' : ''}.json`);
}
