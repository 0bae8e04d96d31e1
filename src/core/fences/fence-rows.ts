// One row a fence, region and epoch, in the region that runs it: who runs it, how it ended, and what undoing it needs. Each change has its
// condition, so that two runs at once do not both run it, and none runs while it is being undone.
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import type { FenceOutcome, FencePolicy } from './fence-plan.ts';

export const fenceRunPk = 'FENCE_RUN';

export type FenceRunState = 'running' | FenceOutcome['kind'] | 'undoing' | 'undone' | 'undo-failed';
const states = ['running', 'confirmed', 'failed', 'unknown', 'undoing', 'undone', 'undo-failed'] as const;

export type FenceRun = {
  readonly region: string;
  readonly epoch: number;
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly state: FenceRunState;
  readonly because: string;
  /** Whose claim the row is: of the run, or of the undoing. */
  readonly run: string;
  readonly startedAtMs: number;
  /** From when on somebody else may claim it; `never` where it is over. */
  readonly freeAtMs: number;
  /** What undoing needs, as its driver wrote it before anything was changed; null: not come to. */
  readonly memo: string | null;
};

/** Later than any clock. */
const never = 9e15;

export function fenceRunKey(region: string, epoch: number, name: string): RowKey {
  return { table: 'region', pk: fenceRunPk, sk: `${fenceRunPrefix(region)}${String(epoch).padStart(8, '0')}#${name}` };
}

export function fenceRunPrefix(region: string): string {
  return `${region}#`;
}

type Fence = Pick<FencePolicy, 'name' | 'region' | 'kind' | 'required'>;
export type Claim = { readonly run: string; readonly atMs: number; readonly freeAtMs: number };

/** Refused while another has it, once it is confirmed, and once its undoing began. What an earlier claim remembered stays. */
export function claimFence({ name, region, kind, required }: Fence, epoch: number, { run, atMs, freeAtMs }: Claim): RowChange {
  return {
    key: fenceRunKey(region, epoch, name),
    set: { region, epoch, name, kind, required: required ? 1 : 0, state: 'running', because: '', run, startedAtMs: atMs, freeAtMs },
    when: [{ attribute: 'freeAtMs', is: '<=', value: atMs }],
    mayCreate: true,
  };
}

/** Before the fence: what undoing needs. An earlier claim's is what stood before anything was changed, so it is never replaced. */
export function rememberFence(fence: Fence, epoch: number, run: string, memo: string): RowChange {
  return { key: fenceRunKey(fence.region, epoch, fence.name), set: { memo }, when: [{ attribute: 'run', is: '=', value: run }], mayCreate: false };
}

/** Of its own claim only: a run that was cut off and thaws writes nothing over a later one's. */
export function endFence(fence: Fence, epoch: number, run: string, outcome: FenceOutcome, atMs: number): RowChange {
  return {
    key: fenceRunKey(fence.region, epoch, fence.name),
    set: { state: outcome.kind, because: outcome.because, endedAtMs: atMs, freeAtMs: outcome.kind === 'confirmed' ? never : atMs },
    when: [
      { attribute: 'run', is: '=', value: run },
      { attribute: 'state', is: '=', value: 'running' },
    ],
    mayCreate: false,
  };
}

/** What may be undone now: whatever may hold, with nobody at it. One whose memo is missing changed nothing. */
export function whyNotUndoable(row: FenceRun, atMs: number): string | undefined {
  const isAtWork = row.state === 'running' || row.state === 'undoing';
  if (isAtWork && row.freeAtMs > atMs) return `${row.name} of epoch ${row.epoch} is ${row.state} (until ${Math.ceil((row.freeAtMs - atMs) / 1000)} s from now at most): ask again`;
  return row.state === 'undone' ? `${row.name} of epoch ${row.epoch} is undone already` : undefined;
}

/** Exactly the row that was read. From here on nobody fences by it again. */
export function claimUndo(row: FenceRun, { run, atMs, freeAtMs }: Claim): RowChange {
  return {
    key: fenceRunKey(row.region, row.epoch, row.name),
    set: { state: 'undoing', run, startedAtMs: atMs, freeAtMs: never, undoUntilAtMs: freeAtMs },
    when: [
      { attribute: 'run', is: '=', value: row.run },
      { attribute: 'state', is: '=', value: row.state },
    ],
    mayCreate: false,
  };
}

export function endUndo(row: FenceRun, run: string, outcome: FenceOutcome, asked: { readonly by: string; readonly reason: string }, atMs: number): RowChange {
  return {
    key: fenceRunKey(row.region, row.epoch, row.name),
    set: { state: outcome.kind === 'confirmed' ? 'undone' : 'undo-failed', because: outcome.because, undoneBy: asked.by, undoneReason: asked.reason, endedAtMs: atMs },
    when: [
      { attribute: 'run', is: '=', value: run },
      { attribute: 'state', is: '=', value: 'undoing' },
    ],
    mayCreate: false,
  };
}

/** What people are shown of it. */
export type FenceShown = Omit<FenceRun, 'run' | 'freeAtMs' | 'memo'>;
export function shownFence({ region, epoch, name, kind, required, state, because, startedAtMs }: FenceRun): FenceShown {
  return { region, epoch, name, kind, required, state, because, startedAtMs };
}

/** @throws MalformedError */
export function parseFenceRun(row: Row): FenceRun {
  const text = (name: string) => {
    const value = row[name];
    if (typeof value !== 'string') throw malformed(name);
    return value;
  };
  const count = (name: string) => {
    const value = row[name];
    if (typeof value !== 'number') throw malformed(name);
    return value;
  };
  const state = states.find((s) => s === row['state']);
  if (state === undefined) throw malformed('state');
  const memo = row['memo'];
  return {
    region: text('region'),
    epoch: count('epoch'),
    name: text('name'),
    kind: text('kind'),
    required: count('required') === 1,
    state,
    because: text('because'),
    run: text('run'),
    startedAtMs: count('startedAtMs'),
    freeAtMs: state === 'undoing' ? count('undoUntilAtMs') : count('freeAtMs'),
    memo: typeof memo === 'string' ? memo : null,
  };
}

function malformed(name: string): MalformedError {
  return new MalformedError(`A ${fenceRunPk} row has no '${name}' as it should be: it is written by the fence function only. Read it in the region table, and undo that fence by hand.`);
}
