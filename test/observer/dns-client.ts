// The observer's own resolver client: one question by UDP, the answer kept for its TTL and not a moment longer. It never falls
// back to the machine's resolver, which knows nothing of the record sets under test.
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import * as dnsPacket from 'dns-packet';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { DnsAnswer } from './journal.ts';

export const DNS_TIMEOUT_MS = 1000;
const RETRY_PAUSE_MS = 200;

export interface Resolved {
  readonly address: string;
  readonly ttlSeconds: number;
}

/** Asks once for the address (A) of a name. Rejects when no usable answer comes in time. */
export function resolveOnce(server: { host: string; port: number }, name: string, timeoutMs: number = DNS_TIMEOUT_MS): Promise<Resolved> {
  const id = randomInt(1, 65_536);
  const question = dnsPacket.encode({ type: 'query', id, flags: dnsPacket.RECURSION_DESIRED, questions: [{ type: 'A', name }] });
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    const end = (finish: () => void) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      finish();
    };
    const timer = setTimeout(() => {
      end(() => reject(new Error(`${server.host}:${server.port} did not answer for ${name} within ${timeoutMs} ms: is the resolver running?`)));
    }, timeoutMs);
    socket.on('error', (error) => end(() => reject(error)));
    // A connected socket drops datagrams of anybody else and reports a closed port at once.
    socket.connect(server.port, server.host, () => socket.send(question));
    socket.on('message', (message) => {
      const read = readAnswer(message, id, name);
      if (read === null) return;
      end(() => (read instanceof Error ? reject(read) : resolve(read)));
    });
  });
}

/** null: not the answer to this question. */
function readAnswer(message: Buffer, id: number, name: string): Resolved | Error | null {
  let packet: dnsPacket.DecodedPacket;
  try {
    packet = dnsPacket.decode(message);
  } catch {
    return null;
  }
  if (packet.type !== 'response' || packet.id !== id) return null;
  const rcode = (packet.flags ?? 0) & 0x0f;
  if (rcode !== 0) return new Error(`the resolver answered ${name} with code ${rcode} (3 is "no such name", 2 "server failure")`);
  let ttlSeconds = Number.POSITIVE_INFINITY;
  let wanted = name.toLowerCase().replace(/\.$/, '');
  const addresses: string[] = [];
  // The chain of CNAMEs is followed in the order in which the answer gives it; the whole lives as long as its shortest link.
  for (const answer of packet.answers ?? []) {
    if (answer.type !== 'A' && answer.type !== 'CNAME') continue;
    if (answer.name.toLowerCase().replace(/\.$/, '') !== wanted) continue;
    ttlSeconds = Math.min(ttlSeconds, answer.ttl ?? 0);
    if (answer.type === 'A') addresses.push(answer.data);
    else wanted = answer.data.toLowerCase().replace(/\.$/, '');
  }
  const address = addresses[0];
  return address === undefined ? new Error(`the resolver's answer for ${name} has no address`) : { address, ttlSeconds };
}

export class CachingResolver {
  readonly answers: DnsAnswer[] = [];
  failures = 0;
  lookups = 0;
  readonly #clock: Clock;
  readonly #server: { host: string; port: number };
  readonly #name: string;
  readonly #timeoutMs: number;
  #address: string | null = null;
  #untilMs = 0;
  #isAsking = false;

  constructor(clock: Clock, server: { host: string; port: number }, name: string, timeoutMs: number = DNS_TIMEOUT_MS) {
    this.#clock = clock;
    this.#server = server;
    this.#name = name;
    this.#timeoutMs = timeoutMs;
  }

  /** The address while its TTL runs; null while it must be asked for again, which this call sets going. */
  current(): string | null {
    if (this.#address !== null && this.#clock.nowMs() < this.#untilMs) return this.#address;
    if (!this.#isAsking) {
      this.#isAsking = true;
      void this.#ask().finally(() => {
        this.#isAsking = false;
      });
    }
    return null;
  }

  async #ask(): Promise<void> {
    this.lookups += 1;
    try {
      const askedAtMs = this.#clock.nowMs();
      const { address, ttlSeconds } = await resolveOnce(this.#server, this.#name, this.#timeoutMs);
      this.#address = address;
      this.#untilMs = askedAtMs + ttlSeconds * 1000;
      if (this.answers.at(-1)?.answer !== address) this.answers.push({ atMs: this.#clock.nowMs(), answer: address });
    } catch {
      this.failures += 1;
      await sleep(RETRY_PAUSE_MS);
    }
  }
}
