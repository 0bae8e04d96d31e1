// What the tests of the harness share, and what they start in a process of its own in order to kill it.
import { fileURLToPath } from 'node:url';
import { installEngine } from '../../../local/engine/ministack.ts';
import { startHarness, type Deployed, type Harness, type Plan } from '../../../local/harness.ts';
import type { Progress } from '../../../local/progress.ts';

export const PLAN: Plan = {
  group: 'sample',
  regions: [
    { region: 'us-east-1', role: 'candidate', registerTable: 'register' },
    { region: 'us-west-2', role: 'candidate', registerTable: 'register' },
    { region: 'eu-west-1', role: 'witness', registerTable: 'register' },
  ],
  serviceName: 'api.orders.example',
  tables: { data: 'orders', region: 'region', fence: 'fence', log: 'log' },
  vaultBuckets: { 'us-east-1': 'vault-us-east-1' },
};

export const ENGINE_DIRECTORY = fileURLToPath(new URL('../../../.holdfast/engine', import.meta.url));

export const silent: Progress = { note: () => undefined, step: (_, work) => work(() => undefined) };

/** A sequence that is the same in each run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export async function startSample(directory: string, deploy: (endpoints: Readonly<Record<string, string>>) => Promise<Deployed>, progress: Progress = silent): Promise<Harness> {
  const engine = await installEngine({ directory: ENGINE_DIRECTORY, log: progress.note });
  return startHarness({ plan: PLAN, directory, engine: { kind: 'ministack', engine }, deploy, progress, random: seeded(process.pid) });
}

/** Run by itself: a harness without stacks, whose readiness is one line; it ends by being killed. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stop = new Error('not deployed: this harness is there to be killed');
  await startSample(process.argv[2] ?? '', () => {
    // Whoever reads the line may send the signal at once.
    const stopped = new Promise<Deployed>((_, reject) => process.once('SIGTERM', () => reject(stop)));
    process.stdout.write('up\n');
    return stopped;
  }).catch((error: unknown) => {
    if (error !== stop) throw error;
    process.stdout.write('ended\n');
  });
}
