// One return in which all went well, and for each verdict the smallest change of what was seen that breaks it and nothing else.
import { describe, expect, test } from 'vitest';
import type { Change, CommandRun, DecisionRow, ReconciliationJournal } from './journal.ts';
import { judgeReconciliation } from './reconcile-verdicts.ts';
import { canonicalLine, digestOf, tableReading } from './reconciled-tables.ts';

const EAST = 'us-east-1';
const WEST = 'us-west-2';

function run(words: string, exitCode: number, answer: unknown): CommandRun {
  return { words: words.split(' '), startedAtMs: 0, endedAtMs: 1000, exitCode, answer, said: '' };
}

function change(id: string, text: string | null, answeredAtMs: number, outcome: Change['outcome'] = 'acknowledged'): Change {
  return { id, text, outcome, sentAtMs: answeredAtMs - 10, answeredAtMs };
}

function decision(key: string, turn: number, rule: string, before: string | null, wrote: string | null): DecisionRow {
  const row = (text: string | null) => (text === null ? null : JSON.stringify({ id: { S: key }, text: { S: text }, holdfastEpoch: { N: '2' } }));
  return { key, turn, rule, by: 'observer', reason: 'why', state: 'done', atWallMs: 5000 + turn, before: row(before), wrote: row(wrote) };
}

const table = (region: string, items: Readonly<Record<string, string>>) =>
  tableReading(
    region,
    'id',
    Object.entries(items).map(([id, text]) => ({ id: { S: id }, text: { S: text }, holdfastOrigin: { S: region } })),
  );

/** `a` was lost and taken back, `b` lost and given up, `c` taken, undone and taken again, `d` changed on both sides, `e` never divergent. */
const standing = { a: 'a one', c: 'c one', d: 'd three', e: 'e two' };
const good: ReconciliationJournal = {
  home: WEST,
  origin: EAST,
  early: [
    run('failover --to us-east-1', 1, { error: { name: 'RefusedError', message: 'us-east-1 is not reconciled' } }),
    run('divergence sign-off', 1, { isSignedOff: false, missing: ['4 keys are not decided'] }),
  ],
  byKey: [
    { key: 'a', rule: 'theirs', run: run('divergence resolve', 0, []) },
    { key: 'b', rule: 'ours', run: run('divergence resolve', 0, []) },
    { key: 'c', rule: 'undo', run: run('divergence resolve', 0, []) },
  ],
  others: [],
  signOff: run('divergence sign-off', 0, { isSignedOff: true }),
  isReconciledBefore: false,
  isReconciledAfter: true,
  changes: [
    change('a', 'a one', 100),
    change('b', 'b one', 110),
    change('c', 'c one', 120),
    change('d', 'd one', 90),
    change('d', 'd two', 130),
    change('d', 'd three', 900),
    change('e', 'e one', 800),
    change('e', 'e two', 900),
  ],
  startedAtWallMs: 0,
  divergence: new Map([
    ['a', '{text:{S:a one}}'],
    ['b', '{text:{S:b one}}'],
    ['c', '{text:{S:c one}}'],
    ['d', '{text:{S:d two}}'],
  ]),
  decisions: [
    decision('a', 1, 'theirs', null, 'a one'),
    decision('b', 1, 'ours', null, null),
    decision('c', 1, 'theirs', null, 'c one'),
    decision('c', 2, 'undo', 'c one', null),
    decision('c', 3, 'theirs', null, 'c one'),
    decision('d', 1, 'last-writer', 'd three', 'd three'),
  ],
  tables: [table(WEST, standing), table(EAST, standing)],
  seconds: 20,
};

function broken(more: Partial<ReconciliationJournal>): Record<string, readonly string[]> {
  const { judgements, notMeasured } = judgeReconciliation({ reconciliation: { ...good, ...more } });
  const found = judgements.filter(({ evidence }) => evidence.length > 0).map(({ name, evidence }) => [name, evidence] as const);
  return Object.fromEntries(notMeasured.length === 0 ? found : [...found, ['not measured', notMeasured]]);
}

const without = (key: string, turn?: number) => good.decisions.filter((row) => row.key !== key || (turn !== undefined && row.turn !== turn));

