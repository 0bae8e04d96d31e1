// Plays every fault against the deployed stacks, and then one that must be seen: with a gate that never re-reads its lease row,
// the observer has to find two active regions. Otherwise its zeros would mean nothing.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildLambdas, bundling, LAMBDAS } from './build-lambdas.ts';

const root = join(import.meta.dirname, '..');

/** What the planted bug replaces in lambdas/gate.ts; each text must be there, or the plant would be no plant. */
const plant = [
  {
    from: 'if (cached !== undefined && ageMs >= 0 && ageMs <= environment.config.timing.gateCacheMs) return cached;',
    to: 'if (cached !== undefined && isActingAt(cached.lease, cached.askedAtMs)) return cached;',
  },
  { from: 'return isActingAt(lease, Date.now())', to: 'return isActingAt(lease, seen.askedAtMs)' },
] as const;

async function buildWithPlantedGate(directory: string): Promise<void> {
  await buildLambdas();
  cpSync(LAMBDAS, directory, { recursive: true });
  const gate = join(root, 'lambdas/gate.ts');
  let contents = readFileSync(gate, 'utf8');
  for (const { from, to } of plant) {
    if (!contents.includes(from)) throw new Error(`the planted bug no longer fits lambdas/gate.ts: '${from}' is not there; plant it anew in scripts/test-faults.ts`);
    contents = contents.replace(from, to);
  }
  await build({
    stdin: { contents, loader: 'ts', resolveDir: join(root, 'lambdas'), sourcefile: 'gate.ts' },
    outfile: join(directory, 'gate/index.mjs'),
    ...bundling,
  });
}

/** A person who stops the run stops all of it, not the fault that is being played. */
let isStopped = false;

async function demo(...args: string[]): Promise<number> {
  if (isStopped) return 130;
  const child = spawn(process.execPath, ['local/demo.ts', ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (signal: NodeJS.Signals) => {
    isStopped = true;
    child.kill(signal);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (code) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve(code ?? 1);
    });
  });
}

const outcomes: { readonly name: string; readonly code: number }[] = [];
for (const fault of ['kill', 'hang', 'partition', 'sick']) {
  process.stdout.write(`\nfault: ${fault}\n`);
  outcomes.push({ name: fault, code: await demo('--fault', fault, '--out', `.holdfast/demo/${fault}.json`) });
}
const planted = mkdtempSync(join(tmpdir(), 'holdfast-planted-'));
try {
  process.stdout.write('\nplanted bug: a gate that never re-reads its lease row, and a region that hangs\n');
  await buildWithPlantedGate(planted);
  outcomes.push({ name: 'the planted bug is seen', code: await demo('--fault', 'hang', '--out', '.holdfast/demo/planted.json', '--lambdas', planted, '--', '--expect-dual-active') });
} finally {
  rmSync(planted, { recursive: true, force: true });
}
const failed = outcomes.filter((o) => o.code !== 0);
process.stdout.write(`\n${outcomes.map((o) => `${o.code === 0 ? 'ok    ' : `FAILED (exit ${o.code})`} ${o.name}`).join('\n')}\n${outcomes.length - failed.length} passed, ${failed.length} failed\n`);
process.exit(failed.length === 0 ? 0 : 1);
