// The rows of the divergence report (docs/reconciliation.md): one a late write, one a key that says which of its writes is the last and how far
// its decision is, and two a decision, which are never altered but for how it ended.
import { MalformedError } from '../errors.ts';
import type { ChangeRecord, Image } from '../log/change-record.ts';
import type { Condition, Row, RowChange, RowCheck, RowKey } from '../rows/row.ts';

/** One late write, as `list` of the region that had opened without it. */
export type DivergentWrite = {
  readonly origin: string;
  readonly epoch: number;
  /** `compared` where no log told of it: two tables differed. */
  readonly sequenceNumber: string;
  readonly key: string;
  /** null: deleted there. */
  readonly theirs: Image | null;
  /** What stood here when it was found; null: nothing. */
  readonly ours: Image | null;
  /** By the origin's stream; null where a comparison found it. */
  readonly theirsAtMs: number | null;
  readonly foundAtMs: number;
};

/** A key with late writes: they are decided together, by the last of them. */
export type DivergentKey = {
  readonly origin: string;
  readonly key: string;
  /** Names its last write, and compares as text. */
  readonly newest: string;
  /** Sort key of the last write's row. */
  readonly row: string;
  /** Decisions so far, undone ones included. */
  readonly turn: number;
  readonly state: 'undecided' | 'writing' | 'decided' | 'undone';
  /** Which last write the decision was about: a later one asks again. */
  readonly decided: string;
};

export type Decision = {
  readonly origin: string;
  readonly key: string;
  readonly turn: number;
  readonly rule: string;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** Of the region that was open, and wrote it. */
  readonly epoch: number;
  readonly of: string;
  readonly before: Image | null;
  readonly wrote: Image | null;
  /** `overtaken`: the item was no longer what was decided upon; nothing was written, or something else has been since. */
  readonly state: 'begun' | 'done' | 'overtaken';
};

export const divergencePk = 'DIVERGENCE';
export const divergentKeyPk = 'DIVERGENT_KEY';
export const decisionPk = 'DECISION';
const wrotePk = 'DECISION_WROTE';

/** In place of the stream's number; as text after all of those, because what a comparison finds is what stands. */
export function comparedSequence(key: string, digest: (text: string) => string): string {
  return `compared-${digest(key)}`;
}
const epochLength = 16;
const turnLength = 8;

/** No row has it: a change under it only creates. */
const never: readonly Condition[] = [{ attribute: 'createdAgain', is: '=', value: 1 }];

function newestOf(record: Pick<ChangeRecord, 'epoch' | 'sequenceNumber'>): string {
  return `${String(record.epoch).padStart(epochLength, '0')}#${record.sequenceNumber}`;
}

function sortKeyOf(origin: string, record: Pick<ChangeRecord, 'epoch' | 'sequenceNumber'>): string {
  return `${origin}#${record.epoch}#${record.sequenceNumber}`;
}

/** A partition key may be longer than a sort key: it is named by its hash. */
export function divergentKeyKey(origin: string, key: string, digest: (text: string) => string): RowKey {
  return { table: 'region', pk: divergentKeyPk, sk: `${origin}#${digest(key)}` };
}

export function originPrefix(origin: string): string {
  return `${origin}#`;
}

export type FoundWrite = { readonly origin: string; readonly record: ChangeRecord; readonly ours: Image | null; readonly foundAtMs: number };

/** Created once, never altered. */
export function divergenceRow({ origin, record, ours, foundAtMs }: FoundWrite): RowChange {
  const theirs = record.image === null ? undefined : JSON.stringify(record.image);
  const here = ours === null ? undefined : JSON.stringify(ours);
  // Both versions of a large item would not fit one row, and a row that is refused would hold up the whole log. What stands here can be read here.
  const fits = (theirs?.length ?? 0) + (here?.length ?? 0) <= rowCharactersMax;
  return {
    key: { table: 'region', pk: divergencePk, sk: sortKeyOf(origin, record) },
    set: {
      itemKey: record.key,
      ...(theirs === undefined ? {} : { theirs }),
      ...(here === undefined || !fits ? {} : { ours: here }),
      ...(here === undefined || fits ? {} : { oursLeftOut: here.length }),
      theirsAtMs: record.atMs,
      foundAtMs,
    },
    when: never,
    mayCreate: true,
  };
}

/** A DynamoDB item holds 400 KB; UTF-8 takes up to three bytes a character, and most text one. */
const rowCharactersMax = 380_000;

/** After the write's own row: raises which write of its key is the last. */
export function divergentKeyRow({ origin, record }: Pick<FoundWrite, 'origin' | 'record'>, digest: (text: string) => string): RowChange {
  const newest = newestOf(record);
  return {
    key: divergentKeyKey(origin, record.key, digest),
    set: { itemKey: record.key, newest, row: sortKeyOf(origin, record) },
    when: [{ attribute: 'newest', is: '<', value: newest }],
    mayCreate: true,
  };
}

/** @throws MalformedError */
export function parseDivergenceRow(row: Row): DivergentWrite {
  const sk = String(row['sk']);
  const [origin = '', epoch = '', ...sequence] = sk.split('#');
  const theirsAtMs = row['theirsAtMs'];
  return {
    origin,
    epoch: Number(epoch),
    sequenceNumber: sequence.join('#'),
    key: text(row, 'itemKey', sk),
    theirs: image(row['theirs'], sk),
    ours: image(row['ours'], sk),
    theirsAtMs: typeof theirsAtMs === 'number' && theirsAtMs > 0 ? theirsAtMs : null,
    foundAtMs: Number(row['foundAtMs'] ?? 0),
  };
}

