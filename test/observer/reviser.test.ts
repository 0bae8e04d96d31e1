// The second customer, against a small service that keeps its own book: what it notes must be what happened, and no order may be changed by
// two requests at once.
import http from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { BoundedHttpClient } from './bounded-http-client.ts';
import { type Clock, startClock } from './clock.ts';
import { CachingResolver } from './dns-client.ts';
import { Reviser } from './reviser.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

class Here extends CachingResolver {
  override current(): string | null {
    return '127.0.0.1';
  }
}

interface Seen {
  readonly method: string;
  readonly id: string;
  readonly text: string | null;
}

/** @param answer what the service says to the n-th request; undefined: it is silent */
async function start(answer: (n: number) => number | undefined, delayMs: (n: number) => number = () => 2, timeoutMs = 5000) {
  const seen: Seen[] = [];
  const underWay = new Set<string>();
  const overlapping: string[] = [];
  const server = http.createServer((request, response) => {
    const id = request.url?.split('/').at(-1) ?? '';
    if (underWay.has(id)) overlapping.push(id);
    underWay.add(id);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const status = answer(seen.length);
      const answersAfterMs = delayMs(seen.length);
      seen.push({ method: request.method ?? '', id, text: parts.length === 0 ? null : JSON.parse(Buffer.concat(parts).toString()).text });
      if (status === undefined) return;
      setTimeout(() => {
        underWay.delete(id);
        response.writeHead(status).end(status === 200 ? JSON.stringify({ id, region: 'us-east-1', epoch: 1 }) : '');
      }, answersAfterMs);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const clock: Clock = startClock();
  const client = new BoundedHttpClient(clock, timeoutMs, 2);
  const resolver = new Here(clock, { host: '127.0.0.1', port: 1 }, 'unused');
  const reviser = new Reviser({ resolver, client, service: { name: 'api.orders.example', port: address.port }, changesPerSecond: 400 });
  closers.push(
    () => {
      server.closeAllConnections();
      server.close();
    },
    () => client.close(),
    () => reviser.stop(),
  );
  reviser.start();
  return { reviser, seen, overlapping };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('notes every change as the service saw it: overwrites and removals of the same orders, in their order, never two at once', async () => {
  const { reviser, seen, overlapping } = await start(() => 200);
  await until(() => reviser.changes.length >= 240);
  await reviser.stop();
  const noted = (id: string) => reviser.changes.filter((change) => change.id === id).map(({ text }) => text);
  const happened = (id: string) => seen.filter((one) => one.id === id).map(({ text }) => text);
  const ids = [...new Set(seen.map(({ id }) => id))];
  expect(ids.length).toBeLessThanOrEqual(40);
  for (const id of ids) expect(noted(id)).toEqual(happened(id));
  expect(overlapping).toEqual([]);
  expect(seen.filter(({ method }) => method === 'DELETE').length).toBeGreaterThan(10);
  expect(reviser.changes.every(({ outcome, answeredAtMs, sentAtMs }) => outcome === 'acknowledged' && (answeredAtMs ?? 0) >= sentAtMs)).toBe(true);
  // Nothing is removed that is not there.
  for (const id of ids) expect(happened(id).some((text, index) => text === null && (happened(id)[index - 1] ?? null) === null)).toBe(false);
});

test('an order whose change is slow is passed over until that has ended', async () => {
  const { reviser, overlapping } = await start(
    () => 200,
    (n) => (n % 60 === 0 ? 140 : 1),
  );
  await until(() => reviser.changes.length >= 200);
  await reviser.stop();
  expect(overlapping).toEqual([]);
});

test('an order with a change of unknown outcome is left alone for ever, and another takes its place', async () => {
  const { reviser, seen } = await start((n) => (n % 3 === 0 ? 503 : n % 7 === 0 ? undefined : 200), undefined, 150);
  await until(() => reviser.changes.length >= 120);
  await reviser.stop();
  const unknown = reviser.changes.filter(({ outcome }) => outcome === 'unknown');
  expect(unknown.length).toBeGreaterThan(20);
  for (const { id } of unknown) {
    expect(reviser.changes.filter((change) => change.id === id).at(-1)?.outcome).toBe('unknown');
    expect(reviser.changes.filter((change) => change.id === id && change.outcome === 'unknown').length).toBe(1);
  }
  expect(new Set(seen.map(({ id }) => id)).size).toBeGreaterThan(40);
});
