// The stage: three regions as processes, a resolver, and a director who does what a product would do about a lost region. Which mistakes it
// makes is the rehearsal's choice; what the observer says about them is what is tested.
import { type ChildProcess, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as dnsPacket from 'dns-packet';
import { sleep } from '../clock.ts';
import type { DivergenceMistakes } from './stage-divergence.ts';

const CLI = fileURLToPath(new URL('stage-cli.ts', import.meta.url));
const PROGRAM = fileURLToPath(new URL('stage-region.ts', import.meta.url));
const EAST = 'us-east-1';
const WEST = 'us-west-2';
const WITNESS = 'eu-west-1';
const SHIPPING_LAG_MS = 400;
/** The newest writes are never shipped: whenever the region is killed, something is lost. */
const UNSHIPPED = 12;
/** A region that is silent for so long counts as lost; long enough for a busy machine. */
const NOTICE_MS = 2000;
const TELL_LIMIT_MS = 5000;

export interface Mistakes extends DivergenceMistakes {
  /** The divergence report is never made. */
  readonly forgetsDivergence?: boolean;
  /** A region that wakes from a freeze goes on as if nothing had been. */
  readonly staysOpen?: boolean;
  /** A restore brings what was written within two seconds after the moment, too. */
  readonly restoresLate?: boolean;
  /** A restore of a moment that nothing covers is not refused. */
  readonly restoresAnything?: boolean;
  /** A locked version goes although the store says that it refuses. */
  readonly bucketYields?: boolean;
}

interface Written {
  readonly id: string;
  /** null: removed. */
  readonly text: string | null;
  readonly epoch: number;
}

export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'holdfast-rehearsal-'));
  readonly regionsPath = join(this.directory, 'regions.json');
  /** The product's command line. */
  readonly product: readonly string[];
  /** What went wrong on the stage itself: a rehearsal with any of these proves nothing. */
  readonly mishaps: string[] = [];
  readonly #hosts: Record<string, string>;
  readonly #mistakes: Mistakes;
  readonly #children = new Map<string, ChildProcess>();
  readonly #dns = dgram.createSocket('udp4');
  #port = 0;
  #active = EAST;
  #ballot = 1;
  #epoch = 1;
  #shipped = 0;
  #isOver = false;
  #directing: Promise<unknown> = Promise.resolve();

  /** @param network stages that play at once need different networks of loopback: 127.0.<network>.x */
  constructor(network: number, mistakes: Mistakes) {
    this.#mistakes = mistakes;
    this.product = [process.execPath, CLI, this.directory, JSON.stringify(mistakes)];
    this.#hosts = { [EAST]: `127.0.${network}.1`, [WEST]: `127.0.${network}.2`, [WITNESS]: `127.0.${network}.3` };
  }

  async open(): Promise<void> {
    this.#port = await freePort(this.#host(EAST));
    await Promise.all([EAST, WEST, WITNESS].map((region) => this.startRegion(region)));
    this.#dns.on('message', (message, from) => {
      const query = dnsPacket.decode(message);
      const answer = { type: 'A', name: 'api.orders.example', ttl: 1, data: this.#host(this.#active) } as const;
      this.#dns.send(dnsPacket.encode({ type: 'response', id: query.id ?? 0, questions: query.questions ?? [], answers: [answer] }), from.port, from.address);
    });
    await new Promise<void>((resolve) => {
      this.#dns.bind(0, '127.0.0.1', resolve);
    });
    await this.#decide([EAST, WEST, WITNESS], { state: 'normal', holder: EAST });
    await this.#tell(EAST, { isOpen: true, epoch: 1 });
    this.#writeRegions();
    this.#directing = this.#direct().catch((error: unknown) => this.mishaps.push(String(error)));
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.#directing;
    for (const child of this.#children.values()) child.kill('SIGKILL');
    this.#dns.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async startRegion(region: string): Promise<void> {
    const child = spawn(process.execPath, [PROGRAM, region, this.#host(region), String(this.#port), this.#log(region), String(this.#mistakes.bucketYields ?? false)], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#children.set(region, child);
    await new Promise((resolve, reject) => {
      child.stdout?.once('data', resolve);
      child.once('exit', () => reject(new Error(`${region} of the stage did not start`)));
    });
    this.#writeRegions();
  }

  /** Ships what is written, sees the loss of the active region, fails over, and deals with the return. */
  async #direct(): Promise<void> {
    while (!this.#isOver && (await this.#isWell(EAST))) {
      const due = this.#accepted(EAST).slice(0, -UNSHIPPED);
      await sleep(SHIPPING_LAG_MS);
      await this.#tell(WEST, { items: due.slice(this.#shipped) });
      this.#shipped = due.length;
    }
    if (this.#isOver) return;
    this.#epoch = 2;
    await this.#decide([WEST, WITNESS], { state: 'failing-over', holder: EAST, successor: WEST, epoch: 1 });
    await sleep(400);
    await this.#decide([WEST, WITNESS], { state: 'failing-over', holder: WEST });
    await sleep(400);
    await this.#tell(WEST, { isOpen: true, epoch: 2 });
    this.#active = WEST;
    await this.#decide([WEST, WITNESS], { state: 'normal', holder: WEST });
    while (!this.#isOver && !(await this.#isWell(EAST))) await this.#restartIfAsked();
    if (this.#isOver) return;
    if (!this.#mistakes.staysOpen) await this.#tell(EAST, { isOpen: false });
    const unshipped = this.#accepted(EAST).slice(this.#shipped);
    if (!this.#mistakes.forgetsDivergence) {
      await this.#tell(WEST, { divergence: unshipped.map((w, sequence) => ({ origin: EAST, sequence, id: w.id, theirs: w.text })) });
    }
    await this.#shipBack();
  }

  /** What the new region accepts reaches the one that returned. */
  async #shipBack(): Promise<void> {
    for (let shipped = 0; !this.#isOver; await sleep(SHIPPING_LAG_MS)) {
      const items = this.#accepted(WEST).slice(shipped);
      await this.#tell(EAST, { items });
      shipped += items.length;
    }
  }

  async #restartIfAsked(): Promise<void> {
    if (existsSync(this.#startRequest())) {
      rmSync(this.#startRequest());
      await this.startRegion(EAST);
    }
    await sleep(20);
  }

  async #isWell(region: string): Promise<boolean> {
    try {
      return (await this.#tell(region, {}, NOTICE_MS)).ok;
    } catch {
      return false;
    }
  }

  async #decide(regions: readonly string[], value: { state: string; holder: string; epoch?: number; successor?: string }): Promise<void> {
    this.#ballot += 1;
    const ballot = String(this.#ballot).padStart(16, '0');
    await Promise.all(
      regions.map((region) =>
        this.#tell(region, {
          register: { ballot, value: { epoch: this.#epoch, attempt: 1, successor: null, regions: { [EAST]: { reconciled: this.#epoch === 1 }, [WEST]: { reconciled: true } }, ...value } },
        }),
      ),
    );
  }

  #tell(region: string, changes: object, timeoutMs: number = TELL_LIMIT_MS): Promise<Response> {
    return fetch(`http://${this.#host(region)}:${this.#port}/_stage`, { method: 'POST', body: JSON.stringify(changes), signal: AbortSignal.timeout(timeoutMs) });
  }

  #accepted(region: string): Written[] {
    if (!existsSync(this.#log(region))) return [];
    return readFileSync(this.#log(region), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  #host(region: string): string {
    return this.#hosts[region] ?? '';
  }

  #log(region: string): string {
    return join(this.directory, `accepted-${region}.jsonl`);
  }

  #startRequest(): string {
    return join(this.directory, 'start-request');
  }

  #writeRegions(): void {
    const regions = Object.fromEntries(
      [EAST, WEST, WITNESS].map((region) => {
        const endpoint = `http://${this.#host(region)}:${this.#port}`;
        const pid = this.#children.get(region)?.pid;
        const gateUrl = region === WITNESS ? null : `${endpoint}/gate/token`;
        const start = ['touch', this.#startRequest()];
        return [region, { role: region === WITNESS ? 'witness' : 'candidate', endpoint, gateUrl, pids: pid === undefined ? [] : [pid], start }];
      }),
    );
    const dns = { host: '127.0.0.1', port: this.#dnsPort() };
    const vaultBuckets = Object.fromEntries([EAST, WEST, WITNESS].map((region) => [region, `vault-${region}`]));
    writeFileSync(this.regionsPath, JSON.stringify({ dns, service: { name: 'api.orders.example', port: this.#port }, tableName: 'orders', regions, vaultBuckets }));
  }

  #dnsPort(): number {
    try {
      return this.#dns.address().port;
    } catch {
      return 1; // not bound yet
    }
  }
}

async function freePort(host: string): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
