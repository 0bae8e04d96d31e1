// Plain HTTP to an address that the caller has resolved itself, with what the observer promises about it: never more than a few
// requests outstanding at one address, a time-out that really ends the request, keep-alive until an error, then a new connection.
import http from 'node:http';
import type { Clock } from './clock.ts';

export const OUTSTANDING_MAX = 4;
export const REQUEST_TIMEOUT_MS = 1000;

export interface PlainRequest {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: string;
}

/** `refused`: nobody listens, nothing was sent. `broken` and `timed-out`: it may have been carried out. */
export interface Exchange {
  readonly result: 'answered' | 'refused' | 'broken' | 'timed-out';
  readonly sentAtMs: number;
  readonly settledAtMs: number;
  readonly status: number | null;
  readonly body: string;
  /** Where the answer sends the client on to. */
  readonly location?: string;
  readonly because: string;
}

interface Line {
  readonly agent: http.Agent;
  outstanding: number;
  isRetired: boolean;
}

export class BoundedHttpClient {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #outstandingMax: number;
  readonly #lines = new Map<string, Line>();
  readonly #outstanding = new Map<string, number>();

  constructor(clock: Clock, timeoutMs: number = REQUEST_TIMEOUT_MS, outstandingMax: number = OUTSTANDING_MAX) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#outstandingMax = outstandingMax;
  }

  outstanding(address: string, port: number): number {
    return this.#outstanding.get(`${address}:${port}`) ?? 0;
  }

  hasRoom(address: string, port: number): boolean {
    return this.outstanding(address, port) < this.#outstandingMax;
  }

  /** The next request to this address opens a new connection; those under way end on theirs. */
  renew(address: string, port: number): void {
    const line = this.#lines.get(`${address}:${port}`);
    if (line === undefined) return;
    this.#lines.delete(`${address}:${port}`);
    retire(line);
  }

  close(): void {
    for (const line of this.#lines.values()) line.agent.destroy();
    this.#lines.clear();
  }

  /** Never rejects for what the other side does; asking for more than the limit is the caller's mistake. */
  async exchange(request: PlainRequest): Promise<Exchange> {
    const target = `${request.address}:${request.port}`;
    if (!this.hasRoom(request.address, request.port)) {
      throw new Error(`${this.#outstandingMax} requests are outstanding at ${target}: ask hasRoom() before sending another`);
    }
    const line = this.#lines.get(target) ?? newLine(this.#outstandingMax);
    this.#lines.set(target, line);
    this.#outstanding.set(target, this.outstanding(request.address, request.port) + 1);
    line.outstanding += 1;
    try {
      const exchange = await this.#send(request, line.agent);
      if (exchange.result !== 'answered' && this.#lines.get(target) === line) this.renew(request.address, request.port);
      return exchange;
    } finally {
      this.#outstanding.set(target, this.outstanding(request.address, request.port) - 1);
      line.outstanding -= 1;
      if (line.isRetired && line.outstanding === 0) line.agent.destroy();
    }
  }

  #send(request: PlainRequest, agent: http.Agent): Promise<Exchange> {
    const sentAtMs = this.#clock.nowMs();
    return new Promise((resolve) => {
      let isSettled = false;
      const settle = (end: Omit<Exchange, 'sentAtMs' | 'settledAtMs'>) => {
        if (isSettled) return;
        isSettled = true;
        clearTimeout(timer);
        resolve({ ...end, sentAtMs, settledAtMs: this.#clock.nowMs() });
      };
      const fail = (result: 'refused' | 'broken' | 'timed-out', because: string) => {
        settle({ result, status: null, body: '', because });
      };
      const outgoing = http.request(
        {
          agent,
          host: request.address,
          port: request.port,
          method: request.method,
          path: request.path,
          headers: {
            host: request.host,
            ...(request.body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(request.body) }),
          },
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('error', (error) => fail('broken', error.message));
          answer.on('end', () => {
            const body = Buffer.concat(parts).toString('utf8');
            const { location } = answer.headers;
            settle({ result: 'answered', status: answer.statusCode ?? null, body, ...(location === undefined ? {} : { location }), because: `answered ${answer.statusCode}` });
          });
        },
      );
      const timer = setTimeout(() => {
        fail('timed-out', `no answer within ${this.#timeoutMs} ms`);
        outgoing.destroy();
      }, this.#timeoutMs);
      outgoing.on('error', (error) => fail(isRefusal(error) ? 'refused' : 'broken', error.message));
      outgoing.on('close', () => fail('broken', 'the connection closed before the whole answer had come'));
      outgoing.end(request.body);
    });
  }
}

function isRefusal(error: Error): boolean {
  return 'code' in error && error.code === 'ECONNREFUSED';
}

function newLine(maxSockets: number): Line {
  return { agent: new http.Agent({ keepAlive: true, maxSockets }), outstanding: 0, isRetired: false };
}

function retire(line: Line): void {
  line.isRetired = true;
  if (line.outstanding === 0) line.agent.destroy();
}
