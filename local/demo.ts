// `npm run demo`: three regions, the sample service, and the outside observer that takes one region away and measures what happens, and what a
// backup brings back. `-- --no-control-plane`: every control plane is away meanwhile, and what asks for one is written down. `-- --restores 50`: no region is taken away, and as many random seconds are restored. `-- --switches 1`: nothing is broken,
// and the group is switched over to the other region and back. Its exit status is the observer's.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bringUp, userEnvironment } from './bring-up.ts';
import { runChild } from './child.ts';
import { runProgram } from './lifetime.ts';
import { createProgress } from './progress.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FAULTS = ['kill', 'hang', 'partition', 'sick'];

await runProgram(async (signal) => {
  const { values, positionals } = parseArgs({
    // What follows `--` goes to the observer as it is.
    allowPositionals: true,
    options: {
      fault: { type: 'string', default: 'kill' },
      out: { type: 'string' },
      lambdas: { type: 'string' },
      restores: { type: 'string' },
      seed: { type: 'string' },
      switches: { type: 'string' },
      faults: { type: 'string' },
      'no-control-plane': { type: 'boolean', default: false },
    },
  });
  const { fault, restores, switches } = values;
  if (!FAULTS.includes(fault)) throw new Error(`--fault ${fault} is unknown; it may be ${FAULTS.join(', ')}`);
  const out = values.out ?? `.holdfast/demo/${switches !== undefined ? 'switches' : restores === undefined ? 'report' : 'restores'}.json`;
  const given = (name: 'restores' | 'seed' | 'switches' | 'faults') => (values[name] === undefined ? [] : [`--${name}`, values[name]]);
  const play =
    switches !== undefined
      ? (['switches', 'faults'] as const).flatMap(given)
      : restores === undefined
        ? ['--fault', fault, ...(values['no-control-plane'] ? ['--no-control-plane'] : [])]
        : [...given('restores'), ...given('seed')];
  mkdirSync(dirname(out), { recursive: true });
  const progress = createProgress((line) => process.stdout.write(line));
  const { harness, records } = await bringUp({ progress, signal, ...(values.lambdas === undefined ? {} : { lambdas: values.lambdas }) });
  try {
    // The observer says for itself what it waits for.
    progress.note(`The observer plays: ${switches !== undefined ? `${switches} switch-overs there and back` : restores === undefined ? fault : `${restores} restores to random seconds`}`);
    const { code } = await runChild({
      what: 'the observer',
      args: ['test/observer/main.ts', '--regions', harness.regionsFile, ...play, '--out', out, ...positionals],
      cwd: ROOT,
      env: userEnvironment(harness.endpoints),
      signal,
      records,
    });
    return code;
  } finally {
    await progress.step('Ending the regions', () => harness.close());
  }
});
