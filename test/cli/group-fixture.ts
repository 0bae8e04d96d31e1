// Three regions in memory, connected as the CLI is to AWS: the same rows that the stacks' first deployment writes, one switch a region for
// "does not answer", and the lists and approvals that a test puts there.
import type { ApprovalAnswers, Connection, FenceFunction, RegionConnection } from '../../src/client/connection.ts';
import type { RunbookMachine, RunState } from '../../src/client/runbook-runs.ts';
import { toRuntimeConfig, type RuntimeConfig } from '../../src/config/runtime-config.ts';
import { defineConfig, type HoldfastConfigInput } from '../../src/config/holdfast-config.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { nextBallot } from '../../src/core/register/ballot.ts';
import { parseRegisterValue, serializeRegisterValue, type RegisterValue } from '../../src/core/register/value.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../../src/core/rows/row.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import type { Image } from '../../src/core/log/change-record.ts';
import { MemoryLiveTable } from '../../src/drivers/memory/memory-live-table.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryWholeTable } from '../../src/drivers/memory/memory-whole-table.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import type { PointsPorts } from '../../src/operations/backup-facts.ts';
import type { ClockSample } from '../../src/ports/environment.ts';
import type { RowStore } from '../../src/ports/row-store.ts';

export const nowMs = 1_800_000_000_000;

export const sample: HoldfastConfigInput = {
  group: 'orders',
  initialRegion: 'us-east-1',
  regions: [
    { region: 'us-east-1', role: 'candidate' },
    { region: 'us-west-2', role: 'candidate' },
    { region: 'eu-west-1', role: 'witness' },
  ],
  service: { name: 'api.orders.example' },
  table: { name: 'orders' },
  mode: 'approve',
  isFenced: true,
  vault: {},
};

const threeRegions = toRuntimeConfig(defineConfig(sample));
export { threeRegions as config };

/** Answers until it is unplugged; then every call fails as one that timed out. Counts what would have been written. */
class SwitchedRows implements RowStore {
  readonly region: string;
  readonly memory: MemoryRowStore;
  isAnswering = true;
  /** Calls that are carried out, but whose answer is lost. */
  answersLost = 0;
  writes = 0;

  constructor(region: string, of: RuntimeConfig) {
    this.region = region;
    this.memory = new MemoryRowStore(region, firstRows(of, region, of.initialRegion));
  }

  async get(key: RowKey) {
    this.#answer();
    return this.memory.get(key);
  }

  async change(change: RowChange) {
    this.#answer();
    const answer = await this.memory.change(change);
    if (answer.kind === 'done') this.writes += 1;
    if (this.answersLost > 0 && 'acceptedValue' in change.set) {
      this.answersLost -= 1;
      throw new Error('the answer was lost');
    }
    return answer;
  }

  async changeTogether(changes: readonly RowChange[], checks: readonly RowCheck[]) {
    this.#answer();
    return this.memory.changeTogether(changes, checks);
  }

  #answer(): void {
    if (!this.isAnswering) throw Object.assign(new Error('Connection timed out after 500 ms'), { name: 'TimeoutError' });
  }
}

export type Region = {
  readonly rows: SwitchedRows;
  readonly log: MemoryLogStore;
  readonly lists: Map<string, Row[]>;
  readonly answers: { readonly kind: 'approve' | 'deny'; readonly token: string; readonly text: string }[];
  readonly tokensOver: Set<string>;
  clockSamples: readonly ClockSample[];
  readonly started: { readonly machine: RunbookMachine; readonly name: string; readonly input: object }[];
  /** What the next looks at an execution show, one after the other; a text is an error. The last one stays. */
  looks: readonly (RunState | string)[];
  startError: Error | undefined;
  /** The fence function of this region. */
  fences: FenceFunction;
  /** The protected table. */
  readonly items: Map<string, Image>;
};

export type Group = {
  readonly connection: Connection;
  readonly of: (region: string) => Region;
  readonly value: () => Promise<RegisterValue>;
  /** As if the protocol had chosen it: at every acceptor that answers, under a new ballot. */
  readonly choose: (change: Partial<RegisterValue>) => Promise<void>;
  readonly put: (region: string, key: RowKey, row: Row) => Promise<void>;
  readonly writes: () => number;
};

async function noVault(): Promise<PointsPorts> {
  throw new Error('this test has no vault');
}

