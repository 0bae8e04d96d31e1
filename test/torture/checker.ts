// The judge: porcupine (github.com/anishathalye/porcupine), a linearizability checker in Go, built from test/torture/checker. Where
// it cannot be had, this says what is missing; there is no second judge that would pass a run in its place.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const source = join(import.meta.dirname, 'checker');
const outputBytesMax = 64 * 1024 * 1024;

const verdictSchema = z.object({
  key: z.string(),
  calls: z.number(),
  /** Of known outcome. */
  answered: z.number(),
  verdict: z.enum(['linearizable', 'violated', 'undecided']),
  prefixCalls: z.number().optional(),
  lastCall: z.string().optional(),
  lastProcess: z.string().optional(),
  lastAtNs: z.number().optional(),
  picture: z.string().optional(),
});
export type Verdict = z.infer<typeof verdictSchema>;

export type Checker = (file: string, ...flags: readonly string[]) => Verdict[];

export class CheckerMissingError extends Error {
  override readonly name = 'CheckerMissingError';
}

/** @throws CheckerMissingError with the sentence that says what to do. */
export function buildChecker(directory: string): Checker {
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (go.status !== 0) {
    throw new CheckerMissingError('The linearizability checker is written in Go (porcupine), and there is no go on PATH: install Go 1.22 or newer (go.dev/dl) and start again.');
  }
  mkdirSync(directory, { recursive: true });
  const program = join(directory, 'torture-checker');
  const build = spawnSync('go', ['build', '-C', source, '-buildvcs=false', '-o', program, '.'], { encoding: 'utf8' });
  if (build.status !== 0) {
    throw new CheckerMissingError(
      `The linearizability checker could not be built by ${go.stdout.trim()}: it needs Go 1.22 or newer and, the first time, a Go module proxy that has github.com/anishathalye/porcupine. Go says: ${build.stderr.trim()}`,
    );
  }
  return (file, ...flags) => {
    const run = spawnSync(program, [...flags, file], { encoding: 'utf8', maxBuffer: outputBytesMax });
    if (run.status !== 0 && run.status !== 1) throw new Error(`The checker could not judge ${file}: ${run.stderr.trim() || String(run.error ?? run.signal)}`);
    return run.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => verdictSchema.parse(JSON.parse(line)));
  };
}
