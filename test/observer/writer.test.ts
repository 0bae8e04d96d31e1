// The writer and its HTTP client against small servers on loopback addresses: what it believes, when it opens a new connection, and what
// it never does to a server that does not answer.
import http from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { BoundedHttpClient, type Exchange } from './bounded-http-client.ts';
import { type Clock, startClock } from './clock.ts';
import { CachingResolver } from './dns-client.ts';
import { judgeWrite, Writer } from './writer.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Served {
  readonly port: number;
  readonly connections: () => number;
  readonly requests: () => http.IncomingMessage[];
}

async function serve(handler: http.RequestListener, host = '127.0.0.1', port = 0): Promise<Served> {
  const requests: http.IncomingMessage[] = [];
  let connections = 0;
  const server = http.createServer((request, response) => {
    requests.push(request);
    handler(request, response);
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(port, host, resolve);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, connections: () => connections, requests: () => requests };
}

const clientFor = (clock: Clock, timeoutMs: number, outstandingMax = 4) => {
  const client = new BoundedHttpClient(clock, timeoutMs, outstandingMax);
  closers.push(() => client.close());
  return client;
};

const get = (port: number, address = '127.0.0.1') => ({ address, port, host: 'api.orders.example', method: 'GET', path: '/' }) as const;
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
};

describe('BoundedHttpClient', () => {
  test('keeps its connection while all is well, and sends the Host it was told', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const client = clientFor(startClock(), 1000);
    for (let i = 0; i < 3; i += 1) expect((await client.exchange(get(server.port))).status).toBe(200);
    expect(server.connections()).toBe(1);
    expect(server.requests()[0]?.headers.host).toBe('api.orders.example');
  });

  test('opens a new connection after an error and after renew', async () => {
    let isBreaking = true;
    const server = await serve((request, response) => (isBreaking ? request.socket.destroy() : response.end('ok')));
    const client = clientFor(startClock(), 1000);
    expect((await client.exchange(get(server.port))).result).toBe('broken');
    isBreaking = false;
    expect((await client.exchange(get(server.port))).result).toBe('answered');
    expect(server.connections()).toBe(2);
    client.renew('127.0.0.1', server.port);
    await client.exchange(get(server.port));
    expect(server.connections()).toBe(3);
  });

  test('a silent server gets at most the limit, each until the time-out, which ends the connection', async () => {
    let closed = 0;
    const server = await serve((request) => {
      request.socket.on('close', () => {
        closed += 1;
      });
    });
    const client = clientFor(startClock(), 60, 2);
    const both = [client.exchange(get(server.port)), client.exchange(get(server.port))];
    expect(client.hasRoom('127.0.0.1', server.port)).toBe(false);
    await expect(client.exchange(get(server.port))).rejects.toThrow('2 requests are outstanding');
    for (const exchange of await Promise.all(both)) {
      expect(exchange.result).toBe('timed-out');
      expect(exchange.settledAtMs - exchange.sentAtMs).toBeGreaterThanOrEqual(55);
    }
    expect(client.hasRoom('127.0.0.1', server.port)).toBe(true);
    await until(() => closed === 2);
  });

  test('an answer that stops half-way is broken, not answered', async () => {
    const server = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setTimeout(() => request.socket.destroy(), 5);
    });
    expect((await clientFor(startClock(), 1000).exchange(get(server.port))).result).toBe('broken');
  });

  test('a port where nobody listens refuses', async () => {
    const server = await serve((_, response) => response.end());
    for (const close of closers.splice(0)) await close();
    expect((await clientFor(startClock(), 1000).exchange(get(server.port))).result).toBe('refused');
  });
});

