// Which points a restore takes, what is covered, and what the refusal says.
import { describe, expect, test } from 'vitest';
import { chainsOf, chainToContinue, deltasToOpen, parentIn } from '../../../src/core/backup/chains.ts';
import { coverageOf, notCovered, pathTo, selectPath } from '../../../src/core/backup/coverage.ts';
import { facts, named } from './points.ts';

const full = facts('c', 'full', 100, null);
const log1 = facts('c', 'log', 200, full);
const log2 = facts('c', 'log', 300, log1);
const hour = facts('c', 'incremental', 310, full);
const log3 = facts('c', 'log', 400, hour);
const all = [full, log1, log2, hour, log3];
const pointsOf = (atMs: number, points = all, quiet = [{ region: 'east', positions: { east: -1 }, throughMs: 0 }], cuts = {}) => {
  const path = selectPath(points, atMs, quiet, Object.values(cuts));
  return path.kind === 'path' ? [path.base, ...path.deltas].map((p) => p.throughMs) : path.because;
};

describe('chains', () => {
  test('are told by their names, newest first; what is not committed does not count', () => {
    const points = [named('a', 'full', 1), named('a', 'log', 3), named('b', 'full', 2), named('b', 'log', 9, { isCommitted: false }), named('s', 'snapshot', 5), named('x', 'log', 0)];
    const chains = chainsOf(points);
    expect(chains.map((c) => [c.chain, c.base?.type ?? null, c.deltas.length])).toEqual([
      ['s', 'snapshot', 0],
      ['b', 'full', 0],
      ['a', 'full', 1],
      ['x', null, 1],
    ]);
    expect(chainToContinue(chains)?.chain).toBe('b');
  });

  test('longer-lived points never hang on those of the log', () => {
    const [chain] = chainsOf([named('a', 'full', 1), named('a', 'log', 2), named('a', 'incremental', 3), named('a', 'log', 4)]);
    if (chain === undefined) throw new Error('unreachable');
    expect([parentIn(chain, 'log')?.atMs, parentIn(chain, 'incremental')?.atMs, parentIn(chain, 'differential')?.atMs]).toEqual([4, 3, 1]);
  });

  test('of a long chain only what a moment can need is opened', () => {
    const minutes = Array.from({ length: 180 }, (_, i) => named('a', 'log', 1 + i * 60));
    const hours = [1, 2].map((h) => named('a', 'incremental', h * 3600));
    const [chain] = chainsOf([named('a', 'full', 0), ...minutes, ...hours]);
    if (chain === undefined) throw new Error('unreachable');
    const open = deltasToOpen(chain, 5400);
    expect(open.filter((p) => p.type !== 'log').map((p) => p.atMs)).toEqual([3600, 7200]);
    const log = open.filter((p) => p.type === 'log').map((p) => p.atMs);
    expect([log.slice(0, 4), log.length]).toEqual([[1, 61, 121, 3601], 43]);
  });
});

