// The resolver client against a resolver made here: what it takes for an answer, and for how long.
import dgram from 'node:dgram';
import * as dnsPacket from 'dns-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { CachingResolver, resolveOnce } from './dns-client.ts';

type Reply = (query: dnsPacket.DecodedPacket) => dnsPacket.Packet[];

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const NAME = 'api.orders.example';

async function serve(reply: Reply): Promise<{ host: string; port: number; asked: () => number }> {
  const socket = dgram.createSocket('udp4');
  let asked = 0;
  socket.on('message', (message, from) => {
    asked += 1;
    for (const packet of reply(dnsPacket.decode(message))) socket.send(dnsPacket.encode(packet), from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  closers.push(() => socket.close());
  return { host: '127.0.0.1', port: socket.address().port, asked: () => asked };
}

const respond = (query: dnsPacket.DecodedPacket, answers: dnsPacket.Answer[], flags = 0): dnsPacket.Packet => ({
  type: 'response',
  id: query.id ?? 0,
  flags,
  questions: query.questions ?? [],
  answers,
});

const a = (name: string, data: string, ttl: number): dnsPacket.Answer => ({ type: 'A', name, data, ttl });
const cname = (name: string, data: string, ttl: number): dnsPacket.Answer => ({ type: 'CNAME', name, data, ttl });

describe('resolveOnce', () => {
  test('follows the chain of names, and lives as long as its shortest link', async () => {
    const server = await serve((query) => [respond(query, [cname(NAME, '_active.example', 15), cname('_active.example', 'd-1.example', 60), a('d-1.example', '127.0.0.12', 300)])]);
    expect(await resolveOnce(server, NAME)).toEqual({ address: '127.0.0.12', ttlSeconds: 15 });
  });

  test('an address of some other name is no answer', async () => {
    const server = await serve((query) => [respond(query, [a('elsewhere.example', '127.0.0.9', 15)])]);
    await expect(resolveOnce(server, NAME)).rejects.toThrow('no address');
  });

  test('a refusal is an error that names its code', async () => {
    const server = await serve((query) => [respond(query, [], 3)]);
    await expect(resolveOnce(server, NAME)).rejects.toThrow('code 3');
  });

  test('an answer to another question is passed over for the right one', async () => {
    const server = await serve((query) => [{ ...respond(query, [a(NAME, '127.0.0.9', 15)]), id: ((query.id ?? 0) + 1) % 65_536 }, respond(query, [a(NAME, '127.0.0.11', 15)])]);
    expect((await resolveOnce(server, NAME)).address).toBe('127.0.0.11');
  });

  test('silence ends at the time-out, with what was asked', async () => {
    const server = await serve(() => []);
    await expect(resolveOnce(server, NAME, 30)).rejects.toThrow(`${server.port} did not answer for ${NAME} within 30 ms`);
  });
});

describe('CachingResolver', () => {
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise(setImmediate);
  };

  test('asks once while the TTL runs, and again from its end on', async () => {
    let address = '127.0.0.11';
    const server = await serve((query) => [respond(query, [a(NAME, address, 15)])]);
    let now = 1000;
    const resolver = new CachingResolver({ nowMs: () => now, startedAt: '', startedAtWallMs: 0 }, server, NAME);
    expect(resolver.current()).toBeNull();
    expect(resolver.current()).toBeNull();
    await until(() => resolver.current() !== null);
    address = '127.0.0.12';
    now = 1000 + 14_999;
    expect(resolver.current()).toBe('127.0.0.11');
    expect(server.asked()).toBe(1);
    now = 1000 + 15_000;
    expect(resolver.current()).toBeNull();
    await until(() => resolver.current() !== null);
    expect(resolver.current()).toBe('127.0.0.12');
    expect(server.asked()).toBe(2);
    expect(resolver.answers.map((x) => x.answer)).toEqual(['127.0.0.11', '127.0.0.12']);
  });

  test('an answer is not kept beyond its TTL because the resolver has gone', async () => {
    let isGone = false;
    const server = await serve((query) => [isGone ? respond(query, [], 2) : respond(query, [a(NAME, '127.0.0.11', 1)])]);
    let now = 0;
    const resolver = new CachingResolver({ nowMs: () => now, startedAt: '', startedAtWallMs: 0 }, server, NAME);
    await until(() => resolver.current() !== null);
    isGone = true;
    now = 1000;
    expect(resolver.current()).toBeNull();
    await until(() => resolver.failures > 0);
    expect(resolver.current()).toBeNull();
  });
});
