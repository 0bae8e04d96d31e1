// Why: the engine driver of the harness. Each AWS region is one process group of ministack, an AWS emulator, with the corrections of launcher.py.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EngineError } from './engine-error.ts';
import type { Engine } from './install-engine.ts';
import { type GroupSignal, groupPids, type ProcessRecord, processGroupAlive, signalGroup } from './process-group.ts';

export { type Engine, installEngine } from './install-engine.ts';

export const localAccountId = '111111111111';

const launcherFile = fileURLToPath(new URL('launcher.py', import.meta.url));

const nodeMajorNeeded = 24;
const readyMs = 60_000;
const readyPollMs = 25;
const probeMs = 1_000;
const groupGoneMs = 5_000;
const logTailCharacters = 4_000;
const defaultSnapshotSeconds = 5;

export type EngineRegion = {
  readonly region: string;
  /** The loopback address of the region: 127.0.0.11, … */
  readonly host: string;
  readonly port: number;
  /** For state, objects, temporary files, the log and the record of the process. */
  readonly directory: string;
  /** For the emulator, and so for its Lambdas. */
  readonly environment: Readonly<Record<string, string>>;
  /** Between two snapshots; what a SIGKILL may cost of queues, logs and executions. Items and stream records cost nothing. */
  readonly snapshotSeconds?: number;
  /** While it is there, calls that it does not allow are refused; see patch_control_planes.py. Absent: one in the region's own directory. */
  readonly controlPlanesFile?: string;
};

export type RunningRegion = {
  /** Of the leader; the number of the process group too. */
  readonly pid: number;
  signal(name: GroupSignal): void;
  /** Every live process of the group. */
  pids(): number[];
  /** Settles when the leader has ended and the group is empty. */
  readonly stopped: Promise<void>;
};

/** Starts a region and waits until it answers. Its state is what it was when it last ended, also by SIGKILL. */
export async function startRegion(engine: Engine, region: EngineRegion): Promise<RunningRegion> {
  const regionFile = writeRegionFile(region);
  const logFile = path.join(region.directory, 'emulator.log');
  const logDescriptor = openSync(logFile, 'a');
  // The region ends when this pipe closes, which the kernel does however we end. Its environment is in the region file.
  const child = spawn(engine.python, ['-B', launcherFile, regionFile], {
    cwd: region.directory,
    detached: true,
    env: {},
    stdio: ['pipe', logDescriptor, logDescriptor],
  });
  closeSync(logDescriptor);
  child.stdin?.on('error', () => undefined); // EPIPE of a region that died says nothing new
  const exited = once(child, 'exit').then(
    () => undefined,
    () => undefined,
  ); // the error of a program that could not be started: no pid, below
  const pid = child.pid;
  if (pid === undefined) throw new EngineError(`The engine of ${region.region} could not be started with ${engine.python}: install it again by removing its directory.`);
  const isReady = await Promise.race([untilReady(region, pid), exited.then(() => false)]);
  if (!isReady) {
    signalGroup(pid, 'SIGKILL');
    throw new EngineError(`The engine of ${region.region} did not become ready at ${regionUrl(region)}. The end of ${logFile}: ${readFileSync(logFile, 'utf8').slice(-logTailCharacters)}`);
  }
  return {
    pid,
    signal: (name) => signalGroup(pid, name),
    pids: () => groupPids(pid),
    stopped: exited.then(() => untilGroupIsGone(pid)),
  };
}

/** The leader of the region's group as the region itself wrote it down, whoever started it; undefined if it is not running. */
export function runningProcess(directory: string): ProcessRecord | undefined {
  const file = path.join(directory, 'process.json');
  if (!existsSync(file)) return undefined;
  const record: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof record !== 'object' || record === null || !('pid' in record) || !('startedAt' in record)) return undefined;
  const { pid, startedAt: since } = record;
  if (typeof pid !== 'number' || typeof since !== 'string' || !processGroupAlive(pid, since)) return undefined;
  return { pid, startedAt: since };
}

/** Ends what an earlier harness left running in this directory (it was killed while the region was stopped, say). Says whether there was anything. */
export async function endLeftover(directory: string): Promise<boolean> {
  const record = runningProcess(directory);
  if (record === undefined) return false;
  signalGroup(record.pid, 'SIGKILL');
  await untilGroupIsGone(record.pid);
  return true;
}