export function memoryGroup(openVault = noVault, config = threeRegions): Group {
  const regions = new Map<string, Region>(
    config.voters.map(({ region }) => [
      region,
      {
        rows: new SwitchedRows(region, config),
        log: new MemoryLogStore(region),
        lists: new Map(),
        answers: [],
        tokensOver: new Set(),
        clockSamples: [],
        started: [],
        looks: [],
        startError: undefined,
        fences: { start: async () => Promise.reject(new Error('no fence function')), undo: async () => Promise.reject(new Error('no fence function')) },
        items: new Map(),
      },
    ]),
  );
  const of = (region: string): Region => {
    const found = regions.get(region);
    if (found === undefined) throw new Error(`no region ${region}`);
    return found;
  };
  let ids = 0;
  const id = () => String((ids += 1)).padStart(32, '0');
  const rawRegister = async (region: string) => of(region).rows.memory.get(registerKey(config.group));
  const value = async () => parseRegisterValue(String((await newest([...regions.keys()], rawRegister))['acceptedValue']));
  return {
    connection: {
      config,
      regions: config.voters.map((v) => connectionOf(v, of(v.region), config)),
      divergence: { rule: 'ask' },
      clock: { nowMs: () => nowMs },
      chance: { id },
      digest: sha256,
      openVault,
    },
    of,
    value,
    choose: async (change) => {
      const ballot = nextBallot(String((await newest([...regions.keys()], rawRegister))['promised']), 'us-east-1', id());
      const acceptedValue = serializeRegisterValue({ ...(await value()), ...change });
      for (const { rows } of regions.values()) {
        if (rows.isAnswering) await rows.memory.change({ key: registerKey(config.group), set: { promised: ballot, acceptedBallot: ballot, acceptedValue }, when: [], mayCreate: false });
      }
    },
    put: async (region, key, row) => {
      await of(region).rows.memory.change({ key, set: row, when: [], mayCreate: true });
    },
    writes: () => [...regions.values()].reduce((sum, r) => sum + r.rows.writes, 0),
  };
}

async function newest(regions: readonly string[], read: (region: string) => Promise<Row | undefined>): Promise<Row> {
  const rows = await Promise.all(regions.map(async (region) => read(region)));
  const [found] = rows.filter((r) => r !== undefined).toSorted((a, b) => (String(a['acceptedBallot']) < String(b['acceptedBallot']) ? 1 : -1));
  if (found === undefined) throw new Error('no acceptor has a row');
  return found;
}

function connectionOf({ region, role }: { readonly region: string; readonly role: 'candidate' | 'witness' }, of: Region, config: RuntimeConfig): RegionConnection {
  const approvals: ApprovalAnswers = {
    approve: async (token, text) => answer(of, 'approve', token, text),
    deny: async (token, text) => answer(of, 'deny', token, text),
  };
  const list: RegionConnection['list'] = {
    async list(pk, limit, order) {
      await of.rows.get({ table: 'region', pk, sk: '#' });
      const rows = of.lists.get(pk) ?? [];
      return (order === 'oldest-first' ? rows : rows.toReversed()).slice(0, limit);
    },
  };
  const log: RegionConnection['log'] = {
    region,
    head: async (origin) => (of.rows.isAnswering ? of.log.head(origin) : Promise.reject(new Error('Connection timed out after 500 ms'))),
    read: async (...args) => of.log.read(...args),
    readBack: async (...args) => of.log.readBack(...args),
    append: async (...args) => of.log.append(...args),
  };
  const runs: RegionConnection['runs'] = {
    async start(machine, name, input) {
      if (of.startError !== undefined) throw of.startError;
      of.started.push({ machine, name, input });
    },
    async look() {
      const [look, ...later] = of.looks;
      if (later.length > 0) of.looks = later;
      if (typeof look === 'object') return look;
      throw new Error(look ?? 'no look was prepared');
    },
  };
  const items = { get: (key: string) => of.items.get(key) ?? null, set: async (key: string, image: Image | null) => void (image === null ? of.items.delete(key) : of.items.set(key, image)) };
  const live = new MemoryLiveTable(of.rows, items, { keyName: config.dataKey, fenceShards: config.fenceShards });
  const table = new MemoryWholeTable(() => of.items);
  const pages: RegionConnection['report']['pages'] = {
    async page(pk, prefix, after, limit) {
      await of.rows.get({ table: 'region', pk, sk: '#' });
      return new MemoryRowPages(of.rows.memory).page(pk, prefix, after, limit);
    },
  };
  return {
    region,
    role,
    rows: of.rows,
    list,
    log,
    approvals,
    runs,
    fences: { start: async (input) => of.fences.start(input), undo: async (...given) => of.fences.undo(...given) },
    clockSamples: { recent: () => of.clockSamples },
    report: { rows: of.rows, pages, log },
    live,
    table,
  };
}

async function answer(of: Region, kind: 'approve' | 'deny', token: string, text: string): Promise<'answered' | 'over'> {
  if (of.tokensOver.has(token)) return 'over';
  of.answers.push({ kind, token, text });
  return 'answered';
}
