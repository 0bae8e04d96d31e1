// The eye itself: that it sees two gates saying 200 at once, is not fooled by answers that were frozen, and does not drown a silent gate.
import http from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { BoundedHttpClient } from './bounded-http-client.ts';
import { startClock } from './clock.ts';
import { dualActiveMs, GATE_ANSWER_LIMIT_MS } from './figures.ts';
import { GateSampler, gateTarget, judgeSample } from './gate-sampler.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Gate {
  status: number;
  delayMs: number;
  open: number;
  mostOpen: number;
  readonly hosts: Set<string | undefined>;
  readonly url: string;
}

async function gate(status: number): Promise<Gate> {
  const server = http.createServer((request, response) => {
    own.hosts.add(request.headers.host);
    own.open += 1;
    own.mostOpen = Math.max(own.mostOpen, own.open);
    response.on('close', () => {
      own.open -= 1;
    });
    setTimeout(() => response.writeHead(request.url === '/gate/token' ? own.status : 404).end(), own.delayMs);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const own: Gate = { status, delayMs: 0, open: 0, mostOpen: 0, hosts: new Set(), url: `http://127.0.0.1:${address.port}` };
  return own;
}

function watch(east: Gate, west: Gate): GateSampler {
  const clock = startClock();
  const client = new BoundedHttpClient(clock);
  const sampler = new GateSampler(clock, client, [
    gateTarget('us-east-1', 'https://abc.lambda-url.us-east-1.on.aws/gate/token', east.url),
    gateTarget('us-west-2', `${west.url}/gate/token`, 'http://127.0.0.1:1'),
  ]);
  closers.push(async () => {
    client.close();
    await sampler.stop();
  });
  sampler.start();
  return sampler;
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};
const countOf = (sampler: GateSampler, region: string) => sampler.samples.filter((s) => s.region === region).length;
const bothSeen = (sampler: GateSampler, samples: number) => () => countOf(sampler, 'us-east-1') >= samples && countOf(sampler, 'us-west-2') >= samples;

describe('GateSampler', () => {
  test('two gates that say 200 are two active regions; one of them is not', async () => {
    const east = await gate(200);
    const west = await gate(503);
    const sampler = watch(east, west);
    await until(bothSeen(sampler, 5));
    expect(dualActiveMs(sampler.samples)).toBe(0);
    expect(sampler.firstOpenAfter('us-east-1', 0)).not.toBeNull();
    expect(sampler.firstOpenAfter('us-west-2', 0)).toBeNull();
    west.status = 200;
    const seen = countOf(sampler, 'us-west-2');
    await until(bothSeen(sampler, seen + 6));
    await sampler.stop();
    expect(dualActiveMs(sampler.samples)).toBeGreaterThan(100);
  });

  test('a 200 that comes too late is no verdict', async () => {
    const east = await gate(200);
    const west = await gate(200);
    west.delayMs = GATE_ANSWER_LIMIT_MS + 60;
    const sampler = watch(east, west);
    await until(bothSeen(sampler, 4));
    await sampler.stop();
    expect(sampler.samples.filter((s) => s.region === 'us-west-2').every((s) => s.status === 200)).toBe(true);
    expect(dualActiveMs(sampler.samples)).toBe(0);
  });

  test('a slow gate never has more than four questions open', async () => {
    const east = await gate(200);
    const west = await gate(200);
    west.delayMs = 400;
    const sampler = watch(east, west);
    await until(bothSeen(sampler, 5));
    await sampler.stop();
    expect(west.mostOpen).toBe(4);
    expect(sampler.heldBack.get('us-west-2')).toBeGreaterThan(0);
  });

  test("a gate with a host name of AWS is asked at its region's endpoint, by that name", async () => {
    const east = await gate(200);
    const west = await gate(503);
    const sampler = watch(east, west);
    await until(bothSeen(sampler, 1));
    expect([...east.hosts]).toEqual(['abc.lambda-url.us-east-1.on.aws']);
    expect([...west.hosts]).toEqual([new URL(west.url).host]);
  });
});

test.each([
  [200, 'open'],
  [503, 'shut'],
  [429, 'none'],
  [502, 'none'],
])('a %i is %s', (status, verdict) => {
  expect(judgeSample('us-east-1', { result: 'answered', sentAtMs: 1, settledAtMs: 2, status, body: '', because: '' })).toMatchObject({ verdict });
});
