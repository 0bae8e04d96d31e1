// `npm run local`: three regions with the sample service, up until Ctrl-C. `-- --endpoints FILE` uses regions that somebody else started.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { bringUp, userEnvironment } from './bring-up.ts';
import { forever, runProgram } from './lifetime.ts';
import { createProgress } from './progress.ts';
import type { Harness } from './harness.ts';

const endpointsFile = z.record(z.string(), z.url({ protocol: /^http$/ }));

function readEndpoints(path: string): Readonly<Record<string, string>> {
  const parsed = endpointsFile.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) throw new Error(`${path} must be a JSON object of region → http URL, like {"us-east-1":"http://127.0.0.1:4566",…}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function howToUse({ regionsFile, dns, service, endpoints }: Harness): string {
  const variables = Object.entries(userEnvironment(endpoints))
    .filter(([name]) => /^(AWS|HOLDFAST)_/.test(name))
    .map(([name, value]) => `${name}=${value}`);
  return `
The regions are up. Ctrl-C ends them.
  ask DNS            dig @${dns.host} -p ${dns.port} +short ${service.name}
  put an order       curl -X PUT -H 'Host: ${service.name}' -d '{"what":"tea"}' http://<the address>:${service.port}/orders/1
  who is active      env ${variables.join(' ')} npx holdfast status
  all of it          ${relative(process.cwd(), regionsFile)}
`;
}

await runProgram(async (signal) => {
  const { values } = parseArgs({ options: { endpoints: { type: 'string' } } });
  const progress = createProgress((line) => process.stdout.write(line));
  const { harness } = await bringUp({ progress, signal, ...(values.endpoints === undefined ? {} : { endpoints: readEndpoints(values.endpoints) }) });
  try {
    process.stdout.write(howToUse(harness));
    return await forever(signal);
  } finally {
    progress.note('ending the regions');
    await harness.close();
  }
});