describe('the points to a moment', () => {
  test.each([
    [99, 'its full backup ended only at 1970-01-01T00:00:00.100Z'],
    [100, [100, 200]],
    [200, [100, 200]],
    [201, [100, 310]],
    [310, [100, 310]],
    [311, [100, 310, 400]],
    [400, [100, 310, 400]],
    [401, 'nothing of its log reaches that far'],
  ])('at %d: the fewest that reach it', (atMs, expected) => {
    expect(pointsOf(atMs)).toEqual(expected);
  });

  test('the full backup alone is none: the log makes a scan whole. Unless nothing was logged since before it', () => {
    expect(pointsOf(100, [full])).toBe('nothing of its log reaches that far');
    expect(pointsOf(120, [full], [{ region: 'east', positions: { east: 100 }, throughMs: 120 }])).toEqual([100]);
    expect(pointsOf(121, [full], [{ region: 'east', positions: { east: 100 }, throughMs: 120 }])).toBe('nothing of its log reaches that far');
    expect(pointsOf(120, [full], [{ region: 'east', positions: { east: 101 }, throughMs: 120 }])).toBe('nothing of its log reaches that far');
  });

  test('a quiet end reaches further than its last point', () => {
    expect(pointsOf(450, all, [{ region: 'east', positions: { east: 400 }, throughMs: 450 }])).toEqual([100, 310, 400]);
  });

  test('around a missing point another line is taken; where there is none it says which is missing', () => {
    expect(pointsOf(300, [full, log2, hour])).toEqual([100, 310]);
    expect(pointsOf(300, [full, log2])).toBe('000200-log, on which 000300-log hangs, is missing');
    expect(pointsOf(300, [log1, log2])).toBe('its full backup is missing');
  });

  test('a point that was exchanged breaks the line', () => {
    const other = { ...log1, sha256: 'another' };
    expect(pathTo([full, other, log2], log2)).toEqual({ kind: 'broken', because: '000200-log is not the one on which 000300-log hangs: its hash is another' });
    const ring = { ...log1, parent: { point: log1.point, sha256: log1.sha256 } };
    expect(pathTo([full, ring], ring)).toMatchObject({ kind: 'broken' });
    expect(pathTo([{ ...log1, parent: null }], { ...log1, parent: null })).toMatchObject({ kind: 'broken' });
  });

  test('after a failover, a full backup of the lost region counts only if that region had archived its log beyond it, and all of that survived', () => {
    const cut = (position: number, change = {}) => [{ epoch: 2, region: 'west', openedAtMs: 250, positions: { east: position }, ...change }];
    const path = (atMs: number, position: number, points = all) => selectPath(points, atMs, [], cut(position)).kind;
    expect([path(249, 0), path(250, 199), path(250, 200), path(300, 201)]).toEqual(['path', 'none', 'path', 'path']);
    expect(selectPath(all, 250, [], cut(0))).toMatchObject({ because: expect.stringContaining('did not survive the failover to west at 1970-01-01T00:00:00.250Z') });
    // What the other region says of the log says nothing of what was never shipped.
    const elsewhere = all.map((p) => (p === full ? p : { ...p, table: { ...p.table, region: 'west' } }));
    expect(path(250, 400, elsewhere)).toBe('none');
    const quiet = { region: 'east', positions: { east: 100 }, throughMs: 100 };
    expect([
      selectPath(elsewhere, 250, [quiet], cut(100)).kind,
      selectPath(elsewhere, 250, [{ ...quiet, throughMs: 99 }], cut(100)).kind,
      selectPath(elsewhere, 250, [{ ...quiet, region: 'west' }], cut(100)).kind,
    ]).toEqual(['path', 'none', 'none']);
    expect(selectPath(all, 250, [], cut(0, { epoch: 1 })).kind).toBe('path');
    expect(selectPath(all, 250, [], cut(0, { region: 'east' })).kind).toBe('path');
  });
});

describe('what is covered', () => {
  test('from the end of the scan to the end of the last point of a whole line', () => {
    expect(coverageOf(all, [])).toEqual({ chain: 'c', fromMs: 100, throughMs: 400 });
    expect(coverageOf([full, log2], [])).toBeNull();
    expect(coverageOf([full], [])).toBeNull();
    expect(coverageOf([full], [{ region: 'east', positions: { east: 100 }, throughMs: 150 }])).toEqual({ chain: 'c', fromMs: 100, throughMs: 150 });
    expect(coverageOf([log1], [])).toBeNull();
  });

  test('is said when a moment is refused', () => {
    const error = notCovered(50, [{ chain: 'c', fromMs: 100, throughMs: 400 }], ['c: too late']);
    expect(error).toMatchObject({ name: 'NotCoveredError', retryable: false });
    expect(error.message).toBe('The state at 1970-01-01T00:00:00.050Z cannot be restored (c: too late); covered is 1970-01-01T00:00:00.100Z to 1970-01-01T00:00:00.400Z (c). Nothing was changed.');
    expect(notCovered(50, [], []).message).toContain('nothing is covered yet');
  });
});
