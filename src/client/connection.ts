// What a person's program needs of each region. `connectToStacks` gives it over AWS, tests over memory.
import type { RuntimeConfig } from '../config/runtime-config.ts';
import type { Role } from '../core/policy.ts';
import type { Acceptor } from '../core/register/configuration.ts';
import type { Row } from '../core/rows/row.ts';
import type { Chance, Clock, ClockSamples, Digest } from '../ports/environment.ts';
import type { LiveTable } from '../ports/live-table.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowPages } from '../ports/row-pages.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { WholeTable } from '../ports/whole-table.ts';
import type { MergeFunction } from '../core/divergence/merges.ts';
import type { DivergenceRule } from '../core/divergence/rules.ts';
import type { PointsPorts } from '../operations/backup-facts.ts';
import type { UndoAsked, UndoneFence } from '../operations/undo-fences.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import type { RunbookRuns } from './runbook-runs.ts';

/** Rows of the region table that share a partition key. Contract: at most `limit`, in the order of their sort key or against it; ends within about 1 s a page. */
export interface RowList {
  list(pk: string, limit: number, order: 'oldest-first' | 'newest-first'): Promise<readonly Row[]>;
}

/** Contract: 'answered' once the waiting execution has the answer; 'over' when nobody waits under this token any more. */
export interface ApprovalAnswers {
  approve(taskToken: string, output: string): Promise<'answered' | 'over'>;
  deny(taskToken: string, cause: string): Promise<'answered' | 'over'>;
}

/** Contract: `start` queues it and does not wait; `undo` answers with each fence that this region had run of `region`. @throws HoldfastError as the function threw it */
export interface FenceFunction {
  start(input: RunbookInput): Promise<void>;
  undo(region: string, asked: UndoAsked): Promise<readonly UndoneFence[]>;
}

export type RegionConnection = {
  readonly region: string;
  readonly role: Role;
  readonly rows: RowStore;
  /** Its replica of the register's one table, where the configuration says `mrsc`; else the register's row is among `rows`. */
  readonly replica?: RowStore | undefined;
  readonly list: RowList;
  readonly log: LogStore;
  readonly approvals: ApprovalAnswers;
  readonly runs: RunbookRuns;
  readonly fences: FenceFunction;
  /** What this region's answers said of its clock: its deadlines are in its own time, not in the caller's. */
  readonly clockSamples: ClockSamples;
  /** For what is read in thousands of calls, a reconciliation: a read that was not answered is sent again. Writes are as those of `rows`. */
  readonly report: { readonly rows: RowStore; readonly pages: RowPages; readonly log: Pick<LogStore, 'head' | 'read'> };
  /** The protected table, for decisions about divergent items and for comparing it whole. */
  readonly live: LiveTable;
  readonly table: WholeTable;
};

/** What the owner's configuration says of divergent items. */
export type DivergenceSettings = { readonly rule: DivergenceRule; readonly merge?: MergeFunction | undefined };

export type Connection = {
  readonly config: RuntimeConfig;
  /** One a voter, in the configuration's order. */
  readonly regions: readonly RegionConnection[];
  /** The store of an acceptor wherever the register says it is; for one of `regions` its very `rows`. */
  readonly reach?: (acceptor: Acceptor) => RowStore | undefined;
  readonly divergence: DivergenceSettings;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly chance: Chance;
  readonly digest: Digest;
  /** The sites and keys of the group's vault. @throws InvalidConfigError where the configuration has none */
  readonly openVault: () => Promise<PointsPorts>;
};
