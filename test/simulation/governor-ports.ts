// The ports that an invocation of the real operations is given: all of them go through the simulated network.
import type { Level } from '../../src/core/health/vantage.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../../src/core/rows/row.ts';
import type { RunbookInput } from '../../src/core/failover/runbook.ts';
import type { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import type { Governor } from '../../src/operations/governor.ts';
import type { ClockSample } from '../../src/ports/environment.ts';
import type { Register } from '../../src/ports/register.ts';
import type { ChangeAnswer, RowStore } from '../../src/ports/row-store.ts';
import type { Invariants } from './invariants.ts';
import { asWrittenBy } from './newer-version.ts';
import type { Invocation, Region } from './region.ts';
import { callLimitMs, type World } from './world.ts';

const probeLimitMs = 1500;
const samplesKept = 8;

export type Ports = {
  readonly world: World;
  readonly policy: Policy;
  readonly invariants: Invariants;
  /** Voters join and leave in this history. */
  readonly isChangingVoters?: boolean;
  /** The register is in one global table in this history. */
  readonly strong?: { readonly registerFor: (ports: Ports, invocation: Invocation) => Register } | undefined;
  readonly startRunbook: (region: Region, name: string, input: RunbookInput) => 'started' | 'exists';
};

/** Not put together call by call: what lies in wait compares them with each. */
const reads = { register: 'get register', region: 'get region', fence: 'get fence' } as const;
const changes = { region: 'change region', fence: 'change fence' } as const;

class NetworkStore implements RowStore {
  readonly region: string;
  readonly #ports: Ports;
  readonly #from: Invocation;
  readonly #to: Region;
  readonly #samples: ClockSample[];
  readonly registerTable: string;

  constructor(ports: Ports, from: Invocation, to: Region, samples: ClockSample[], registerTable = to.registerTable) {
    this.registerTable = registerTable;
    this.region = to.name;
    this.#ports = ports;
    this.#from = from;
    this.#to = to;
    this.#samples = samples;
  }

  get(key: RowKey): Promise<Row | undefined> {
    return this.#call(key.pk.startsWith('VANTAGE') ? 'get vantage' : reads[key.table], () => this.#rows(key).rowOf(key));
  }

  /** Throws as the SDK does where there is no such table. */
  #rows(key: RowKey): MemoryRowStore {
    const rows = this.#to.rowsOf(key.table, this.registerTable);
    if (rows === undefined) throw Object.assign(new Error(`there is no table ${this.registerTable} in ${this.region}`), { name: 'ResourceNotFoundException' });
    return rows;
  }

  change(proposed: RowChange): Promise<ChangeAnswer> {
    const change = this.#from.region.newerUntilMs > this.#ports.world.nowMs ? this.#asWritten(proposed) : proposed;
    const act = () => {
      const answer = this.#rows(change.key).changeRow(change);
      if (answer.kind === 'done') this.#ports.invariants.rowChanged(this.#to, change, answer.row, this.#from, this.registerTable);
      return answer;
    };
    const what = change.key.table !== 'register' ? changes[change.key.table] : 'acceptedBallot' in change.set ? 'accept register' : 'promised' in change.set ? 'prepare register' : 'change vantage';
    return this.#call(what, act, (answer) => this.#ports.invariants.answered(change, answer));
  }

  #asWritten(change: RowChange): RowChange {
    const { acceptedBallot, config } = change.set;
    // A new acceptor is given what was chosen, as it was chosen.
    if (typeof acceptedBallot === 'string' && config !== undefined) {
      const text = this.#ports.invariants.register.textOf(acceptedBallot);
      return text === undefined ? change : { ...change, set: { ...change.set, acceptedValue: text } };
    }
    const name = ['acceptedValue', 'vantage'].find((n) => typeof change.set[n] === 'string');
    return name === undefined ? change : { ...change, set: { ...change.set, [name]: asWrittenBy(this.#from.region, this.#ports.world.nowMs, String(change.set[name])) } };
  }

  changeTogether(together: readonly RowChange[], checks: readonly RowCheck[]): Promise<'done' | 'refused'> {
    return this.#call(`change ${together[0]?.key.table}`, async () => {
      const outcome = await this.#to.store.changeTogether(together, checks);
      if (outcome === 'refused') return outcome;
      const rows = await Promise.all(together.map((c) => this.#to.store.get(c.key)));
      together.forEach((change, i) => this.#ports.invariants.rowChanged(this.#to, change, rows[i] ?? {}, this.#from));
      return outcome;
    });
  }

  #call<T>(what: string, act: () => T | Promise<T>, onAnswer?: (answer: T) => void): Promise<T> {
    const { world } = this.#ports;
    const isOwn = this.#from.region === this.#to;
    return world.call({
      from: this.#from,
      to: this.#to,
      what,
      act,
      onDelivered: (answer, sentAtMs, actedAtMs) => {
        if (isOwn) {
          const { region, offsetMs } = this.#from;
          this.#samples.push({ dateMs: Math.floor(region.dateAt(actedAtMs) / 1000) * 1000, sentAtMs: region.wallAt(sentAtMs) + offsetMs, receivedAtMs: region.wallAt(world.nowMs) + offsetMs });
          if (this.#samples.length > samplesKept) this.#samples.shift();
        }
        onAnswer?.(answer);
      },
    });
  }
}

/** Who an invocation is, and everything that it can reach. */
export function governorOf(ports: Ports, invocation: Invocation): Governor {
  const { world, policy } = ports;
  const { region } = invocation;
  const samples: ClockSample[] = [];
  const voters = world.regions.map((r) => new NetworkStore(ports, invocation, r, samples));
  const others = new Map<string, NetworkStore>();
  const own = voters[region.index];
  if (own === undefined) throw new RangeError(`There is no region ${region.index}.`);
  return {
    me: region.name,
    policy,
    own,
    voters,
    register: ports.strong?.registerFor(ports, invocation),
    // Half of the regions run a deployment that knows one table a region only.
    ...(region.index % 2 === 0
      ? {}
      : {
          reach: (acceptor) => {
            const to = world.regions.find((r) => r.name === acceptor.region);
            if (to === undefined) return undefined;
            const name = `${acceptor.region}/${acceptor.table}`;
            const deployed = voters[to.index];
            const store = deployed?.registerTable === acceptor.table ? deployed : (others.get(name) ?? new NetworkStore(ports, invocation, to, samples, acceptor.table));
            others.set(name, store);
            return store;
          },
        }),
    clock: {
      nowMs: () => region.wallAt(world.nowMs) + invocation.offsetMs,
      monotonicMs: () => invocation.monotonicAt(world.nowMs),
      wait: (ms) => world.wait(invocation, ms),
    },
    chance: { id: () => world.random.hex(32) },
    digest: cheapDigest,
    clockSamples: { recent: () => samples },
    probe: { probe: (name, _url, level) => probe(world, invocation, name, level) },
    runbook: {
      start: (name, input) =>
        world.call({
          from: invocation,
          to: region,
          what: 'start runbook',
          act: async () => ports.startRunbook(region, name, input),
        }),
    },
    notifier: {
      notify: (notice) =>
        world.call({
          from: invocation,
          to: region,
          what: 'notify',
          act: async () => {
            if (notice.subject.includes('clocks')) ports.invariants.clockAlarms += 1;
          },
        }),
    },
    serviceUrl: region.isCandidate ? `https://${region.name}` : null,
  };
}

function probe(world: World, invocation: Invocation, name: string, level: Level): Promise<{ outcome: 'ok' | 'failed'; latencyMs: number; because: string }> {
  invocation.calls += 1;
  const from = invocation.region;
  const to = world.regions.find((r) => r.name === name) ?? from;
  return new Promise((resolve) => {
    const latencyMs = world.delay(from, to) + world.delay(to, from);
    const isSilent =
      !to.isUp || to.hostsFrozenUntilMs > world.nowMs || world.isCut(from, to) || world.isCut(to, from) || latencyMs > callLimitMs || (from !== to && world.random.chance(world.weather.lost));
    if (isSilent) return world.queue.after(probeLimitMs, () => world.resume(invocation, () => resolve({ outcome: 'failed', latencyMs: probeLimitMs, because: 'no answer' })));
    // Sick is: it lives, its governor renews, and its service cannot work (H4).
    const outcome = to.isSick && level === 'readiness' ? 'failed' : 'ok';
    return world.queue.after(latencyMs, () => world.resume(invocation, () => resolve({ outcome, latencyMs, because: outcome === 'ok' ? '' : 'status 500' })));
  });
}

/** Stands for SHA-256 where only "the same text gives the same digest" matters. (FNV-1a) */
export function cheapDigest(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 7) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(64, '0');
}