describe('a return', () => {
  test('in which all went well breaks nothing, and one that was not tried is not judged', () => {
    expect(broken({})).toEqual({});
    expect(judgeReconciliation({ reconciliation: null })).toEqual({ judgements: [], notMeasured: [] });
  });

  const early = 'no way back before the sign-off';
  const same = 'both regions hold the same after the sign-off';
  const end = 'every acknowledged write has its end';
  const trail = 'every decision is in the trail and was carried out';
  const both = { a: 'a one', c: 'c one', d: 'd three', e: 'e two' };

  test.each<[string, Partial<ReconciliationJournal>, string, RegExp]>([
    ['an early sign-off that goes through', { early: [run('divergence sign-off', 0, { isSignedOff: true })] }, early, /divergence sign-off was not refused/],
    ['an early sign-off that fails and says nothing of what is missing', { early: [run('divergence sign-off', 1, { isSignedOff: false, missing: [] })] }, early, /not refused with what is missing/],
    ['a failover that falls over without a word', { early: [run('failover --to', 1, null)] }, early, /failover --to was not refused/],
    ['a sign-off that nobody answered', { early: [run('divergence sign-off', 1, { error: { name: 'AbortError', message: 'Request aborted' } })] }, early, /divergence sign-off was not refused/],
    ['a register that has it reconciled before', { isReconciledBefore: true }, early, /said before the sign-off that us-east-1 is reconciled/],
    ['a register that nobody could read before', { isReconciledBefore: null }, early, /nothing certain/],
    ['a register that has it not reconciled after', { isReconciledAfter: false }, early, /does not say after/],
    ['a sign-off that fails', { signOff: run('divergence sign-off', 1, { isSignedOff: false, missing: ['x'] }) }, same, /was not signed off \(exit 1\)/],
    ['an item that only the returned region has', { tables: [table(WEST, both), table(EAST, { ...both, z: 'more' })] }, same, /^z: nothing in us-west-2, .*more.* in us-east-1/],
    ['an item that differs', { tables: [table(WEST, both), table(EAST, { ...both, e: 'e one' })] }, same, /^e: .*e two.* in us-west-2, .*e one/],
    ['a decision about an order that nobody made', { decisions: without('b') }, end, /^b written, sent at 100 ms, acknowledged at 110 ms/],
    ['a decision without a reason', { decisions: good.decisions.map((row) => (row.key === 'a' ? { ...row, reason: '' } : row)) }, trail, /does not say by whom, or why/],
    ['a decision that was cut off', { decisions: good.decisions.map((row) => (row.key === 'd' ? { ...row, state: 'begun' } : row)) }, trail, /'begun': it was not carried out/],
    ['an undoing that is last', { decisions: without('c', 3) }, trail, /only an undone one/],
    [
      'a decision that the trail has as another',
      { decisions: good.decisions.map((row) => (row.key === 'a' ? { ...row, rule: 'merge' } : row)) },
      trail,
      /a was decided by 'theirs', and no decision says so/,
    ],
    ['a run without anything divergent', { divergence: new Map() }, 'not measured', /nothing was divergent/],
    ['a run in which nothing was undone', { byKey: good.byKey.slice(0, 2) }, 'not measured', /no order was decided by 'undo'/],
  ])('%s', (_, more, name, says) => {
    const found = broken(more);
    expect(found[name]).toEqual(expect.arrayContaining([expect.stringMatching(says)]));
  });

  test('what was decided and does not stand is named, but for what a customer wrote since', () => {
    const tables = (text: string) => [table(WEST, { ...both, a: text }), table(EAST, { ...both, a: text })] as const;
    expect(Object.keys(broken({ tables: tables('something else') }))).toEqual([trail]);
    expect(broken({ tables: tables('a two'), changes: [...good.changes, change('a', 'a two', 9000)] })).toEqual({});
    expect(Object.keys(broken({ tables: tables('a zero'), changes: [change('a', 'a zero', 50), ...good.changes] }))).toEqual([trail]);
  });

  test('a write that was overwritten has its end where the later one has, or stands though its outcome is unknown', () => {
    const changes = (...more: Change[]) => [...good.changes.filter(({ id }) => id !== 'e'), ...more];
    expect(Object.keys(broken({ changes: changes(change('e', 'e two', 800), change('e', 'e one', 900)) }))).toEqual([end]);
    expect(broken({ changes: changes(change('e', 'e one', 800), change('e', 'e two', 900, 'unknown')) })).toEqual({});
    expect(Object.keys(broken({ changes: changes(change('e', 'e one', 800), change('e', 'e nine', 900, 'unknown')) }))).toEqual([end]);
  });

  test('an item that a decision left half-way', () => {
    const left = tableReading(WEST, 'id', [{ id: { S: 'h' }, holdfastResolving: { S: WEST } }]);
    const withLeft = (of: ReturnType<typeof table>) => ({ ...of, lines: new Map([...of.lines, ...left.lines]), halfWay: left.halfWay });
    expect(broken({ tables: [withLeft(table(WEST, both)), withLeft(table(EAST, both))] })[same]).toContain('h was left half-way in us-west-2');
  });
});

describe("the observer's form of an item", () => {
  test('does not depend on the order of attributes and of members of a set, and leaves marks out', () => {
    expect(canonicalLine({ b: { SS: ['y', 'x'] }, a: { M: { q: { N: '1' }, p: { L: [{ S: '2' }, { S: '1' }] } } }, holdfastEpoch: { N: '2' } })).toBe(
      '{"a":{"M":{"p":{"L":[{"S":"2"},{"S":"1"}]},"q":{"N":"1"}}},"b":{"SS":["x","y"]}}',
    );
  });

  test('two tables have one digest where they hold the same, in whatever order', () => {
    const items = [{ id: { S: 'a' }, n: { N: '1' } }, { id: { S: 'b' } }];
    expect(digestOf(tableReading(WEST, 'id', items))).toBe(digestOf(tableReading(EAST, 'id', items.toReversed())));
    expect(digestOf(tableReading(WEST, 'id', items))).not.toBe(digestOf(tableReading(WEST, 'id', items.slice(1))));
  });
});
