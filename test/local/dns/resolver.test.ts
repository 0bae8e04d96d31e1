// The resolver over real sockets, with a DNS library as the client, and dig where there is one.
import { execFile, execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Resolver } from 'node:dns/promises';
import { promisify } from 'node:util';
import dnsPacket, { type DecodedPacket, type Packet } from 'dns-packet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startResolver, type RunningResolver } from '../../../local/dns/resolver.ts';
import type { ResolverView } from '../../../local/dns/wire.ts';
import type { RecordSet } from '../../../local/dns/zone.ts';

const NONE = { setIdentifier: null, routing: { policy: 'simple' }, healthCheckId: null, alias: null } as const;
const WEST = 'd-west.execute-api.us-west-2.amazonaws.com';
const records: readonly RecordSet[] = [
  { ...NONE, name: 'example.com', type: 'SOA', ttlSeconds: 900, values: ['ns.test. admin.test. 1 7200 900 1209600 60'] },
  { ...NONE, name: 'api.example.com', type: 'CNAME', ttlSeconds: 15, values: [`${WEST}.`] },
  { ...NONE, name: 'chain.example.com', type: 'CNAME', ttlSeconds: 30, values: ['api.example.com'] },
  { ...NONE, name: 'loop.example.com', type: 'CNAME', ttlSeconds: 30, values: ['loop.example.com'] },
  { ...NONE, name: 'elsewhere.example.com', type: 'CNAME', ttlSeconds: 30, values: ['elsewhere.test'] },
  { ...NONE, name: 'long.example.com', type: 'TXT', ttlSeconds: 30, values: Array.from({ length: 20 }, (_, n) => `"${String(n).padStart(100, 'x')}"`) },
  { ...NONE, name: 'caa.example.com', type: 'CAA', ttlSeconds: 30, values: ['0 issue "ca.test"'] },
];
const view: ResolverView = {
  zone: { name: 'example.com', records, healthChecks: [] },
  health: {},
  addressOf: (name) => (name === WEST ? '127.0.0.12' : null),
  random: () => 0,
};

let server: RunningResolver;
beforeAll(async () => {
  server = await startResolver({ host: '127.0.0.1', view: () => view });
});
afterAll(() => server.close());

const query = (name: string, type: 'A' | 'AAAA' | 'CNAME' | 'TXT' | 'CAA', more: Partial<Packet> = {}): Packet => ({
  type: 'query',
  id: 4711,
  flags: dnsPacket.RECURSION_DESIRED,
  questions: [{ name, type }],
  ...more,
});

function askUdp(packet: Packet): Promise<DecodedPacket> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('message', (message) => {
      socket.close();
      resolve(dnsPacket.decode(message));
    });
    socket.send(dnsPacket.encode(packet), server.port, server.host);
  });
}

/** Several queries on one connection, the bytes cut at an awkward place. */
function askTcp(packets: readonly Packet[]): Promise<DecodedPacket[]> {
  return new Promise((resolve, reject) => {
    const answers: DecodedPacket[] = [];
    let pending = Buffer.alloc(0);
    const socket = connect({ host: server.host, port: server.port });
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const length = pending.readUInt16BE(0);
        answers.push(dnsPacket.decode(pending.subarray(2, 2 + length)));
        pending = pending.subarray(2 + length);
      }
      if (answers.length < packets.length) return;
      socket.end();
      resolve(answers);
    });
    const bytes = Buffer.concat(packets.map((packet) => dnsPacket.streamEncode(packet)));
    socket.write(bytes.subarray(0, 1));
    setImmediate(() => socket.write(bytes.subarray(1)));
  });
}

const rcode = (packet: DecodedPacket): number => (packet.flags ?? 0) & 0xf;

test('the chain with its TTLs, ending at the region', async () => {
  const answer = await askUdp(query('Chain.example.com', 'A'));
  expect(answer.id).toBe(4711);
  expect([answer.flag_ra, answer.flag_rd, answer.flag_aa, answer.flag_tc]).toEqual([true, true, false, false]);
  expect(answer.answers).toMatchObject([
    { name: 'chain.example.com', type: 'CNAME', ttl: 30, data: 'api.example.com' },
    { name: 'api.example.com', type: 'CNAME', ttl: 15, data: WEST },
    { name: WEST, type: 'A', ttl: 60, data: '127.0.0.12' },
  ]);
});

test('CNAME asked for is not followed', async () => {
  expect((await askUdp(query('chain.example.com', 'CNAME'))).answers).toMatchObject([{ data: 'api.example.com' }]);
});

test('AAAA of a region: the chain and no address', async () => {
  const answer = await askUdp(query('api.example.com', 'AAAA'));
  expect([rcode(answer), answer.answers?.map((record) => record.type)]).toEqual([0, ['CNAME']]);
});

test('a name that is nowhere: NXDOMAIN with the SOA, whose TTL is its minimum', async () => {
  const answer = await askUdp(query('nowhere.example.com', 'A'));
  expect(rcode(answer)).toBe(3);
  expect(answer.authorities).toMatchObject([{ type: 'SOA', name: 'example.com', ttl: 60 }]);
});

test('the rest of the Internet, a loop, and a type that cannot be packed are failures, not denials', async () => {
  expect(rcode(await askUdp(query('elsewhere.example.com', 'A')))).toBe(2);
  expect(rcode(await askUdp(query('loop.example.com', 'A')))).toBe(2);
  expect(rcode(await askUdp(query('caa.example.com', 'CAA')))).toBe(4);
});

test('EDNS is answered with EDNS; without it there is none', async () => {
  const edns = { type: 'OPT', name: '.', udpPayloadSize: 4096, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] } as const;
  const answer = await askUdp(query('api.example.com', 'A', { additionals: [{ ...edns, options: [...edns.options] }] }));
  expect(answer.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  expect(answer.answers).toHaveLength(2);
  expect((await askUdp(query('api.example.com', 'A'))).additionals).toEqual([]);
});

test('what does not fit UDP is marked truncated and whole over TCP, two questions on one connection', async () => {
  const short = await askUdp(query('long.example.com', 'TXT'));
  expect([short.flag_tc, short.answers]).toEqual([true, []]);
  const [long, next] = await askTcp([query('long.example.com', 'TXT'), query('api.example.com', 'A')]);
  expect([long?.flag_tc, long?.answers?.length, next?.answers?.length]).toEqual([false, 20, 2]);
});

test('rubbish is not answered and does no harm', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.send(Buffer.from([1, 2, 3]), server.port, server.host, () => resolve());
  });
  socket.close();
  expect(rcode(await askUdp(query('api.example.com', 'A')))).toBe(0);
});

test("Node's own resolver understands it", async () => {
  const resolver = new Resolver();
  resolver.setServers([`${server.host}:${server.port}`]);
  expect(await resolver.resolve4('chain.example.com')).toEqual(['127.0.0.12']);
  await expect(resolver.resolve4('nowhere.example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  expect((await resolver.resolveTxt('long.example.com')).length).toBe(20);
});

const DIG = 'dig';

function hasDig(): boolean {
  try {
    execFileSync(DIG, ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.runIf(hasDig())('dig can ask it', async () => {
  const { stdout } = await promisify(execFile)(DIG, ['+short', `@${server.host}`, '-p', String(server.port), 'chain.example.com']);
  expect(stdout.trim().split('\n')).toEqual(['api.example.com.', `${WEST}.`, '127.0.0.12']);
});
