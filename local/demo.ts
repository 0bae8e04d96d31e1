// `npm run demo`: three regions, the sample service, and the outside observer that takes one region away and measures what happens, and what a
// backup brings back. `-- --no-control-plane`: every control plane is away meanwhile, and what asks for one is written down. `-- --restores 50`: no region is taken away, and as many random seconds are restored. `-- --switches 1`: nothing is broken,
// and the group is switched over to the other region and back. `-- --soak 20 --minutes 30`: the network is torn so often, for so long. Its exit status is the observer's.
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
      soak: { type: 'string' },
      minutes: { type: 'string' },
      'no-control-plane': { type: 'boolean', default: false },
    },
  });
  const { fault } = values;
  if (!FAULTS.includes(fault)) throw new Error(`--fault ${fault} is unknown; it may be ${FAULTS.join(', ')}`);
  const given = (...names: readonly (keyof typeof values)[]) => names.flatMap((name) => (typeof values[name] === 'string' ? [`--${name}`, values[name]] : []));
  const plays = [
    { name: 'soak', args: given('soak', 'minutes', 'seed'), what: `${values.soak} failovers and returns in a torn network` },
    { name: 'switches', args: given('switches', 'faults'), what: `${values.switches} switch-overs there and back` },
    { name: 'restores', args: given('restores', 'seed'), what: `${values.restores} restores to random seconds` },
  ] as const;
  const play = plays.find(({ name }) => values[name] !== undefined) ?? { name: 'report', args: ['--fault', fault, ...(values['no-control-plane'] ? ['--no-control-plane'] : [])], what: fault };
  const out = values.out ?? `.holdfast/demo/${play.name}.json`;
  mkdirSync(dirname(out), { recursive: true });
  const progress = createProgress((line) => process.stdout.write(line));
  const { harness, records } = await bringUp({ progress, signal, ...(values.lambdas === undefined ? {} : { lambdas: values.lambdas }) });
  try {
    // The observer says for itself what it waits for.
    progress.note(`The observer plays: ${play.what}`);
    const { code } = await runChild({
      what: 'the observer',
      args: ['test/observer/main.ts', '--regions', harness.regionsFile, ...play.args, '--out', out, ...positionals],
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