/** @throws MalformedError */
export function parseDivergentKey(row: Row): DivergentKey {
  const sk = String(row['sk']);
  const state = row['state'];
  return {
    origin: sk.split('#')[0] ?? '',
    key: text(row, 'itemKey', sk),
    newest: text(row, 'newest', sk),
    row: text(row, 'row', sk),
    turn: Number(row['turn'] ?? 0),
    state: state === 'writing' || state === 'decided' || state === 'undone' ? state : 'undecided',
    decided: typeof row['decided'] === 'string' ? row['decided'] : '',
  };
}

export function isDecided(key: DivergentKey): boolean {
  return key.state === 'decided' && key.decided === key.newest;
}

type Named = { readonly origin: string; readonly key: string; readonly turn: number };

function decisionKey(pk: string, { origin, key, turn }: Named, digest: (text: string) => string): RowKey {
  return { table: 'region', pk, sk: `${origin}#${digest(key)}#${String(turn).padStart(turnLength, '0')}` };
}

export function decisionKeys(of: Named, digest: (text: string) => string): { readonly decision: RowKey; readonly wrote: RowKey } {
  return { decision: decisionKey(decisionPk, of, digest), wrote: decisionKey(wrotePk, of, digest) };
}

/** Before anything is written: what is decided, upon what, and by whom. One wins where two decide at once. */
export function beginDecision(seen: DivergentKey, decision: Omit<Decision, 'state'>, digest: (text: string) => string): RowChange[] {
  const keys = decisionKeys(decision, digest);
  const { key, rule, by, reason, atMs, epoch, of, before, wrote } = decision;
  return [
    {
      key: keys.decision,
      set: { itemKey: key, rule, by, reason, atMs, epoch, of, state: 'begun', ...(before === null ? {} : { before: JSON.stringify(before) }) },
      when: never,
      mayCreate: true,
    },
    { key: keys.wrote, set: { itemKey: key, ...(wrote === null ? {} : { wrote: JSON.stringify(wrote) }) }, when: never, mayCreate: true },
    {
      key: divergentKeyKey(seen.origin, seen.key, digest),
      set: { state: 'writing', turn: decision.turn, decided: decision.of },
      when: [{ attribute: 'newest', is: '=', value: seen.newest }, ...turnIs(seen.turn)],
      mayCreate: false,
    },
  ];
}

/** The first decision of a key meets no turn; then the decision's row, which is only created, tells two from each other. */
function turnIs(turn: number): Condition[] {
  return turn === 0 ? [] : [{ attribute: 'turn', is: '=', value: turn }];
}

/** Goes with each write of a decision: one that arrives late, when the decision has ended, writes nothing. */
export function decisionIsCurrent({ origin, key, turn }: Named, digest: (text: string) => string): RowCheck {
  return {
    key: divergentKeyKey(origin, key, digest),
    when: [
      { attribute: 'turn', is: '=', value: turn },
      { attribute: 'state', is: '=', value: 'writing' },
    ],
  };
}

/** @param ended the state of the key from now on: an undone decision, and an overtaken one, leave it undecided. */
export function endDecision(decision: Named, ended: { readonly decision: 'done' | 'overtaken'; readonly key: 'undecided' | 'decided' | 'undone' }, digest: (text: string) => string): RowChange[] {
  return [
    { key: decisionKeys(decision, digest).decision, set: { state: ended.decision }, when: [{ attribute: 'state', is: '=', value: 'begun' }], mayCreate: false },
    { key: divergentKeyKey(decision.origin, decision.key, digest), set: { state: ended.key }, when: turnIs(decision.turn), mayCreate: false },
  ];
}

/** @throws MalformedError where one of the two is missing or damaged */
export function parseDecision(of: Named, row: Row | undefined, wroteRow: Row | undefined): Decision {
  const where = `decision ${of.turn} of ${of.key}`;
  if (row === undefined || wroteRow === undefined)
    throw new MalformedError(`The rows of ${where} are missing: the region table was emptied or restored. Nothing was changed; never create them by hand.`);
  const state = row['state'];
  if (state !== 'begun' && state !== 'done' && state !== 'overtaken') throw new MalformedError(`The row of ${where} has no state: it was altered. Nothing was changed.`);
  return {
    ...of,
    rule: text(row, 'rule', where),
    by: text(row, 'by', where),
    reason: text(row, 'reason', where),
    atMs: Number(row['atMs'] ?? 0),
    epoch: Number(row['epoch'] ?? 0),
    of: text(row, 'of', where),
    before: image(row['before'], where),
    wrote: image(wroteRow['wrote'], where),
    state,
  };
}

function text(row: Row, name: string, where: string): string {
  const value = row[name];
  if (typeof value !== 'string') throw new MalformedError(`Row ${where} of the divergence report has no text '${name}': it was altered. Nothing was changed.`);
  return value;
}

const isImage = (v: unknown): v is Image => typeof v === 'object' && v !== null && !Array.isArray(v);

function image(stored: unknown, where: string): Image | null {
  if (typeof stored !== 'string') return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(stored);
  } catch {
    parsed = undefined;
  }
  if (!isImage(parsed)) throw new MalformedError(`Row ${where} of the divergence report holds no item: it was altered. Nothing was changed.`);
  return parsed;
}
