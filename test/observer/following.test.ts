// A client that follows a 307, against small servers: it goes where it is sent, and no circle and no crowd keeps it.
import http from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { BoundedHttpClient } from './bounded-http-client.ts';
import { startClock } from './clock.ts';
import { exchangeFollowing, followToRegions, HOPS_MAX, type Follow } from './following.ts';
import { judgeWrite } from './writer.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(handler: http.RequestListener): Promise<number> {
  const server = http.createServer(handler);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const clientOf = (outstandingMax = 4) => {
  const client = new BoundedHttpClient(startClock(), 1000, outstandingMax);
  closers.push(() => client.close());
  return client;
};
const put = (port: number) => ({ address: '127.0.0.1', port, host: 'api.orders.example', method: 'PUT', path: '/orders/a', body: '{"n":1}' }) as const;
const toPort: Follow = (location) => {
  const { host, port, pathname } = new URL(location);
  return { address: '127.0.0.1', port: Number(port), host, path: pathname };
};

describe('exchangeFollowing', () => {
  test('sends the same request on, and counts from the first', async () => {
    let got = '';
    const west = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (part: string) => (got += `${request.method} ${request.headers.host} ${request.url} ${part}`));
      request.on('end', () => response.end(JSON.stringify({ id: 'a', region: 'us-west-2', epoch: 4 })));
    });
    const east = await serve((_, response) => setTimeout(() => response.writeHead(307, { location: `http://west.example:${west}/orders/a` }).end(), 30));
    const exchange = await exchangeFollowing(clientOf(), put(east), toPort);
    expect(exchange).toMatchObject({ result: 'answered', status: 200 });
    expect(exchange.settledAtMs - exchange.sentAtMs).toBeGreaterThanOrEqual(25);
    expect(got).toBe(`PUT west.example:${west} /orders/a {"n":1}`);
    expect(judgeWrite('a', 'text', '127.0.0.1', exchange)).toMatchObject({ outcome: 'acknowledged', region: 'us-west-2', epoch: 4 });
  });

  test.each([
    ['a circle', (self: number) => `http://east.example:${self}/orders/a`, 2],
    ['an endless way', (self: number, n: number) => `http://east-${n}.example:${self}/orders/a`, 1 + HOPS_MAX],
  ])('leaves %s after a few hops, as refused', async (_, location, asked) => {
    let count = 0;
    let port = 0;
    port = await serve((_request, response) => response.writeHead(307, { location: location(port, (count += 1)) }).end());
    const exchange = await exchangeFollowing(clientOf(), put(port), toPort);
    expect(exchange.status).toBe(307);
    expect(judgeWrite('a', 'text', '127.0.0.1', exchange)).toMatchObject({ outcome: 'refused' });
    expect(count).toBe(asked);
  });

  test('goes nowhere without being told how, nor where there is no room', async () => {
    const full = await serve(() => {});
    const east = await serve((_, response) => response.writeHead(307, { location: `http://west.example:${full}/orders/a` }).end());
    expect((await exchangeFollowing(clientOf(), put(east), undefined)).status).toBe(307);
    expect((await exchangeFollowing(clientOf(), put(east), () => null)).status).toBe(307);
    const client = clientOf(1);
    const stuck = client.exchange({ ...put(full), path: '/other' });
    expect((await exchangeFollowing(client, put(east), toPort)).status).toBe(307);
    expect((await stuck).result).toBe('timed-out');
  });

  test('an answer that never came after a 307 is unknown, not refused', async () => {
    const west = await serve((request) => request.socket.destroy());
    const east = await serve((_, response) => response.writeHead(307, { location: `http://west.example:${west}/orders/a` }).end());
    expect(judgeWrite('a', 'text', '127.0.0.1', await exchangeFollowing(clientOf(), put(east), toPort))).toMatchObject({ outcome: 'unknown' });
  });
});

test('a host name leads to the region that it names, and no other leads anywhere', () => {
  const entry = (endpoint: string) => ({ role: 'candidate' as const, endpoint, pids: [], start: [] });
  const follow = followToRegions({
    dns: { host: '127.0.0.1', port: 53 },
    service: { name: 'api.orders.example', port: 80 },
    tableName: 'orders',
    group: 'orders',
    regions: { 'us-east-1': entry('http://127.0.0.11:4566'), 'us-west-2': entry('http://127.0.0.12:4567') },
  });
  expect(follow('https://abc.execute-api.us-west-2.amazonaws.com/orders/a?b=1')).toEqual({ address: '127.0.0.12', port: 4567, host: 'abc.execute-api.us-west-2.amazonaws.com', path: '/orders/a?b=1' });
  expect(follow('https://us-west-2x.example/orders/a')).toBeNull();
  expect(follow('/orders/a')).toBeNull();
});