describe('judgeWrite', () => {
  const answered = (status: number, body: string): Exchange => ({
    result: 'answered',
    sentAtMs: 1,
    settledAtMs: 2,
    status,
    body,
    because: '',
  });
  const failed = (result: 'refused' | 'broken' | 'timed-out'): Exchange => ({ ...answered(0, ''), result, status: null });

  test.each([
    ['its own id, region and epoch', answered(200, '{"id":"a","region":"us-east-1","epoch":1}'), 'acknowledged'],
    ['another id', answered(200, '{"id":"b","region":"us-east-1","epoch":1}'), 'unknown'],
    ['no epoch', answered(200, '{"id":"a","region":"us-east-1"}'), 'unknown'],
    ['no JSON', answered(200, '<html>'), 'unknown'],
    ['503, which may hide a write', answered(503, '{"error":"the outcome is unknown"}'), 'unknown'],
    ['400', answered(400, ''), 'refused'],
    ['500', answered(500, ''), 'unknown'],
    ['nobody listens', failed('refused'), 'refused'],
    ['broken', failed('broken'), 'unknown'],
    ['no answer', failed('timed-out'), 'unknown'],
  ])('%s', (_, exchange, outcome) => {
    expect(judgeWrite('a', 't', '127.0.0.1', exchange)).toMatchObject({ outcome });
  });
});

describe('Writer', () => {
  class Answers extends CachingResolver {
    address: string | null = null;
    override current(): string | null {
      return this.address;
    }
  }

  const service: http.RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => response.end(JSON.stringify({ id: request.url?.split('/').at(-1), region: 'us-east-1', epoch: 1 })));
  };

  const start = (port: number, timeoutMs = 500) => {
    const clock = startClock();
    const resolver = new Answers(clock, { host: '127.0.0.1', port: 1 }, 'unused');
    const writer = new Writer({ clock, resolver, client: clientFor(clock, timeoutMs), service: { name: 'api.orders.example', port }, writesPerSecond: 200 });
    writer.start();
    closers.push(() => writer.stop());
    return { writer, resolver };
  };

  test('writes unique ids and journals what it was promised; reads some of them back', async () => {
    const server = await serve(service);
    const { writer, resolver } = start(server.port);
    resolver.address = '127.0.0.1';
    await until(() => writer.acknowledged.length >= 20 && writer.attempts.some((x) => x.kind === 'read'));
    await writer.stop();
    const ids = writer.acknowledged.map((w) => w.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).toMatch(/^obs-[0-9a-f]{8}-0000001$/);
    expect(writer.acknowledged[0]).toMatchObject({ region: 'us-east-1', epoch: 1, status: 200, address: '127.0.0.1' });
    expect(server.requests().some((r) => r.method === 'GET' && ids.some((id) => r.url === `/orders/${id}`))).toBe(true);
  });

  test('goes where DNS says, by a new connection each time the answer changes', async () => {
    const first = await serve(service, '127.0.0.1');
    const second = await serve(service, '127.0.0.2', first.port);
    const { writer, resolver } = start(first.port);
    const writeTo = async (address: string) => {
      const before = writer.acknowledged.length;
      resolver.address = address;
      await until(() => writer.acknowledged.slice(before).some((w) => w.address === address));
      resolver.address = null;
      await until(() => writer.outstanding === 0);
    };
    await writeTo('127.0.0.1');
    const connectionsBefore = first.connections();
    await writeTo('127.0.0.2');
    expect(second.connections()).toBeGreaterThan(0);
    expect(first.connections()).toBe(connectionsBefore);
    await writeTo('127.0.0.1');
    expect(first.connections()).toBeGreaterThan(connectionsBefore);
  });

  test('a server that does not answer never has more than four requests, and what is due is held back, not queued', async () => {
    let open = 0;
    let mostOpen = 0;
    const server = await serve((request) => {
      open += 1;
      mostOpen = Math.max(mostOpen, open);
      request.socket.on('close', () => {
        open -= 1;
      });
    });
    const { writer, resolver } = start(server.port, 100);
    resolver.address = '127.0.0.1';
    await until(() => writer.attempts.length >= 8);
    resolver.address = null;
    await writer.stop();
    expect(mostOpen).toBe(4);
    expect(writer.heldBack).toBeGreaterThan(4);
    expect(writer.attempts.every((x) => x.kind === 'write' && x.outcome === 'unknown')).toBe(true);
  });
});
