// From nothing to a service that answers: the engine, three regions, the stacks, the first `holdfast resume`, and the wait until DNS leads to an
// open region. What `npm run local` and `npm run demo` have in common.
import { Resolver } from 'node:dns/promises';
import { mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { config } from '../holdfast.config.ts';
import { endpointVariable } from '../src/config/environment.ts';
import { toRuntimeConfig } from '../src/config/runtime-config.ts';
import { runChild } from './child.ts';
import { installEngine, localAccountId } from './engine/ministack.ts';
import { childrenFile, startHarness, type Deployed, type Harness, type Plan } from './harness.ts';
import { processRecords, type ProcessRecords } from './leftovers.ts';
import type { Progress } from './progress.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ENGINE_DIRECTORY = fileURLToPath(new URL('../.holdfast/engine', import.meta.url));
const LOCAL_DIRECTORY = fileURLToPath(new URL('../.holdfast/local', import.meta.url));

export type BringUpOptions = {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Regions that somebody else started; absent: they are started here. */
  readonly endpoints?: Readonly<Record<string, string>>;
  /** Functions built elsewhere, to deploy instead of those of this checkout. */
  readonly lambdas?: string;
};

export type Running = { readonly harness: Harness; readonly records: ProcessRecords };

export function planOf(): Plan {
  const { group, voters, service, tables, vault } = toRuntimeConfig(config);
  const buckets = vault === undefined ? [] : voters.map(({ region }) => [region, `holdfast-${group}-vault-${localAccountId}-${region}`]);
  return { group, regions: voters, serviceName: service.name, tables, vaultBuckets: Object.fromEntries(buckets) };
}

export async function bringUp({ progress, signal, endpoints, lambdas }: BringUpOptions): Promise<Running> {
  const engine =
    endpoints === undefined
      ? { kind: 'ministack' as const, engine: await progress.step('Installing the AWS emulator (once: half a minute)', () => installEngine({ directory: ENGINE_DIRECTORY, log: progress.note })) }
      : { kind: 'endpoints' as const, endpoints };
  const records = processRecords(childrenFile(LOCAL_DIRECTORY));
  const harness = await startHarness({
    plan: planOf(),
    directory: LOCAL_DIRECTORY,
    engine,
    deploy: (regionEndpoints, waitFor) => deployStacks({ endpoints: regionEndpoints, lambdas, waitFor, progress, signal, records }),
    progress,
    random: () => Math.random(),
    signal,
  });
  try {
    await progress.step("The schedules' first fire, which the emulator makes a minute late", () => fireSchedules(harness.endpoints));
    await progress.step('holdfast resume: Holdfast acts only after its owner says so', () => resume(harness, progress, signal, records));
    await progress.step('Waiting until DNS leads to a region that serves', (waitFor) => untilServing(harness, signal, waitFor));
    return { harness, records };
  } catch (error) {
    await harness.close();
    throw error;
  }
}

/** For programs that talk to the deployed stacks as a user would. */
export function userEnvironment(endpoints: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(process.env).flatMap(([name, value]) => (value !== undefined && ['PATH', 'HOME', 'LANG', 'TERM', 'NO_COLOR', 'FORCE_COLOR'].includes(name) ? [[name, value]] : []));
  const regions = Object.entries(endpoints).map(([region, endpoint]) => [endpointVariable(region), endpoint]);
  return {
    ...Object.fromEntries([...own, ...regions]),
    AWS_ACCESS_KEY_ID: localAccountId,
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_REGION: config.initialRegion,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

const deployment = z.object({ regions: z.record(z.string(), z.object({ gateUrl: z.string().optional() })) });

type Deploying = {
  readonly endpoints: Readonly<Record<string, string>>;
  readonly lambdas: string | undefined;
  readonly waitFor: (what: string) => void;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly records: ProcessRecords;
};

async function deployStacks({ endpoints, lambdas, waitFor, progress, signal, records }: Deploying): Promise<Deployed> {
  // What the deployment writes down for itself, the CDK's cache included, stays in this checkout.
  const home = join(LOCAL_DIRECTORY, 'deployment');
  mkdirSync(home, { recursive: true });
  const { code, stdout } = await runChild({
    what: 'the deployment',
    args: ['scripts/deploy.ts', ...Object.entries(endpoints).flatMap(([region, endpoint]) => ['--endpoint', `${region}=${endpoint}`]), ...(lambdas === undefined ? [] : ['--lambdas', lambdas])],
    cwd: ROOT,
    env: { ...userEnvironment(endpoints), HOME: home, TMPDIR: home },
    signal,
    records,
    onLine(line) {
      waitFor(`the deployment; done last: ${line}`);
      progress.note(`  ${line}`);
    },
  });
  if (code !== 0) throw new Error(`the deployment failed (exit ${code}); what it said is above`);
  const { regions } = deployment.parse(JSON.parse(stdout));
  const gateUrls = Object.entries(regions).flatMap(([region, { gateUrl }]) => (gateUrl === undefined ? [] : [[region, gateUrl]]));
  // As scripts/deploy.ts: the hosted zone is made where no candidate can be lost.
  const zone = config.regions.find((member) => member.role === 'witness') ?? config.regions.find((member) => member.region !== config.initialRegion);
  return { gateUrls: Object.fromEntries(gateUrls), zoneRegion: zone?.region ?? config.initialRegion };
}

/** Ticks begin with the first slots; until then a region that nobody asks for its gate, such as the witness, sees nothing. */
async function fireSchedules(endpoints: Readonly<Record<string, string>>): Promise<void> {
  await Promise.all(
    Object.entries(endpoints).map(async ([region, endpoint]) => {
      const lambda = new LambdaClient({ region, endpoint, credentials: { accessKeyId: localAccountId, secretAccessKey: 'local' } });
      try {
        await lambda.send(new InvokeCommand({ FunctionName: `holdfast-${config.group}-schedule-slots`, InvocationType: 'Event' }));
      } finally {
        lambda.destroy();
      }
    }),
  );
}

async function resume(harness: Harness, progress: Progress, signal: AbortSignal, records: ProcessRecords): Promise<void> {
  const said: string[] = [];
  const { code, stdout } = await runChild({
    what: 'holdfast resume',
    args: ['src/cli/main.ts', 'resume', '--reason', 'first start of the local regions'],
    cwd: ROOT,
    env: userEnvironment(harness.endpoints),
    signal,
    records,
    onLine: (line) => said.push(line),
  });
  if (code !== 0) throw new Error(`holdfast resume failed (${code}): ${[...said, stdout].join('\n').slice(-2_000)}`);
  for (const line of stdout.trim().split('\n')) progress.note(`  ${line}`);
}

const SERVING_WITHIN_MS = 120_000;
const LOOK_MS = 500;
const ANSWER_WITHIN_MS = 2_000;

function statusAt(address: string, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: address, port, path: '/orders/none', headers: { host }, agent: false, timeout: ANSWER_WITHIN_MS });
    outgoing.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function untilServing(harness: Harness, signal: AbortSignal, waitFor: (what: string) => void): Promise<void> {
  const resolver = new Resolver({ timeout: ANSWER_WITHIN_MS, tries: 1 });
  resolver.setServers([`${harness.dns.host}:${harness.dns.port}`]);
  const { name, port } = harness.service;
  const deadline = performance.now() + SERVING_WITHIN_MS;
  for (let last = 'nothing yet'; performance.now() < deadline; ) {
    signal.throwIfAborted();
    try {
      const [address = ''] = await resolver.resolve4(name);
      const status = await statusAt(address, port, name);
      // An order that does not exist: 404 from an open region, 503 from a closed one and from the maintenance answer.
      if (status < 500) return;
      last = `${address} says ${status}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    waitFor(`${name} to serve; ${last}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`${name} does not serve ${SERVING_WITHIN_MS / 1000} s after the deployment; each region's log is in ${LOCAL_DIRECTORY}/<region>/emulator.log`);
}
