// The small things under the harness: its lock, its ports, the list of its children, its progress, and the end of a program in each way.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { localFunctionUrl, regionOfAwsName } from '../../../local/aws-names.ts';
import { runChild } from '../../../local/child.ts';
import { startedAt } from '../../../local/engine/process-group.ts';
import { startHarness } from '../../../local/harness.ts';
import { endLeftovers, processRecords } from '../../../local/leftovers.ts';
import { AlreadyRunningError, takeLock } from '../../../local/lock.ts';
import { freePort } from '../../../local/ports.ts';
import { createProgress } from '../../../local/progress.ts';
import { closeServer, listen } from '../../../local/proxy/listen.ts';
import { startSurroundings } from '../../../local/surroundings.ts';
import { createUndo } from '../../../local/undo.ts';
import { PLAN, seeded, silent } from './harness-fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-ground-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SLEEP = ['-e', 'setInterval(() => {}, 1000); process.stdout.write("up\\n")'];
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

async function sleeper(): Promise<{ child: ChildProcess; pid: number; gone: Promise<unknown> }> {
  const child = spawn(process.execPath, SLEEP, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  started.push(child);
  const gone = once(child, 'exit');
  await once(child.stdout, 'data');
  return { child, pid: child.pid ?? 0, gone };
}

describe('the lock', () => {
  const path = join(directory, 'a.lock');

  test('is held by one; free again once released', () => {
    const lock = takeLock(path);
    expect(() => takeLock(path)).toThrow(AlreadyRunningError);
    expect(() => takeLock(path)).toThrow(`kill ${process.pid}`);
    lock.release();
    takeLock(path).release();
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'x' })],
    ['a stranger that has the number now', JSON.stringify({ pid: process.pid, startedAt: 'earlier' })],
    ['nothing readable', '{"pid":'],
  ])('of %s is taken over', (_, text) => {
    writeFileSync(path, text);
    const lock = takeLock(path);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: process.pid, startedAt: startedAt(process.pid) });
    lock.release();
  });

  test("a release does not take another one's lock away", () => {
    const lock = takeLock(path);
    writeFileSync(path, 'somebody else');
    lock.release();
    expect(readFileSync(path, 'utf8')).toBe('somebody else');
    rmSync(path);
  });
});

describe('ports', () => {
  test('one that is free on every address, not one that is taken on a single one', async () => {
    const draws = [0.25, 0.5];
    const taken = 20_000 + 12_000 * 0.25;
    const server = createTcpServer();
    await listen(server, '127.0.0.12', taken);
    expect(await freePort(['127.0.0.11', '127.0.0.12'], () => draws.shift() ?? 0)).toBe(26_000);
    await closeServer(server);
  });

  test('an address that the machine does not have is named with the way to get it', async () => {
    await expect(freePort(['192.0.2.1'], () => 0)).rejects.toThrow('sudo ifconfig lo0 alias 192.0.2.1 up');
  });
});

