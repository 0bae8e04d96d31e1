// What the observer writes down while it watches. Kept apart from the programs that fill it, so that every figure can be computed
// again from a journal alone, in a test or by somebody who doubts it. All times are milliseconds on the observer's own clock.

/** A write or a read that was sent, and how it ended. `unknown`: it may have been done (time-out, broken connection, a 5xx answer). */
export type Attempt = AcknowledgedWrite | UnacknowledgedWrite | ReadAttempt;

/** A write that the service answered with 200, naming this id, its region and its epoch. */
export interface AcknowledgedWrite {
  readonly kind: 'write';
  readonly outcome: 'acknowledged';
  readonly id: string;
  readonly text: string;
  readonly address: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  readonly status: number;
  readonly region: string;
  readonly epoch: number;
}

export interface UnacknowledgedWrite {
  readonly kind: 'write';
  /** `refused`: certainly not done (no connection, or a 4xx answer). */
  readonly outcome: 'refused' | 'unknown';
  readonly id: string;
  readonly text: string;
  readonly address: string;
  readonly sentAtMs: number;
  /** When the answer came; null where none did. */
  readonly answeredAtMs: number | null;
  readonly status: number | null;
  readonly because: string;
}

export interface ReadAttempt {
  readonly kind: 'read';
  readonly id: string;
  readonly address: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number | null;
  readonly status: number | null;
}

/**
 * One question to one gate. `open`: it answered 200. `shut`: it answered something else, or nobody listened.
 * `none`: no answer in time or a broken connection, which is no verdict either way.
 */
export interface GateSample {
  readonly region: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number | null;
  readonly status: number | null;
  readonly verdict: 'open' | 'shut' | 'none';
}

/** The first time that the observer read this ballot in the register table of this region. */
export interface RegisterReading {
  readonly region: string;
  readonly atMs: number;
  readonly ballot: string;
  readonly state: string;
  readonly holder: string | null;
  readonly epoch: number;
  readonly attempt: number;
  readonly successor: string | null;
  readonly released?: boolean;
}

export interface DnsAnswer {
  readonly atMs: number;
  readonly answer: string;
}

/** What the fault was and when. */
export interface FaultRecord {
  readonly kind: 'kill' | 'hang' | 'partition' | 'sick';
  readonly region: string;
  /** Just before the first signal or control call was sent. */
  readonly atMs: number;
  /** The lease's epoch when the fault was put in: the lost region's own. */
  readonly epoch: number;
  /** The highest ballot that the observer had read in any register table before the fault. */
  readonly ballot: string;
}

/** Which of this run's writes a table (or the divergence report) holds: id → its stored form as text. */
export type StoredWrites = ReadonlyMap<string, string>;

/**
 * One change of one order, new or not. `text` null: it was removed. `unknown`: it may take effect at any time from its sending on, or never.
 */
export interface Change {
  readonly id: string;
  readonly text: string | null;
  readonly outcome: 'acknowledged' | 'refused' | 'unknown';
  readonly sentAtMs: number;
  readonly answeredAtMs: number | null;
}

/** A command of the product, run by the observer as a user would. */
export interface CommandRun {
  readonly words: readonly string[];
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly exitCode: number;
  /** The JSON that it answered with; null where it answered with none. */
  readonly answer: unknown;
  /** The end of what it said besides. */
  readonly said: string;
}

/** A restore that the observer asked for, and the table that came of it, as the observer read it. */
export interface RestoreRecord {
  readonly run: CommandRun;
  readonly region: string;
  readonly into: string;
  /** The moment asked for, in milliseconds since 1970. */
  readonly atWallMs: number;
  /** Of all the observer's orders; null where the table could not be read. */
  readonly stored: StoredWrites | null;
  /** Every item of that table, the observer's or not. */
  readonly items: number;
}

/** An attempt to destroy or unlock what is locked, and what the store answered. */
export interface AttackRecord {
  readonly region: string;
  readonly object: string;
  readonly attack: string;
  /** Whether the locked version reads as before and is locked as before, whatever the answer was. */
  readonly isUnharmed: boolean;
  /** Whether the store refused it (or, where the attack is one that any store takes, only put something beside the locked version). */
  readonly isRefused: boolean;
  readonly answer: string;
}

