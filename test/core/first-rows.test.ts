// Which rows a region is born with, and which fence row judges which key.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shardOf } from '../../src/core/lease/fence-shard.ts';
import { parseFenceRow, parseLeaseRow, isActingAt, isFenceOpen } from '../../src/core/lease/lease-rows.ts';
import { parseLook } from '../../src/core/lease/look.ts';
import { attemptLimitMs, candidatesOf, majorityOf, takeOverAfterMs } from '../../src/core/policy.ts';
import { parseAcceptorRow } from '../../src/core/register/acceptor-rows.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { east, ireland, policy, west } from './fixtures.ts';
import { always, around } from './property.ts';

const rowAt = (region: string, pk: string) => firstRows(policy, region, east).find((r) => r.key.pk === pk)?.row;

test('a candidate gets every row that its functions read, each readable, nothing open', () => {
  for (const region of [east, west]) {
    expect(firstRows(policy, region, east).map((r) => `${r.key.table} ${r.key.pk} ${r.key.sk ?? ''}`.trim())).toEqual([
      'register REGISTER#orders',
      'register VANTAGE#orders',
      'region LOOK #',
      'region TICK #',
      'region LEASE #',
      'region FAILOVER #',
      'fence FENCE#0',
      'fence FENCE#1',
    ]);
    expect(isActingAt(parseLeaseRow(rowAt(region, 'LEASE')), 0)).toBe(false);
    expect(isFenceOpen(parseFenceRow(rowAt(region, 'FENCE#1')))).toBe(false);
    expect(parseLook(rowAt(region, 'LOOK')).epoch).toBe(0);
  }
});

test('a witness gets no lease, no fence and no runbook; all acceptors are born equal', () => {
  expect(firstRows(policy, ireland, east).map((r) => r.key.pk)).toEqual(['REGISTER#orders', 'VANTAGE#orders', 'LOOK', 'TICK']);
  const rows = [east, west, ireland].map((r) => rowAt(r, 'REGISTER#orders'));
  expect(rows[1]).toEqual(rows[0]);
  expect(rows[2]).toEqual(rows[0]);
  expect(parseAcceptorRow(east, rows[0] ?? {}).value).toMatchObject({ epoch: 1, holder: east });
});

test('a key is always judged by the same fence row, one that exists', () => {
  always(
    fc.property(
      fc.string(),
      around(1, 2, 64).filter((k) => k >= 1),
      (key, shards) => {
        const k = shardOf(key, shards);
        expect(Number.isInteger(k) && k >= 0 && k < shards).toBe(true);
        expect(shardOf(key, shards)).toBe(k);
      },
    ),
  );
});

test('keys spread: of 64,000 numbered ones each of 64 rows gets its thousand, give or take a fifth', () => {
  const counts = Array.from({ length: 64 }, () => 0);
  for (let i = 0; i < 64_000; i += 1) counts[shardOf(`order-${i}`, 64)]! += 1;
  expect(Math.min(...counts)).toBeGreaterThan(800);
  expect(Math.max(...counts)).toBeLessThan(1200);
  // The published check values of FNV-1a (32 bits), so that no other language's client disagrees.
  expect(['', 'a', 'foobar'].map((key) => shardOf(key, 2 ** 32))).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test('majorities and limits of a policy', () => {
  const sized = (n: number) => ({ voters: Array.from({ length: n }, (_, i) => ({ region: `r${i}`, role: 'candidate' as const, registerTable: 't' })) });
  expect([3, 5, 7].map((n) => majorityOf(sized(n)))).toEqual([2, 3, 4]);
  expect(candidatesOf(policy)).toEqual([east, west]);
  expect(takeOverAfterMs(policy.timing)).toBe(22_000);
  expect(attemptLimitMs(policy)).toBe(44_000);
  expect(attemptLimitMs({ ...policy, mode: 'approve' })).toBe(344_000);
});
