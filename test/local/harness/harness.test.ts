// The harness whole, with real regions: what it promises to outsiders in regions.json, and that nothing of it outlives it.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoDBClient, GetItemCommand, PutItemCommand, DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupPids } from '../../../local/engine/process-group.ts';
import { AlreadyRunningError } from '../../../local/lock.ts';
import type { RegionsFile } from '../../../local/regions-file.ts';
import { localFunctionUrl } from '../../../local/aws-names.ts';
import { installEngine, runningProcess } from '../../../local/engine/ministack.ts';
import { startHarness, type Harness } from '../../../local/harness.ts';
import { stopRegion } from '../../observer/processes.ts';
import { ENGINE_DIRECTORY, PLAN, seeded, silent, startSample } from './harness-fixture.ts';
import { deploySample } from './sample-stacks.ts';

const EAST = 'us-east-1';
const WEST = 'us-west-2';
const FIXTURE = fileURLToPath(new URL('harness-fixture.ts', import.meta.url));

function readRegions(path: string): RegionsFile {
  const content: RegionsFile = JSON.parse(readFileSync(path, 'utf8'));
  return content;
}

/** Asks again until it holds: what is waited for has no event. The last answer is in the failure. */
async function until<T>(look: () => Promise<T> | T, holds: (seen: T) => boolean, withinMs: number): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`after ${withinMs} ms it is still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('three regions', { timeout: 30_000 }, () => {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-harness-'));
  const directory = join(parent, 'local');
  // As in a checkout: what is above the regions says that .js files are modules, and their functions must not believe it.
  writeFileSync(join(parent, 'package.json'), '{"type":"module"}');
  let harness: Harness;
  let regionsFile: string;
  const clients: DynamoDBClient[] = [];

  const regions = () => readRegions(regionsFile).regions;
  const pids = (region: string): readonly number[] => regions()[region]?.pids ?? [];
  let sampleUrls: Readonly<Record<string, string>> = {};
  async function call(region: string, path: string): Promise<{ status: number; body: string }> {
    const answer = await fetch(localFunctionUrl(new URL(path, sampleUrls[region]).href, regions()[region]?.endpoint ?? ''));
    return { status: answer.status, body: await answer.text() };
  }
  async function control(request: object): Promise<Response> {
    return fetch(readRegions(regionsFile).control.url, { method: 'POST', body: JSON.stringify(request) });
  }
  function dynamo(region: string): DynamoDBClient {
    const client = new DynamoDBClient({ endpoint: regions()[region]?.endpoint ?? '', region, credentials: { accessKeyId: '111111111111', secretAccessKey: 'x' } });
    clients.push(client);
    return client;
  }
  const setOpen = (region: string, isOpen: boolean): Promise<unknown> =>
    isOpen
      ? dynamo(region).send(new PutItemCommand({ TableName: 'orders', Item: { id: { S: 'open' } } }))
      : dynamo(region).send(new DeleteItemCommand({ TableName: 'orders', Key: { id: { S: 'open' } } }));
  async function resolved(): Promise<string[]> {
    const { dns, service } = readRegions(regionsFile);
    const resolver = new Resolver();
    resolver.setServers([`${dns.host}:${dns.port}`]);
    return resolver.resolve4(service.name);
  }

  beforeAll(async () => {
    harness = await startSample(directory, async (endpoints) => {
      const deployed = await deploySample(endpoints);
      sampleUrls = deployed.sampleUrls;
      return deployed;
    });
    regionsFile = harness.regionsFile;
    await setOpen(EAST, true);
  }, 120_000);
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await harness.close();
    rmSync(parent, { recursive: true, force: true });
  }, 30_000);

  test('regions.json says what an outsider needs', () => {
    const content = readRegions(regionsFile);
    expect(Object.keys(content.regions)).toEqual([EAST, WEST, 'eu-west-1']);
    expect(content.regions['eu-west-1']).toMatchObject({ role: 'witness', gateUrl: null, endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.13:/) });
    for (const region of [EAST, WEST, 'eu-west-1']) {
      const listed = pids(region);
      expect(listed.length).toBeGreaterThan(0);
      for (const pid of listed) expect(existsSync('/proc') ? existsSync(`/proc/${pid}`) : true).toBe(true);
    }
    expect(content).toMatchObject({ tableName: 'orders', service: { name: 'api.orders.example' }, deployed: true, vaultBuckets: PLAN.vaultBuckets });
  });

  test('only one harness at a time, and the second does no harm', async () => {
    await expect(startSample(directory, deploySample)).rejects.toThrow(AlreadyRunningError);
    // The gate takes few calls at once, and says 429 to one too many beside the health checks.
    const status = async () => (await fetch(regions()[EAST]?.gateUrl ?? '')).status;
    expect(await until(status, (answer) => answer !== 429, 20_000)).toBe(200);
  });

  test('DNS leads to the region whose gate says 200, moves with it, and to the maintenance answer when none does', async () => {
    expect(await until(resolved, (answer) => answer[0] === '127.0.0.11', 20_000)).toEqual(['127.0.0.11']);
    await setOpen(WEST, true);
    await setOpen(EAST, false);
    await until(resolved, (answer) => answer[0] === '127.0.0.12', 20_000);
    // Once the east is known to be unhealthy the answer is no longer a choice of two.
    await until(
      async () => new Set((await Promise.all(Array.from({ length: 8 }, resolved))).flat()).size,
      (answers) => answers === 1,
      20_000,
    );
    await setOpen(WEST, false);
    await until(resolved, (answer) => answer[0] === '127.0.0.13', 20_000);
    await setOpen(EAST, true);
    await until(resolved, (answer) => answer[0] === '127.0.0.11', 20_000);
  }, 90_000);

  test('an isolated region reaches itself and its clients, but no other, and is healed', async () => {
    expect(await call(EAST, '/reach/us-west-2')).toMatchObject({ status: 200 });
    expect((await control({ kind: 'isolate', region: EAST })).ok).toBe(true);
    expect(await call(EAST, '/reach/us-west-2')).toEqual({ status: 504, body: 'TimeoutError' });
    expect(await call(WEST, '/reach/us-east-1')).toEqual({ status: 504, body: 'TimeoutError' });
    expect(await call(WEST, '/reach/eu-west-1')).toMatchObject({ status: 200 });
    expect(await call(EAST, '/reach/us-east-1')).toMatchObject({ status: 200 });
    expect((await control({ kind: 'heal' })).ok).toBe(true);
    expect(await call(EAST, '/reach/us-west-2')).toMatchObject({ status: 200 });
  });

  test('a sick table throttles its own writes in that region, and nothing else', async () => {
    expect((await control({ kind: 'throttle', region: EAST, table: 'orders' })).ok).toBe(true);
    expect(await call(EAST, '/write/orders')).toMatchObject({ status: 400, body: expect.stringContaining('ProvisionedThroughputExceededException') });
    expect(await call(EAST, '/write/fence')).toMatchObject({ status: 200 });
    expect(await call(EAST, '/gate')).toMatchObject({ status: 200 });
    expect(await call(WEST, '/write/orders')).toMatchObject({ status: 200 });
    await control({ kind: 'heal' });
    expect(await call(EAST, '/write/orders')).toMatchObject({ status: 200 });
  });

  test.each([
    [{ kind: 'isolate', region: 'mars-1' }, 400, 'there is no region mars-1'],
    [{ kind: 'explode' }, 400, 'kind'],
    [{ kind: 'cut', from: EAST, to: EAST }, 500, 'no link'],
    [{ kind: 'start', region: EAST }, 409, 'is running already'],
  ])(
    'the control server refuses %j',
    async (request, status, because) => {
      const answer = await control(request);
      expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(because)]);
    },
    10_000,
  );

  test('nobody controls it without the token', async () => {
    const { origin } = new URL(readRegions(regionsFile).control.url);
    expect((await fetch(`${origin}/`, { method: 'POST', body: '{"kind":"heal"}' })).status).toBe(404);
  });

  test('a killed region is gone from regions.json and DNS; its start command brings it back with its data', async () => {
    const [leader = 0] = pids(EAST);
    const [command = '', ...parameters] = regions()[EAST]?.start ?? [];
    process.kill(-leader, 'SIGKILL');
    await until(
      () => pids(EAST),
      (listed) => listed.length === 0,
      10_000,
    );
    await until(resolved, (answer) => answer[0] === '127.0.0.13', 20_000);
    await promisify(execFile)(command, parameters);
    expect(pids(EAST)).not.toContain(leader);
    expect(pids(EAST).length).toBeGreaterThan(0);
    const read = await dynamo(EAST).send(new GetItemCommand({ TableName: 'orders', Key: { id: { S: 'open' } } }));
    expect(read.Item).toEqual({ id: { S: 'open' } });
    await until(resolved, (answer) => answer[0] === '127.0.0.11', 20_000);
    expect(await call(EAST, '/reach/us-west-2')).toMatchObject({ status: 200 });
  }, 90_000);

  test('closed, it leaves no process, no lock and no promise', async () => {
    const leaders = [EAST, WEST, 'eu-west-1'].flatMap((region) => pids(region).slice(0, 1));
    await harness.close();
    expect(leaders.flatMap(groupPids)).toEqual([]);
    expect([existsSync(regionsFile), existsSync(`${directory}.lock`)]).toEqual([false, false]);
  }, 20_000);
});

describe('a harness that ends badly', () => {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-killed-'));
  const directory = join(parent, 'local');
  const regionsFile = join(directory, 'regions.json');
  let child: ChildProcess | undefined;
  afterAll(() => {
    child?.kill('SIGKILL');
    rmSync(parent, { recursive: true, force: true });
  });

  async function up(): Promise<number[]> {
    const started = spawn(process.execPath, [FIXTURE, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    await once(started.stdout, 'data');
    return Object.values(readRegions(regionsFile).regions).flatMap((region) => region.pids.slice(0, 1));
  }

  test('kill -9 of it takes its regions along; one that was stopped is ended by the next start', async () => {
    const leaders = await up();
    expect(leaders).toHaveLength(3);
    const [stopped = 0, ...others] = leaders;
    // A signal sent is not a signal taken: until then the region may see its parent's death and end.
    await stopRegion(() => [stopped]);
    child?.kill('SIGKILL');
    await until(
      () => others.flatMap(groupPids),
      (left) => left.length === 0,
      10_000,
    );
    expect(groupPids(stopped)).toContain(stopped);

    const next = await up();
    expect(groupPids(stopped)).toEqual([]);
    expect(next).not.toContain(stopped);

    // And an error while it deploys ends all of it.
    const ended = once(child ?? process, 'exit');
    child?.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
    expect(next.flatMap(groupPids)).toEqual([]);
    expect(existsSync(regionsFile)).toBe(false);
  }, 60_000);

  test('interrupted while its regions start, it ends them without waiting for them', async () => {
    const controller = new AbortController();
    const engine = await installEngine({ directory: ENGINE_DIRECTORY, log: () => undefined });
    let isDeployed = false;
    const starting = startHarness({
      plan: PLAN,
      directory,
      engine: { kind: 'ministack', engine },
      deploy: () => {
        isDeployed = true;
        return Promise.reject(new Error('too late'));
      },
      progress: {
        ...silent,
        step: (name, work) => {
          if (name.startsWith('Starting')) setImmediate(() => controller.abort(new Error('Ctrl-C')));
          return work(() => undefined);
        },
      },
      random: seeded(3),
      signal: controller.signal,
    });
    await expect(starting).rejects.toThrow('Ctrl-C');
    expect(isDeployed).toBe(false);
    for (const { region } of PLAN.regions) expect(runningProcess(join(directory, region))).toBeUndefined();
    expect(existsSync(`${directory}.lock`)).toBe(false);
  }, 60_000);
});
