// Why: what each function may do is one table that a reviewer reads in a minute; the constructs turn it into policies with exact
// actions on exact tables. A function that is not in it does not exist.
import type { RegionMember } from '../../src/config/holdfast-config.ts';

export type TableKind = 'register' | 'region' | 'fence' | 'log' | 'data';

/** `own`: this region's table · `others`: the same table in every other region of the group that has it · `all`: both. */
export type Where = 'own' | 'others' | 'all';

export type TableGrant = { readonly table: TableKind; readonly where: Where; readonly may: readonly Action[] };

type Action = 'GetItem' | 'PutItem' | 'UpdateItem' | 'DeleteItem' | 'Query' | 'Scan' | 'ConditionCheckItem' | 'DescribeTable';

/**
 * In every region's site of the vault. Nothing here can delete, bypass or hold. `retire` marks for the bucket's lifecycle rule what is not locked, and
 * lengthens locks; `write-keys` reads all and writes under `keys/` only.
 */
export type VaultGrant = { readonly objects: 'read' | 'write' | 'retire' | 'write-keys'; readonly keys: readonly ('Encrypt' | 'Decrypt')[] };

/** On the tables that restores make: `<data table>-restored…`. */
export type TargetAction = 'CreateTable' | 'DescribeTable' | 'BatchWriteItem' | 'Scan';

/** On the tables that restore tests make: `<data table>-restored-test-…`. */
export type TestTargetAction = 'DeleteTable' | 'DescribeTable';

/**
 * On the rows with persons' keys, in every region's region table and on no other row, and only where `vault.subject` says that there are any:
 * `seal` adds keys, `open` reads them.
 */
export type SubjectGrant = 'seal' | 'open';

export type FunctionSpec = {
  readonly does: string;
  readonly in: readonly RegionMember['role'][];
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** Absent: the function shares the account's concurrency. */
  readonly reservedConcurrency?: number;
  readonly tables: readonly TableGrant[];
  readonly vault?: VaultGrant;
  readonly targets?: readonly TargetAction[];
  readonly testTargets?: readonly TestTargetAction[];
  readonly subjects?: SubjectGrant;
};

const EVERYWHERE = ['candidate', 'witness'] as const;
const CANDIDATES = ['candidate'] as const;

/** A step runs once at a time; the second place is for its retry after a time-out. */
const STEP = { in: CANDIDATES, memoryMb: 512, reservedConcurrency: 2 } as const;

const grant = (table: TableKind, where: Where, ...may: Action[]): TableGrant => ({ table, where, may });

const LOOK = grant('register', 'all', 'GetItem');
const VOTE = grant('register', 'all', 'GetItem', 'UpdateItem');
const OWN_ROWS = grant('region', 'own', 'GetItem', 'UpdateItem');
const OWN_FENCE = grant('fence', 'own', 'GetItem', 'UpdateItem');
/** The step's row is checked in the same transaction as what the step changes. */
const CHECKED = grant('region', 'own', 'ConditionCheckItem');
const APPLY = [
  grant('log', 'own', 'GetItem', 'Query'),
  grant('data', 'own', 'GetItem', 'PutItem', 'UpdateItem', 'DeleteItem'),
  grant('fence', 'own', 'ConditionCheckItem'),
  // A change that came too late is noted in rows of its own and of its key.
  grant('region', 'own', 'GetItem', 'UpdateItem', 'ConditionCheckItem'),
] as const;

const READS_POINTS = { objects: 'read', keys: ['Decrypt'] } as const;
/** Names, lengths and hashes, and which vault it is; no key. */
const LISTS_VAULT = { objects: 'read', keys: [] } as const;
const WRITES_POINTS = { objects: 'write', keys: ['Decrypt'] } as const;
/** Positions of the logs, and the cuts of every candidate. */
const FOLLOWS_LOGS = [
  grant('region', 'own', 'GetItem', 'Query'),
  grant('region', 'others', 'GetItem', 'Query'),
  grant('log', 'own', 'GetItem', 'Query'),
  grant('data', 'own', 'DescribeTable'),
] as const;

