// One simulated region: its rows, its clocks, and what is wrong with it now.
import type { Row, RowKey } from '../../src/core/rows/row.ts';
import type { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';

export class Region {
  readonly index: number;
  readonly name: string;
  readonly isCandidate: boolean;
  readonly store: MemoryRowStore;
  /** This region's wall clock at the beginning of the history; regions differ by hours, nobody may notice. */
  readonly #wallBaseMs: number;
  readonly #rate: number;

  isUp = true;
  /** Goes up when the region dies: whatever ran in an older life never runs on. */
  life = 1;
  hostsFrozenUntilMs = 0;
  hostsFrozenTotalMs = 0;
  storeFrozenUntilMs = 0;
  isSick = false;
  streamStopsUntilMs = 0;
  /** Its governor does not tick until then. */
  silentUntilMs = 0;
  /** Its rows of some time ago, where a restore to them is to come. */
  remembered: ReadonlyMap<string, Row> | undefined;
  /** Runs the newer version of Holdfast until then. */
  newerUntilMs = 0;
  throttledTable: string | null = null;
  /** The register table that was deployed last. */
  registerTable = 'register-1';
  /** Register tables by name, where there is more than the first one, which lies in `store`; null: it is lost. */
  readonly registers = new Map<string, MemoryRowStore | null>();

  constructor(options: { index: number; name: string; isCandidate: boolean; store: MemoryRowStore; wallBaseMs: number; rate: number }) {
    this.index = options.index;
    this.name = options.name;
    this.isCandidate = options.isCandidate;
    this.store = options.store;
    this.#wallBaseMs = options.wallBaseMs;
    this.#rate = options.rate;
  }

  /** Where the rows of this table are; undefined where there is no such table. */
  rowsOf(table: RowKey['table'], registerTable: string): MemoryRowStore | undefined {
    if (table !== 'register') return this.store;
    const found = this.registers.get(registerTable);
    return found === undefined && registerTable === 'register-1' ? this.store : (found ?? undefined);
  }

  wallAt(trueMs: number): number {
    return this.#wallBaseMs + trueMs * this.#rate;
  }

  trueAt(wallMs: number): number {
    return (wallMs - this.#wallBaseMs) / this.#rate;
  }

  /** By the clock that the region's DynamoDB puts into its answers: its rate is true. */
  dateAt(trueMs: number): number {
    return this.#wallBaseMs + trueMs;
  }

  ran(trueMs: number): number {
    return trueMs * this.#rate;
  }
}

/** One call of a function: it has a host with a clock of its own, may freeze between any two awaits, and may die. */
export class Invocation {
  readonly region: Region;
  readonly kind: string;
  readonly life: number;
  readonly offsetMs: number;
  /** Whether it sees, as it thaws, the answers that came meanwhile, or that their time limit has passed. */
  readonly answersFirst: boolean;
  readonly #beganAtMs: number;
  readonly #frozenBeforeMs: number;
  frozenUntilMs = 0;
  frozenMs = 0;
  isDead = false;
  /** A step of an execution that was over before this invocation began. */
  isOverAlready = false;
  calls = 0;

  constructor(region: Region, kind: string, offsetMs: number, nowMs: number, answersFirst: boolean) {
    this.answersFirst = answersFirst;
    this.region = region;
    this.kind = kind;
    this.life = region.life;
    this.offsetMs = offsetMs;
    this.#beganAtMs = nowMs;
    this.#frozenBeforeMs = region.hostsFrozenTotalMs;
  }

  get isGone(): boolean {
    return this.isDead || this.life !== this.region.life;
  }

  frozenUntil(): number {
    return Math.max(this.frozenUntilMs, this.region.hostsFrozenUntilMs);
  }

  /** Stands still while the host is frozen (H5). */
  monotonicAt(nowMs: number): number {
    const frozenMs = this.frozenMs + this.region.hostsFrozenTotalMs - this.#frozenBeforeMs;
    return Math.max(0, this.region.ran(nowMs - this.#beganAtMs - frozenMs));
  }
}
