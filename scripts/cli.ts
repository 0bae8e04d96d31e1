// Why: `npm run cli -- status` in a checkout: the command line as it is, pointed at the local regions of `npm run local` while they are up,
// else at AWS with your own credentials.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { endpointVariable } from '../src/config/environment.ts';

const REGIONS_FILE = join(import.meta.dirname, '../.holdfast/local/regions.json');
const regionsFile = z.object({ regions: z.record(z.string(), z.object({ endpoint: z.url() })) });
/** The local regions check no secret; the key id is the account. */
const LOCAL_CREDENTIALS = { AWS_ACCESS_KEY_ID: '111111111111', AWS_SECRET_ACCESS_KEY: 'local' };

function readRegionsFile(): string | undefined {
  try {
    return readFileSync(REGIONS_FILE, 'utf8');
  } catch {
    return undefined;
  }
}

const text = readRegionsFile();
if (text !== undefined) {
  const { regions } = regionsFile.parse(JSON.parse(text));
  for (const [region, { endpoint }] of Object.entries(regions)) process.env[endpointVariable(region)] = endpoint;
  for (const name of ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_DYNAMODB']) delete process.env[name];
  Object.assign(process.env, LOCAL_CREDENTIALS);
}

await import(process.argv[2] === 'vault' ? '../src/cli/vault-main.ts' : '../src/cli/main.ts');