export const FUNCTIONS = {
  'schedule-slots': {
    does: 'Puts a slot each T seconds, two minutes ahead, on the tick queue',
    in: EVERYWHERE,
    timeoutSeconds: 30,
    memoryMb: 256,
    reservedConcurrency: 2,
    tables: [],
  },
  tick: {
    does: 'The governor: looks, decides, acts',
    in: EVERYWHERE,
    // A hand-over's pass is 8 s of looking and 2 s of waiting for readers, with calls of a second at both ends.
    timeoutSeconds: 25,
    memoryMb: 512,
    reservedConcurrency: 4,
    tables: [
      VOTE,
      OWN_ROWS,
      OWN_FENCE,
      grant('log', 'own', 'GetItem', 'Query'),
      grant('log', 'others', 'GetItem', 'PutItem'),
      // How far the successor has applied the log of a region that hands over.
      grant('region', 'others', 'GetItem'),
      // Whether it holds writes that the newest epoch began without; those are put into DIVERGENCE rows. Beside this, in a candidate, a hand-over's
      // right to the own data table's stream and to markers in the table (`drainStatements`).
      grant('data', 'own', 'GetItem'),
      grant('region', 'own', 'PutItem'),
    ],
  },
  gate: {
    does: 'Says 200 to the health checkers only while this region holds the lease and has opened',
    in: CANDIDATES,
    timeoutSeconds: 3,
    memoryMb: 256,
    reservedConcurrency: 4,
    tables: [grant('region', 'own', 'GetItem')],
  },
  'create-rows': {
    does: 'Writes the first rows when the tables are created, never again',
    in: EVERYWHERE,
    timeoutSeconds: 60,
    memoryMb: 256,
    tables: [
      grant('register', 'own', 'PutItem', 'DescribeTable'),
      // Whether the group runs already.
      grant('register', 'others', 'GetItem'),
      grant('region', 'own', 'PutItem', 'DescribeTable'),
      grant('fence', 'own', 'PutItem', 'DescribeTable'),
    ],
  },
  'take-lease': { ...STEP, does: 'Takes epoch + 1 for this region, then writes its fence rows and its lease row', timeoutSeconds: 15, tables: [VOTE, OWN_ROWS, OWN_FENCE] },
  synchronise: {
    ...STEP,
    does: 'Applies what the old region had shipped, to its end',
    timeoutSeconds: 60,
    memoryMb: 1024,
    tables: [LOOK, ...APPLY, grant('log', 'own', 'PutItem'), grant('log', 'others', 'GetItem', 'Query')],
  },
  'await-approval': { ...STEP, does: 'Keeps the task token and the measured loss for the person who decides', timeoutSeconds: 15, tables: [LOOK, OWN_ROWS] },
  'open-gate': { ...STEP, does: 'Opens the fence rows, then the lease row', timeoutSeconds: 15, tables: [VOTE, OWN_ROWS, OWN_FENCE, CHECKED] },
  'await-dns': { ...STEP, does: "Asks the resolvers whether the service's name answers with this region", timeoutSeconds: 10, tables: [LOOK, OWN_ROWS] },
  'validate-service': { ...STEP, does: 'Uses the service through its own endpoint', timeoutSeconds: 20, tables: [LOOK, OWN_ROWS] },
  report: { ...STEP, does: 'Writes down what this failover measured', timeoutSeconds: 15, tables: [VOTE, OWN_ROWS] },
  'abandon-attempt': { ...STEP, does: 'Gives an attempt up before its gate was opened', timeoutSeconds: 15, tables: [VOTE, OWN_ROWS] },
  notify: { ...STEP, does: 'Publishes a message to the topic that people subscribe to', timeoutSeconds: 10, memoryMb: 256, tables: [] },
  'check-switch': {
    ...STEP,
    does: 'Whether anything stands against a planned switch-over into this region',
    timeoutSeconds: 15,
    tables: [LOOK, grant('region', 'own', 'GetItem'), grant('log', 'own', 'GetItem', 'Query'), grant('log', 'others', 'GetItem', 'Query')],
  },
  revoke: { ...STEP, does: 'Revokes the lease in favour of this region, as a planned switch-over', timeoutSeconds: 15, tables: [VOTE] },
  'start-runbook': { ...STEP, does: "Starts this region's failover machine for the attempt that a switch-over reserved", timeoutSeconds: 15, tables: [LOOK] },
  'await-outcome': { ...STEP, does: 'Whether the register says yet how a switch-over came out', timeoutSeconds: 15, tables: [LOOK] },
  'report-switch': { ...STEP, does: 'Writes down what a switch-over measured', timeoutSeconds: 15, tables: [grant('region', 'own', 'GetItem', 'UpdateItem')] },
  fence: {
    does: 'Stops the regions that lost the lease, beside the failover, and lets one act again that is reconciled',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 512,
    reservedConcurrency: 2,
    tables: [LOOK, grant('region', 'own', 'GetItem', 'UpdateItem', 'Query')],
  },
  'ship-log': {
    does: "Turns the data table's stream into segments in every other region",
    in: CANDIDATES,
    timeoutSeconds: 30,
    memoryMb: 512,
    reservedConcurrency: 4,
    tables: [grant('log', 'own', 'GetItem', 'PutItem', 'Query'), grant('log', 'others', 'GetItem', 'PutItem')],
  },
  'apply-log': { in: CANDIDATES, does: 'Applies segments to the data table while this region is not open', timeoutSeconds: 60, memoryMb: 512, reservedConcurrency: 4, tables: APPLY },
  'plan-backup': {
    does: 'Whether this region backs up now, and which recovery point comes next',
    in: CANDIDATES,
    timeoutSeconds: 60,
    memoryMb: 512,
    tables: [...FOLLOWS_LOGS, grant('region', 'own', 'UpdateItem')],
    vault: { objects: 'write', keys: ['Encrypt', 'Decrypt'] },
  },
  'write-backup-part': {
    does: 'One piece of a recovery point, as packs in a majority of the sites',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 1769,
    tables: [grant('data', 'own', 'Scan'), grant('log', 'own', 'GetItem', 'Query')],
    vault: WRITES_POINTS,
    subjects: 'seal',
  },
  'commit-point': { does: 'The parts become one recovery point', in: CANDIDATES, timeoutSeconds: 120, memoryMb: 1024, tables: [grant('region', 'own', 'UpdateItem')], vault: WRITES_POINTS },
  'verify-point': {
    does: "Reads a recovery point back from the other regions' sites",
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 1024,
    tables: [grant('region', 'own', 'UpdateItem')],
    vault: READS_POINTS,
  },
  'archive-log': {
    does: 'What was logged since the newest recovery point, into the vault, each minute',
    in: CANDIDATES,
    timeoutSeconds: 120,
    memoryMb: 1024,
    tables: [...FOLLOWS_LOGS, grant('region', 'own', 'UpdateItem')],
    vault: WRITES_POINTS,
    subjects: 'seal',
  },
  'keep-retention': {
    does: 'Gives up what no retention class needs any more, and locks for longer what is needed for longer, each day',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 1769,
    // Two would do the same twice.
    reservedConcurrency: 1,
    tables: [grant('region', 'own', 'GetItem')],
    vault: { objects: 'retire', keys: [] },
  },
  'rotate-keys': {
    does: 'Another wrap for every data key whose newest one is older than 90 days',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 512,
    tables: [grant('region', 'own', 'GetItem')],
    vault: { objects: 'write-keys', keys: ['Encrypt', 'Decrypt'] },
  },
  'plan-restore': {
    does: 'Which recovery points, to which moment, into what',
    in: CANDIDATES,
    timeoutSeconds: 120,
    memoryMb: 1024,
    tables: [grant('region', 'own', 'GetItem', 'Query'), grant('region', 'others', 'GetItem', 'Query'), grant('data', 'own', 'DescribeTable')],
    vault: READS_POINTS,
  },
  'create-target': {
    does: 'The table that a restore fills',
    in: CANDIDATES,
    timeoutSeconds: 60,
    memoryMb: 512,
    tables: [grant('region', 'own', 'GetItem', 'UpdateItem')],
    targets: ['CreateTable', 'DescribeTable', 'Scan'],
  },
  'restore-part': {
    does: 'The keys of one shard, as they were at the moment',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 1769,
    tables: [],
    vault: READS_POINTS,
    targets: ['BatchWriteItem'],
    subjects: 'open',
  },
  'restore-in-place': {
    does: 'The keys of one shard of the live table, as they were at the moment, through the fence',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 3008,
    tables: [grant('region', 'own', 'GetItem'), grant('fence', 'own', 'ConditionCheckItem'), grant('data', 'own', 'GetItem', 'UpdateItem', 'DeleteItem')],
    vault: READS_POINTS,
    subjects: 'open',
  },
  'validate-restore': { does: 'Reads the target back and compares it with the vault', in: CANDIDATES, timeoutSeconds: 900, memoryMb: 1024, tables: [], targets: ['Scan', 'DescribeTable'] },
  'report-restore': { does: 'Writes down what a restore measured', in: CANDIDATES, timeoutSeconds: 30, memoryMb: 256, tables: [grant('region', 'own', 'UpdateItem')] },
  'drop-target': {
    does: 'Drops what a restore test filled, and nothing else',
    in: CANDIDATES,
    timeoutSeconds: 60,
    memoryMb: 256,
    tables: [grant('region', 'own', 'GetItem', 'Query', 'UpdateItem')],
    testTargets: ['DeleteTable', 'DescribeTable'],
  },
  'record-restore-test': {
    does: 'Keeps what came of a restore test as evidence in the vault',
    in: CANDIDATES,
    timeoutSeconds: 120,
    memoryMb: 512,
    tables: [grant('region', 'own', 'UpdateItem')],
    vault: { objects: 'write', keys: [] },
  },
  scrub: {
    does: 'Reads a share of the vault in every site and repairs what is wrong, while this region is open',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 1769,
    tables: [grant('region', 'own', 'GetItem', 'UpdateItem'), grant('region', 'others', 'GetItem')],
    vault: WRITES_POINTS,
  },
  'compare-sites': {
    does: 'Compares what the sites of the vault list, each hour, while this region is open',
    in: CANDIDATES,
    timeoutSeconds: 900,
    memoryMb: 1024,
    tables: [grant('region', 'own', 'GetItem', 'UpdateItem'), grant('region', 'others', 'GetItem')],
    vault: LISTS_VAULT,
  },
  'check-schedules': {
    does: 'What should have been backed up, scrubbed or compared by now and was not; seen from every candidate',
    in: CANDIDATES,
    timeoutSeconds: 120,
    memoryMb: 512,
    tables: [grant('region', 'own', 'GetItem', 'UpdateItem'), grant('region', 'others', 'GetItem')],
    vault: LISTS_VAULT,
  },
  maintenance: { does: 'Answers 503 with Retry-After while no region is active', in: ['witness'], timeoutSeconds: 3, memoryMb: 128, reservedConcurrency: 4, tables: [] },
} as const satisfies Readonly<Record<string, FunctionSpec>>;