/** Writes the whole state down now. Needed after a deploy: what CloudFormation made since the last snapshot is lost by a SIGKILL. */
export async function takeSnapshot(region: EngineRegion): Promise<{ pauseMs: number; totalMs: number }> {
  const response = await fetch(`${regionUrl(region)}/_holdfast/snapshot`, { method: 'POST', signal: AbortSignal.timeout(readyMs) });
  const figures: unknown = await response.json();
  if (!response.ok || typeof figures !== 'object' || figures === null || !('pauseMs' in figures) || !('totalMs' in figures)) {
    throw new EngineError(`${region.region} could not write its state down: see emulator.log in ${region.directory}.`);
  }
  return { pauseMs: Number(figures.pauseMs), totalMs: Number(figures.totalMs) };
}

/** A line for each call that was refused while control planes were away. */
export function refusedCallsFile(directory: string): string {
  return path.join(directory, 'refused-calls.jsonl');
}

/** The next call of this function by a state machine of the region fails, once. */
export function failOnce(directory: string, functionName: string): void {
  mkdirSync(failOnceDirectory(directory), { recursive: true });
  writeFileSync(path.join(failOnceDirectory(directory), functionName), '');
}

function failOnceDirectory(directory: string): string {
  return path.join(directory, 'fail-once');
}

/** Where the AWS endpoints of a region are. */
export function regionUrl(region: Pick<EngineRegion, 'host' | 'port'>): string {
  return `http://${region.host}:${region.port}`;
}

function writeRegionFile(region: EngineRegion): string {
  mkdirSync(region.directory, { recursive: true });
  const file = path.join(region.directory, 'region.json');
  const content = {
    environment: emulatorEnvironment(region),
    processFile: path.join(region.directory, 'process.json'),
    snapshotSeconds: region.snapshotSeconds ?? defaultSnapshotSeconds,
    controlPlanes: { rulesFile: region.controlPlanesFile ?? path.join(region.directory, 'control-planes.json'), recordFile: refusedCallsFile(region.directory) },
    failOnceDirectory: failOnceDirectory(region.directory),
  };
  writeFileSync(file, JSON.stringify(content, undefined, 2));
  return file;
}

/** All of it: nothing of our own environment (proxies, certificates, Node options, AWS settings) may reach the emulator and its Lambdas. */
function emulatorEnvironment(region: EngineRegion): Record<string, string> {
  const nodeMajor = Number(process.versions.node.split('.')[0]);
  if (nodeMajor < nodeMajorNeeded) {
    throw new EngineError(`Lambdas run on the Node that runs this, which is ${process.version}; ${nodeMajorNeeded} is needed. Start through npm, which puts the right one first.`);
  }
  const temporary = path.join(region.directory, 'tmp');
  return {
    PATH: [path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(path.delimiter),
    HOME: temporary,
    LANG: 'C.UTF-8',
    GATEWAY_PORT: String(region.port),
    EDGE_PORT: String(region.port),
    BIND_HOST: region.host,
    MINISTACK_HOST: region.host, // custom resources answer to it
    AWS_ENDPOINT_URL: regionUrl(region), // for the Lambdas: as installed they would ask 127.0.0.1
    MINISTACK_REGION: region.region,
    MINISTACK_ACCOUNT_ID: localAccountId,
    LOG_LEVEL: 'WARNING',
    PERSIST_STATE: '1',
    STATE_DIR: path.join(region.directory, 'state'),
    S3_PERSIST: '1',
    S3_DATA_DIR: path.join(region.directory, 's3'),
    TMPDIR: temporary,
    SFTP_ENABLED: '0',
    IOT_MTLS_ENABLED: '0',
    DOCKER_HOST: `unix://${path.join(temporary, 'no-docker')}`, // a Docker that happens to run is none of our business
    ...region.environment,
  };
}

async function untilReady(region: EngineRegion, pid: number): Promise<boolean> {
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline) {
    // Another process on the port would answer just as well: until it says that it is ours, ours may be about to give up.
    if ((await ask(region, '/_holdfast/engine'))?.includes(`"pid": ${pid},`) && (await ask(region, '/_ministack/ready')) !== undefined) return true;
    await delay(readyPollMs);
  }
  return false;
}

async function ask(region: EngineRegion, requestPath: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${regionUrl(region)}${requestPath}`, { signal: AbortSignal.timeout(probeMs) });
    const text = await response.text();
    return response.ok ? text : undefined;
  } catch {
    return undefined; // not listening yet
  }
}

async function untilGroupIsGone(group: number): Promise<void> {
  const deadline = Date.now() + groupGoneMs;
  while (groupPids(group).length > 0) {
    if (Date.now() > deadline) signalGroup(group, 'SIGKILL'); // a Lambda that outlives its emulator
    await delay(readyPollMs);
  }
}
