// Where an epoch began: how much of each other region's change log its holder had when it opened. It stands in the register, so that
// every region can tell which late writes that epoch went on without, also when neither writer nor holder can be asked.
import { MalformedError } from '../errors.ts';
import type { ChangeRecord } from '../log/change-record.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../rows/row.ts';

/** Of the origin's writes of epochs below `before`, those after record `through` of its log are not in the history. */
export type Limit = { readonly before: number; readonly through: number };
export type Limits = Readonly<Record<string, readonly Limit[]>>;
/** The newest epoch that somebody was about to open, by whom, and what has been left behind so far, by origin. */
export type Begun = { readonly epoch: number; readonly by: string; readonly limits: Limits };

/** Of an origin; one more is needed for each time that it served and was lost. */
const limitsKept = 8;

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isCount = (v: unknown): boolean => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
const isLimit = (v: unknown): boolean => isObject(v) && isCount(v['before']) && isCount(v['through']);

export function isBegun(v: unknown): v is Begun {
  const limits = isObject(v) ? v['limits'] : undefined;
  return isObject(v) && isCount(v['epoch']) && typeof v['by'] === 'string' && isObject(limits) && Object.values(limits).every((list) => Array.isArray(list) && list.every(isLimit));
}

/**
 * The holder is about to open `epoch` with these positions in the others' logs. Said again for the same epoch they only rise: nothing of
 * it is final before it has opened.
 */
export function beginAt(before: Begun | undefined, by: string, epoch: number, positions: Readonly<Record<string, number>>): Begun {
  const origins = [...new Set([...Object.keys(before?.limits ?? {}), ...Object.keys(positions)])];
  const limits = origins.map((origin) => [origin, limitsOf(before?.limits[origin] ?? [], epoch, positions[origin])] as const);
  return { epoch, by, limits: Object.fromEntries(limits) };
}

function limitsOf(before: readonly Limit[], epoch: number, position: number | undefined): Limit[] {
  const older = before.filter((l) => l.before < epoch);
  // What a later one says more strictly says nothing any more. This epoch's own does not count yet: it may rise.
  const kept = older.filter((l) => !older.some((o) => o !== l && o.before >= l.before && o.through <= l.through));
  const said = before.find((l) => l.before === epoch)?.through ?? 0;
  return [...kept, ...(position === undefined ? [] : [{ before: epoch, through: Math.max(said, position) }])].slice(-limitsKept);
}

/** Whether the history went on without this write. One without an epoch was never fenced, and nothing is said of it. */
export function isLeftBehind(limits: Limits, origin: string, sequence: number, record: Pick<ChangeRecord, 'epoch'>): boolean {
  return record.epoch > 0 && (limits[origin] ?? []).some((l) => record.epoch < l.before && sequence > l.through);
}

/** The limits that a region which has compared itself up to an epoch has not looked at. */
export function limitsAfter(limits: Limits, comparedEpoch: number): Limits {
  return Object.fromEntries(Object.entries(limits).map(([origin, list]) => [origin, list.filter((l) => l.before > comparedEpoch)] as const));
}

/** What this region goes by: written once the epoch's beginning is final, before anything is compared. */
export type BegunRow = Begun & { readonly comparedEpoch: number };

export const begunKey: RowKey = { table: 'region', pk: 'BEGUN', sk: '#' };
export const noneBegun: BegunRow = { epoch: 0, by: '', limits: {}, comparedEpoch: 0 };

/** So that a check has a row to look at; changes nothing where there is one. */
export const createBegun: RowChange = {
  key: begunKey,
  set: { epoch: 0, begun: JSON.stringify({ epoch: 0, by: '', limits: {} }), comparedEpoch: 0 },
  when: [{ attribute: 'epoch', is: '<', value: 0 }],
  mayCreate: true,
};

export function goBy(begun: Begun): RowChange {
  return { key: begunKey, set: { epoch: begun.epoch, begun: JSON.stringify(begun) }, when: [{ attribute: 'epoch', is: '<', value: begun.epoch }], mayCreate: false };
}

export function compared(epoch: number): RowChange {
  return {
    key: begunKey,
    set: { comparedEpoch: epoch },
    when: [
      { attribute: 'epoch', is: '=', value: epoch },
      { attribute: 'comparedEpoch', is: '<', value: epoch },
    ],
    mayCreate: false,
  };
}

/** Up to where somebody has begun to apply a log; its position follows once that is through, unless they die. */
export function reachingTo(origin: string, sequence: number): RowChange {
  return { key: reachKey(origin), set: { sequence }, when: [{ attribute: 'sequence', is: '<', value: sequence }], mayCreate: true };
}

function reachKey(origin: string): RowKey {
  return { table: 'region', pk: 'REACH', sk: origin };
}

/** Goes with opening: nothing beyond these positions has been applied, nor is it being. */
export function reachesNoFurther(positions: Readonly<Record<string, number>>): RowCheck[] {
  return Object.entries(positions).map(([origin, sequence]) => ({ key: reachKey(origin), when: [{ attribute: 'sequence', is: '=', value: sequence }] }));
}

/** Goes with applying: what was sorted out by these limits was sorted out by the newest that this region goes by. */
export function stillGoesBy({ epoch }: BegunRow): RowCheck {
  return { key: begunKey, when: [{ attribute: 'epoch', is: '=', value: epoch }] };
}

/** @throws MalformedError */
export function parseBegunRow(row: Row | undefined): BegunRow {
  if (row === undefined) return noneBegun;
  const { begun, comparedEpoch } = row;
  const parsed = typeof begun === 'string' ? parse(begun) : undefined;
  if (!isBegun(parsed) || typeof comparedEpoch !== 'number')
    throw new MalformedError(
      'The row BEGUN cannot be read: it was altered. Nothing is applied in this region, and it does not take over; delete the row, the next tick writes it anew from the register.',
    );
  return { ...parsed, comparedEpoch };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