/** Overwrites and removals of orders, and what became of them. */
export interface Revised {
  readonly changes: readonly Change[];
  /** Those orders in the new region's table at the end. */
  readonly atEnd: StoredWrites | null;
  /** Those orders in the divergence report at the end. */
  readonly divergence: StoredWrites;
}

/** What the observer did with backups; times are on its own clock, `startedAtWallMs` is where that began. */
export interface VaultJournal {
  readonly startedAtWallMs: number;
  readonly backup: CommandRun;
  readonly attacks: readonly AttackRecord[];
  readonly restore: RestoreRecord | null;
}

/** One row of the product's trail: what was decided about one order that is in the divergence report. */
export interface DecisionRow {
  readonly key: string;
  readonly turn: number;
  readonly rule: string;
  readonly by: string;
  readonly reason: string;
  readonly state: string;
  readonly atWallMs: number;
  /** What stood there before, and what was written, as text; null: no item. */
  readonly before: string | null;
  readonly wrote: string | null;
}

/** A table as the observer read it: key → the item in one canonical form, without the product's marks. */
export interface TableReading {
  readonly region: string;
  readonly lines: ReadonlyMap<string, string>;
  /** Items that a decision left half-way. */
  readonly halfWay: readonly string[];
}

/** How the lost region was brought back by the product's commands, and what the observer found afterwards. */
export interface ReconciliationJournal {
  readonly home: string;
  readonly origin: string;
  /** Asked for before all was decided: each must be refused. */
  readonly early: readonly CommandRun[];
  /** Keys that were decided or undone one by one, in this order. */
  readonly byKey: readonly { readonly key: string; readonly rule: string; readonly run: CommandRun }[];
  readonly others: readonly CommandRun[];
  readonly signOff: CommandRun;
  /** What a majority of the register's tables said of the lost region. */
  readonly isReconciledBefore: boolean | null;
  readonly isReconciledAfter: boolean | null;
  /** Every change of every order until the writers stopped. */
  readonly changes: readonly Change[];
  readonly startedAtWallMs: number;
  /** Of either customer: order → the lost region's versions as the report shows them. */
  readonly divergence: StoredWrites;
  readonly decisions: readonly DecisionRow[];
  /** Of the region that is open and of the lost one; null where they could not be read. */
  readonly tables: readonly [TableReading, TableReading] | null;
  readonly seconds: number;
}

/** What asked for a control plane while all were away, and what the harness let through meanwhile. */
export interface ControlPlanesJournal {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly wasRefusing: boolean;
  /** `path` null: by nobody that the harness knows. */
  readonly refused: readonly { readonly region: string; readonly caller: string; readonly path: string | null; readonly action: string; readonly what: string }[];
  readonly allowed: readonly { readonly region: string; readonly caller: string; readonly action: string; readonly times: number }[];
  /** When the register said normal again, under the new holder. */
  readonly validatedAtMs: number | null;
}

export interface Journal {
  readonly attempts: readonly Attempt[];
  readonly gateSamples: readonly GateSample[];
  readonly readings: readonly RegisterReading[];
  /** How many acceptors the register has: a majority of them makes a value chosen. */
  readonly acceptors: number;
  readonly fault: FaultRecord;
  /** When the lost region was restarted, thawed, healed or relieved; null while it was not. */
  readonly returnedAtMs: number | null;
  /** The new region's table, read when it opened; null where it never opened. */
  readonly atOpening: StoredWrites | null;
  /** The new region's table at the end of the watch. */
  readonly atEnd: StoredWrites | null;
  /** The product's divergence report at the end of the watch: id → the lost region's version as the report shows it. */
  readonly divergence: StoredWrites;
  readonly revised: Revised;
  /** null: these regions have no vault. */
  readonly vault: VaultJournal | null;
  /** null: the control planes were not taken away. */
  readonly controlPlanes: ControlPlanesJournal | null;
  /** null: the lost region was left as it was. */
  readonly reconciliation: ReconciliationJournal | null;
}
