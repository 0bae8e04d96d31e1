// Why: the harness kills, stops and continues whole regions, and may be killed itself: nothing may be left running, and no stranger may be hit.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { type Engine, type EngineRegion, endLeftover, type RunningRegion, regionUrl, runningProcess, startRegion } from '../../../local/engine/ministack.ts';
import { groupPids, processGroupAlive, startedAt } from '../../../local/engine/process-group.ts';
import { checkout, credentials, deploy, discard, eventually, freePort, install, lambda, newRegion } from './engine-fixture.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;

beforeAll(async () => {
  engine = await install();
}, 120_000);

afterEach(async () => {
  await endLeftover(region.directory);
  await discard(region, running);
  running = undefined;
});

const busy = `exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 30_000)); return {}; };`;

/** A Lambda in the middle of 30 s of work: the process that outlived its emulator as installed. */
async function startBusyLambda(): Promise<void> {
  await deploy(region, 'busy', { Resources: { Busy: lambda('busy', busy, { Timeout: 60 }) } });
  const client = new LambdaClient({ region: region.region, endpoint: regionUrl(region), credentials, maxAttempts: 1 });
  client.send(new InvokeCommand({ FunctionName: 'busy' })).catch(() => undefined); // it dies with the region
}

async function busyGroup(pid: number): Promise<number[]> {
  return eventually('a Lambda process', async () => {
    const pids = groupPids(pid);
    return pids.length > 1 ? pids : undefined;
  });
}

async function isGone(pids: readonly number[]): Promise<boolean | undefined> {
  return pids.every((pid) => startedAt(pid) === undefined) ? true : undefined;
}

test('SIGSTOP silences the whole group, SIGCONT lets it go on, SIGKILL leaves nothing, the busy Lambda included', async () => {
  region = await newRegion();
  running = await startRegion(engine, region);
  await startBusyLambda();
  const pids = await busyGroup(running.pid);
  expect(pids).toContain(running.pid);
  expect(running.pids()).toEqual(pids);
  const ready = () => fetch(`${regionUrl(region)}/_ministack/ready`, { signal: AbortSignal.timeout(500) }).then((response) => response.ok);
  expect(await ready()).toBe(true);
  running.signal('SIGSTOP');
  await expect(ready()).rejects.toMatchObject({ name: 'TimeoutError' });
  running.signal('SIGCONT');
  expect(await ready()).toBe(true);
  running.signal('SIGKILL');
  await running.stopped;
  expect(running.pids()).toEqual([]);
  expect(await isGone(pids)).toBe(true);
}, 30_000);

test('an orderly end leaves nothing, and what it knew is there again', async () => {
  region = await newRegion({ snapshotSeconds: 600 });
  running = await startRegion(engine, region);
  await startBusyLambda();
  const pids = await busyGroup(running.pid);
  running.signal('SIGTERM');
  await running.stopped;
  expect(await isGone(pids)).toBe(true);
  running = await startRegion(engine, region);
  const answer = await fetch(`${regionUrl(region)}/2015-03-31/functions/busy`, {
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/20260101/us-east-1/lambda/aws4_request` },
  });
  expect(answer.status).toBe(200);
}, 30_000);

/** Runs as another process what the harness does, so that it can be killed. */
async function startInAnotherProcess(): Promise<ChildProcess> {
  const module = path.join(checkout, 'local/engine/ministack.ts');
  const script = `
    import { startRegion } from ${JSON.stringify(module)};
    await startRegion(${JSON.stringify(engine)}, ${JSON.stringify(region)});
    console.log('started');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  expect(line).toBe('started');
  return child;
}

test('kill -9 of the harness ends the region', async () => {
  region = await newRegion();
  const harness = await startInAnotherProcess();
  const record = runningProcess(region.directory);
  if (record === undefined) throw new Error('the region did not record its process');
  await startBusyLambda();
  const pids = await busyGroup(record.pid);
  harness.kill('SIGKILL');
  await eventually('the end of the region', () => isGone(pids), 5_000);
}, 30_000);

test('a region that was stopped when its harness was killed is ended by the next start', async () => {
  region = await newRegion();
  const harness = await startInAnotherProcess();
  const record = runningProcess(region.directory);
  if (record === undefined) throw new Error('the region did not record its process');
  process.kill(-record.pid, 'SIGSTOP');
  harness.kill('SIGKILL');
  await once(harness, 'exit');
  expect(processGroupAlive(record.pid, record.startedAt)).toBe(true);
  expect(processGroupAlive(record.pid, `${record.startedAt}0`), 'another process with the same number').toBe(false);
  expect(await endLeftover(region.directory)).toBe(true);
  expect(processGroupAlive(record.pid, record.startedAt)).toBe(false);
  expect(await endLeftover(region.directory)).toBe(false);
}, 30_000);

test('a second process for the same region is refused, as it would destroy the state', async () => {
  region = await newRegion();
  running = await startRegion(engine, region);
  await expect(startRegion(engine, { ...region, port: await freePort(region.host) })).rejects.toThrow(`already runs as process ${running.pid}`);
  expect(running.pids()).toContain(running.pid);
}, 30_000);

test('a start that fails says why', async () => {
  region = await newRegion();
  running = await startRegion(engine, region);
  const other = { ...region, directory: path.join(region.directory, 'other') };
  await expect(startRegion(engine, other)).rejects.toThrow(/already in use/);
}, 30_000);