describe('children', () => {
  const path = join(directory, 'children.json');

  test('what a killed harness left is ended by its list, a stranger with the same number is not', async () => {
    const left = await sleeper();
    const stranger = await sleeper();
    processRecords(path).add(left.pid, 'the left one');
    const [record] = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify([record, { pid: stranger.pid, startedAt: 'another time', what: 'x' }]));
    expect((await endLeftovers(path)).map(({ what }) => what)).toEqual(['the left one']);
    await left.gone;
    expect(startedAt(stranger.pid)).toBeDefined();
  });

  test('aborted, a child and its own children are ended, and the list is empty', async () => {
    const controller = new AbortController();
    const grandchild = `require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' }).pid`;
    let pid = 0;
    const running = runChild({
      what: 'a test',
      args: ['-e', `console.error(${grandchild}); setInterval(() => {}, 1000)`],
      cwd: directory,
      env: {},
      signal: controller.signal,
      records: processRecords(path),
      onLine(line) {
        pid = Number(line);
        controller.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    expect(pid).toBeGreaterThan(0);
    expect(await settled(() => startedAt(pid) === undefined)).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('[]\n');
  });

  test('its code, its output and its lines', async () => {
    const lines: string[] = [];
    const records = processRecords(path);
    const options = { what: 'x', cwd: directory, env: {}, signal: new AbortController().signal, records, onLine: (line: string) => lines.push(line) };
    const result = await runChild({ ...options, args: ['-e', 'console.log("out"); console.error("one\\ntwo"); process.exitCode = 7'] });
    expect([result, lines]).toEqual([{ code: 7, stdout: 'out\n' }, ['one', 'two']]);
  });
});

/** True once it holds, false after two seconds: the end of a process has no event for those who are not its parent. */
async function settled(holds: () => boolean): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

describe('a program', () => {
  const program = `
    import { forever, runProgram } from ${JSON.stringify(fileURLToPath(new URL('../../../local/lifetime.ts', import.meta.url)))};
    await runProgram(async (signal) => {
      console.log('up');
      try { return await forever(signal); } finally { console.log('cleaned'); }
    });`;

  async function run(): Promise<{ child: ChildProcess; said: () => string; code: Promise<number | null> }> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const code = once(child, 'exit').then(([status]) => (typeof status === 'number' ? status : null));
    await once(child.stdout, 'data');
    return { child, said: () => said, code };
  }

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s: cleans up, then ends with %i', async (signal, code) => {
    const running = await run();
    running.child.kill(signal);
    running.child.kill(signal);
    expect([await running.code, running.said()]).toEqual([code, 'up\ncleaned\n']);
  });

  test('the death of its parent: cleans up and ends', async () => {
    const log = join(directory, 'orphan.log');
    const shell = spawn('sh', ['-c', `"$0" --input-type=module -e "$1" > "$2" & echo $!; wait`, process.execPath, program, log], { stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(shell);
    const [output] = await once(shell.stdout, 'data');
    const pid = Number(String(output).trim());
    expect(await settled(() => existsSync(log) && readFileSync(log, 'utf8') === 'up\n')).toBe(true);
    shell.kill('SIGKILL');
    expect(await settled(() => startedAt(pid) === undefined)).toBe(true);
    expect(readFileSync(log, 'utf8')).toBe('up\ncleaned\n');
  });
});

test('undo: in reverse order, the rest also when one fails, and what comes too late at once', async () => {
  const done: string[] = [];
  const undo = createUndo();
  undo.push(() => void done.push('first'));
  undo.push(() => Promise.reject(new Error('stuck')));
  undo.push(() => void done.push('last'));
  await expect(undo.all()).rejects.toThrow('not everything could be ended: Error: stuck');
  undo.push(() => void done.push('late'));
  expect(done).toEqual(['last', 'first', 'late']);
});

test('progress says what runs, what it waits for, and how it ended', async () => {
  const lines: string[] = [];
  const progress = createProgress((line) => lines.push(line.replace(/[\d.]+ s/g, 'T').replace(/\[ *T\]/, '')));
  await progress.step('good', () => Promise.resolve(1));
  await expect(
    progress.step('bad', (waitFor) => {
      waitFor('the moon');
      return Promise.reject(new Error('no'));
    }),
  ).rejects.toThrow('no');
  expect(lines).toEqual([' good …\n', ' good: done in T\n', ' bad …\n', ' bad: failed after T, while waiting for the moon\n']);
});

test("AWS's names and where they are here", () => {
  expect(regionOfAwsName('D-abc.execute-api.us-east-1.amazonaws.com')).toBe('us-east-1');
  expect(regionOfAwsName('abc.lambda-url.eu-west-1.on.aws')).toBe('eu-west-1');
  expect(regionOfAwsName('dynamodb.us-east-1.amazonaws.com')).toBeNull();
  expect(localFunctionUrl('https://abc.lambda-url.us-east-1.on.aws/gate/x', 'http://127.0.0.11:20000')).toBe('http://127.0.0.11:20000/_aws/lambda-url/abc/gate/x');
});

test("a region's functions are told the others by their links, and themselves by the proxy that can make their table sick", async () => {
  const surroundings = await startSurroundings('127.0.0.1', new Map(['us-east-1', 'eu-west-1'].map((region) => [region, { host: '127.0.0.11', port: 1 }])));
  const environment = surroundings.environmentOf('us-east-1');
  const link = surroundings.network.link('us-east-1', 'eu-west-1');
  expect(environment).toEqual({
    HOLDFAST_ENDPOINT_EU_WEST_1: `http://127.0.0.1:${link.port}`,
    HOLDFAST_ENDPOINT_US_EAST_1: environment['AWS_ENDPOINT_URL_DYNAMODB'],
    AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${surroundings.tables.get('us-east-1')?.port ?? 0}`,
  });
  await surroundings.close();
});

describe('endpoints that somebody else started', () => {
  const servers: Server[] = [];
  afterAll(async () => {
    await Promise.all(servers.map(closeServer));
  });

  async function endpoint(name: string): Promise<string> {
    const server = createServer((request, response) => response.end(`${name} ${request.headers.host ?? ''}`));
    servers.push(server);
    return `http://127.0.0.1:${await listen(server, '127.0.0.1', 0)}`;
  }

  test('each is reached at an address of its own on one port; a failing deployment ends all of it', async () => {
    const endpoints = Object.fromEntries(await Promise.all(PLAN.regions.map(async ({ region }) => [region, await endpoint(region)] as const)));
    const answers: string[] = [];
    const seen: string[] = [];
    const starting = startHarness({
      plan: PLAN,
      directory: join(directory, 'endpoints'),
      engine: { kind: 'endpoints', endpoints },
      async deploy(reached) {
        for (const url of Object.values(reached)) {
          seen.push(url);
          answers.push(await (await fetch(url, { headers: { connection: 'close' } })).text());
        }
        throw new Error('far enough');
      },
      progress: silent,
      random: seeded(1),
    });
    await expect(starting).rejects.toThrow('far enough');
    const [port] = seen.map((url) => new URL(url).port);
    expect(seen).toEqual([11, 12, 13].map((last) => `http://127.0.0.${last}:${port}`));
    expect(answers).toEqual(PLAN.regions.map(({ region }, index) => `${region} 127.0.0.${11 + index}:${port}`));
    await expect(fetch(seen[0] ?? '')).rejects.toThrow();
    expect(existsSync(join(directory, 'endpoints.lock'))).toBe(false);
  });

  test('a file that misses a region says which', async () => {
    await expect(
      startHarness({
        plan: PLAN,
        directory: join(directory, 'endpoints'),
        engine: { kind: 'endpoints', endpoints: {} },
        deploy: () => Promise.reject(new Error('not reached')),
        progress: silent,
        random: seeded(1),
      }),
    ).rejects.toThrow('names no endpoint for us-east-1');
  });

  test('aborted while it deploys, it ends at once', async () => {
    const controller = new AbortController();
    const endpoints = Object.fromEntries(await Promise.all(PLAN.regions.map(async ({ region }) => [region, await endpoint(region)] as const)));
    const starting = startHarness({
      plan: PLAN,
      directory: join(directory, 'aborted'),
      engine: { kind: 'endpoints', endpoints },
      deploy: () => {
        controller.abort(new Error('Ctrl-C'));
        return new Promise(() => undefined);
      },
      progress: silent,
      random: seeded(2),
      signal: controller.signal,
    });
    await expect(starting).rejects.toThrow('Ctrl-C');
    expect(existsSync(join(directory, 'aborted.lock'))).toBe(false);
    expect(existsSync(join(directory, 'aborted', 'regions.json'))).toBe(false);
  });
});
