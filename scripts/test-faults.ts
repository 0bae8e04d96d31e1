// Plays every fault against the deployed stacks, one of them without control planes, a planned switch-over and back, and then what must be seen: with a gate that never re-reads
// its lease row the observer has to find two active regions, and a step that asks for a control plane has to be refused. Otherwise its zeros
// would mean nothing.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildLambdas, bundling, LAMBDAS } from './build-lambdas.ts';
import { root, runCommand } from './run-command.ts';

type Plant = { readonly name: string; readonly edits: readonly { readonly from: string; readonly to: string }[] };

/** What each planted bug replaces in its function; each text must be there, or the plant would be no plant. */
const staleGate: Plant = {
  name: 'gate',
  edits: [
    {
      from: 'if (cached !== undefined && ageMs >= 0 && ageMs <= environment.config.timing.gateCacheMs) return cached;',
      to: 'if (cached !== undefined && isActingAt(cached.lease, cached.askedAtMs)) return cached;',
    },
    { from: 'return isActingAt(lease, Date.now())', to: 'return isActingAt(lease, seen.askedAtMs)' },
  ],
};
/** It goes on where it is refused: only who listens to the refusals can tell. */
const reservingOpenGate: Plant = {
  name: 'open-gate',
  edits: [
    { from: 'import { connectGovernor }', to: "import { LambdaClient, PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';\nimport { connectGovernor }" },
    {
      from: 'return openGateStep(',
      to: "const more = new PutFunctionConcurrencyCommand({ FunctionName: 'orders', ReservedConcurrentExecutions: 50 });\n  await new LambdaClient({ maxAttempts: 1 }).send(more).catch(() => undefined);\n  return openGateStep(",
    },
  ],
};

async function buildWithPlanted(directory: string, { name, edits }: Plant): Promise<void> {
  await buildLambdas();
  cpSync(LAMBDAS, directory, { recursive: true });
  let contents = readFileSync(join(root, `lambdas/${name}.ts`), 'utf8');
  for (const { from, to } of edits) {
    if (!contents.includes(from)) throw new Error(`the planted bug no longer fits lambdas/${name}.ts: '${from}' is not there; plant it anew in scripts/test-faults.ts`);
    contents = contents.replace(from, to);
  }
  await build({
    ...bundling,
    stdin: { contents, loader: 'ts', resolveDir: join(root, 'lambdas'), sourcefile: `${name}.ts` },
    outfile: join(directory, `${name}/index.mjs`),
  });
}

const demo = async (...args: string[]) => runCommand(process.execPath, ['local/demo.ts', ...args]);

const outcomes: { readonly name: string; readonly code: number }[] = [];
for (const fault of ['kill', 'hang', 'partition', 'sick']) {
  process.stdout.write(`\nfault: ${fault}\n`);
  outcomes.push({ name: fault, code: await demo('--fault', fault, '--out', `.holdfast/demo/${fault}.json`) });
}
process.stdout.write('\nfault: kill, while every control plane is away\n');
outcomes.push({ name: 'kill without a control plane', code: await demo('--fault', 'kill', '--no-control-plane', '--out', '.holdfast/demo/no-control-plane.json') });

process.stdout.write('\nno fault: a planned switch-over, there and back\n');
outcomes.push({ name: 'switch-over and back', code: await demo('--switches', '1', '--out', '.holdfast/demo/switches.json') });

async function demoWithPlanted(name: string, plant: Plant, ...args: string[]): Promise<void> {
  const planted = mkdtempSync(join(tmpdir(), 'holdfast-planted-'));
  try {
    await buildWithPlanted(planted, plant);
    outcomes.push({ name, code: await demo('--out', `.holdfast/demo/planted-${plant.name}.json`, '--lambdas', planted, ...args) });
  } finally {
    rmSync(planted, { recursive: true, force: true });
  }
}
process.stdout.write('\nplanted bug: a gate that never re-reads its lease row, and a region that hangs\n');
await demoWithPlanted('the planted bug is seen', staleGate, '--fault', 'hang', '--', '--expect-dual-active');
process.stdout.write('\nplanted bug: a step that asks for more concurrency before it opens, and every control plane is away\n');
await demoWithPlanted('the planted call is refused', reservingOpenGate, '--fault', 'kill', '--no-control-plane', '--', '--expect-refusals');
const failed = outcomes.filter((o) => o.code !== 0);
process.stdout.write(`\n${outcomes.map((o) => `${o.code === 0 ? 'ok    ' : `FAILED (exit ${o.code})`} ${o.name}`).join('\n')}\n${outcomes.length - failed.length} passed, ${failed.length} failed\n`);
process.exit(failed.length === 0 ? 0 : 1);
