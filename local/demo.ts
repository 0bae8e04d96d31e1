// `npm run demo`: three regions, the sample service, and the outside observer that takes one region away and measures what happens. Its exit
// status is the observer's.
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
    options: { fault: { type: 'string', default: 'kill' }, out: { type: 'string', default: '.holdfast/demo/report.json' }, lambdas: { type: 'string' } },
  });
  if (!FAULTS.includes(values.fault)) throw new Error(`--fault ${values.fault} is unknown; it may be ${FAULTS.join(', ')}`);
  mkdirSync(dirname(values.out), { recursive: true });
  const progress = createProgress((line) => process.stdout.write(line));
  const { harness, records } = await bringUp({ progress, signal, ...(values.lambdas === undefined ? {} : { lambdas: values.lambdas }) });
  try {
    // The observer says for itself what it waits for.
    progress.note(`The observer plays: ${values.fault}`);
    const { code } = await runChild({
      what: 'the observer',
      args: ['test/observer/main.ts', '--regions', harness.regionsFile, '--fault', values.fault, '--out', values.out, ...positionals],
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