export type FunctionName = keyof typeof FUNCTIONS;

/** The steps of statemachines/failover.asl.json, in its order. */
export const FAILOVER_STEPS = [
  'take-lease',
  'synchronise',
  'await-approval',
  'open-gate',
  'await-dns',
  'validate-service',
  'report',
  'abandon-attempt',
  'notify',
  'fence',
] as const satisfies readonly FunctionName[];

/** The steps of statemachines/switch-over.asl.json, in its order; it notifies too. */
export const SWITCH_STEPS = ['check-switch', 'revoke', 'start-runbook', 'await-outcome', 'report-switch'] as const satisfies readonly FunctionName[];

/** The steps of statemachines/backup.asl.json and restore.asl.json, in their order; both notify too, and a restore in place takes a backup's steps first. */
export const BACKUP_STEPS = ['plan-backup', 'write-backup-part', 'commit-point', 'verify-point'] as const satisfies readonly FunctionName[];
export const RESTORE_STEPS = [
  'archive-log',
  'plan-restore',
  'create-target',
  'restore-part',
  'restore-in-place',
  'validate-restore',
  'report-restore',
  'drop-target',
  'record-restore-test',
] as const satisfies readonly FunctionName[];
/** What looks after the vault by itself, each by its own schedule; all publish to the topic. */
export const INTEGRITY_CHECKS = ['scrub', 'compare-sites', 'check-schedules'] as const satisfies readonly FunctionName[];

/** What a service needs to write through the fence, and to know where clients are sent on to; its own table is its own affair. */
export const FENCED_WRITER: readonly TableGrant[] = [grant('fence', 'own', 'ConditionCheckItem', 'GetItem'), grant('region', 'own', 'GetItem')];
