// A link between two regions, broken in each way that it can be, with real sockets on both sides.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CUT, HEALED, startLink, type Link } from '../../../local/proxy/link.ts';
import { closeServer, listen } from '../../../local/proxy/listen.ts';
import { startNetwork } from '../../../local/proxy/network.ts';

/** Long enough for bytes to cross loopback if anything lets them; what is asserted after it is that nothing came. */
const SILENCE_MS = 120;

type Peer = { readonly socket: Socket; read(): string; reads(text: string): Promise<void>; readonly closed: Promise<boolean> };

function watch(socket: Socket): Peer {
  let heard = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    heard += text;
  });
  socket.on('error', () => undefined);
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', (hadError) => resolve(hadError));
  });
  return {
    socket,
    closed,
    read: () => heard,
    async reads(text) {
      while (!heard.includes(text)) await once(socket, 'data');
    },
  };
}

let server: Server;
let link: Link;
let arrived: Peer[];
let onArrival: (() => void)[];
let port: number;

beforeEach(async () => {
  arrived = [];
  onArrival = [];
  server = createServer((socket) => {
    arrived.push(watch(socket));
    for (const tell of onArrival.splice(0)) tell();
  });
  port = await listen(server, '127.0.0.1', 0);
  link = await startLink('127.0.0.1', { host: '127.0.0.1', port });
});
afterEach(async () => {
  await link.close();
  for (const peer of arrived) peer.socket.destroy();
  await closeServer(server);
});

const dial = (): Peer => watch(connect({ host: link.host, port: link.port }));
const silence = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SILENCE_MS));

async function arrival(): Promise<Peer> {
  if (arrived.length === 0) {
    await new Promise<void>((resolve) => {
      onArrival.push(resolve);
    });
  }
  const peer = arrived[0];
  if (peer === undefined) throw new Error('nobody arrived');
  return peer;
}

async function joined(): Promise<{ client: Peer; region: Peer }> {
  const client = dial();
  client.socket.write('hello ');
  const region = await arrival();
  await region.reads('hello ');
  return { client, region };
}

test('healed: bytes go both ways, and an end on one side leaves the other open', async () => {
  const { client, region } = await joined();
  client.socket.end('bye');
  await region.reads('bye');
  region.socket.end('answer');
  await client.reads('answer');
  expect(await client.closed).toBe(false);
});

test('a region that is gone is a broken connection at once, not silence', async () => {
  await closeServer(server);
  expect(await dial().closed).toBe(true);
});

test('a region that dies in the middle breaks the connection', async () => {
  const { client, region } = await joined();
  region.socket.resetAndDestroy();
  expect(await client.closed).toBe(true);
});

describe('cut', () => {
  test('a connection that stands is silent both ways, not closed, and all of it arrives in order after healing', async () => {
    const { client, region } = await joined();
    link.set(CUT);
    client.socket.write('one ');
    region.socket.write('uno ');
    await silence();
    expect([client.read(), region.read(), client.socket.destroyed]).toEqual(['', 'hello ', false]);
    client.socket.write('two ');
    link.set(HEALED);
    await region.reads('one two ');
    await client.reads('uno ');
  });

  test('a client that gave up is still heard after healing: the ghost', async () => {
    const { client, region } = await joined();
    link.set(CUT);
    client.socket.write('ghost');
    client.socket.end();
    client.socket.destroySoon();
    await silence();
    expect(region.read()).toBe('hello ');
    link.set(HEALED);
    await region.reads('ghost');
  });

  test('a new connection is accepted, hears nothing, and arrives after healing', async () => {
    link.set(CUT);
    const client = dial();
    client.socket.write('late');
    await silence();
    expect([arrived.length, client.socket.destroyed, client.read()]).toEqual([0, false, '']);
    link.set(HEALED);
    await (await arrival()).reads('late');
  });

  test('a new connection whose client left during the cut never arrives', async () => {
    link.set(CUT);
    const client = dial();
    client.socket.end('never');
    await client.closed;
    link.set(HEALED);
    await silence();
    expect(arrived).toHaveLength(0);
  });

  test('the death of the other region is not news during a cut, and is afterwards', async () => {
    const { client, region } = await joined();
    link.set(CUT);
    region.socket.resetAndDestroy();
    await silence();
    expect(client.socket.destroyed).toBe(false);
    link.set(HEALED);
    expect(await client.closed).toBe(true);
  });

  test('more than fits waits with the sender, and none of it is lost', async () => {
    const { client, region } = await joined();
    link.set(CUT);
    const bytes = 8 * 1024 * 1024;
    client.socket.write('x'.repeat(bytes));
    client.socket.end('.end');
    await silence();
    link.set(HEALED);
    await region.reads('.end');
    expect(region.read().length).toBe('hello '.length + bytes + '.end'.length);
  });
});

describe('one way', () => {
  test('requests pass, answers are lost', async () => {
    const { client, region } = await joined();
    link.set({ ...HEALED, answersLost: true });
    client.socket.write('carried out');
    await region.reads('carried out');
    region.socket.write('done');
    await silence();
    expect(client.read()).toBe('');
    link.set(HEALED);
    await client.reads('done');
  });

  test('requests are lost, answers pass', async () => {
    const { client, region } = await joined();
    link.set({ ...HEALED, requestsLost: true });
    client.socket.write('lost');
    region.socket.write('answer');
    await client.reads('answer');
    expect(region.read()).toBe('hello ');
  });
});

test('delay holds each byte back by that much, in order', async () => {
  const { client, region } = await joined();
  link.set({ ...HEALED, delayMs: 150 });
  const begun = performance.now();
  client.socket.write('a');
  setImmediate(() => client.socket.write('b'));
  await region.reads('ab');
  expect(performance.now() - begun).toBeGreaterThanOrEqual(145);
});

test('the network isolates one region both ways, leaves the others alone, and heals', async () => {
  const target = { host: '127.0.0.1', port };
  const network = await startNetwork(
    '127.0.0.1',
    new Map([
      ['a', target],
      ['b', target],
      ['c', target],
    ]),
  );
  network.isolate('a');
  const states = () =>
    ['a>b', 'a>c', 'b>a', 'c>a', 'b>c', 'c>b'].map((pair) => {
      const [from = '', to = ''] = pair.split('>');
      return network.link(from, to).state().requestsLost;
    });
  expect(states()).toEqual([true, true, true, true, false, false]);
  network.heal();
  expect(states()).toEqual([false, false, false, false, false, false]);
  expect(() => network.link('a', 'a')).toThrow(/no link a → a/);
  await network.close();
});
