// A record survives being written, cut short and read, and its tables say what is in it and nothing else.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { barsOf } from './bars.ts';
import { readRecord, writeRecord, type BenchRecord, type Run } from './record.ts';
import { reportOf } from './report.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-report-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (label: string, step: Run['step'], round: number, wallSeconds: number, more: Partial<Run> = {}): Run => ({
  round,
  place: 'directory',
  set: 'big',
  label,
  step,
  wallSeconds,
  cpuSeconds: wallSeconds,
  peakBytes: 100 * 2 ** 20,
  foreignSeconds: 0,
  serverSeconds: null,
  storedBytes: null,
  ...more,
});

function recordOf(runs: Run[], more: Partial<BenchRecord> = {}): BenchRecord {
  return {
    format: 1,
    commit: 'abc',
    isDirty: false,
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    command: 'bench',
    machine: { processor: 'P', processors: 2, memoryBytes: 2 ** 34, system: 'S', node: '24' },
    scale: 1,
    seed: 's',
    corpora: { vm: 'mkfs.ext4', recRatioZstd3: 3.2, recBytes: 300, bytes: { big: 1000, small: 0 }, smallFiles: 0 },
    tools: [
      { label: 'Holdfast', family: 'holdfast', version: '0' },
      { label: 'restic 1', family: 'restic', version: '1' },
      { label: 'kopia 1 (default, not compressing)', family: 'kopia', version: '1' },
    ],
    absent: [],
    runs,
    wrong: [],
    sealing: [],
    ...more,
  };
}

test('an interrupted run leaves a partial record that can be shown; a finished one replaces it', () => {
  const path = join(folder, 'record.json');
  const record = recordOf([run('Holdfast', 'first', 1, 1)]);
  expect(writeRecord(record, path)).toBe(`${path}.partial`);
  expect(readRecord(`${path}.partial`)).toEqual(record);
  expect(reportOf(record)).toContain('INTERRUPTED');
  writeRecord({ ...record, endedAt: '2026-01-01T01:00:00.000Z' }, path);
  expect([existsSync(path), existsSync(`${path}.partial`)]).toEqual([true, false]);
});

test('a bar is met at its limit, missed below it, and absent where nothing was measured; the kopia that does not compress is no peer', () => {
  const runs = (ours: number) => [run('Holdfast', 'first', 1, ours), run('restic 1', 'first', 1, 4), run('kopia 1 (default, not compressing)', 'first', 1, 1)];
  const times = (ours: number) => barsOf(recordOf(runs(ours))).filter(({ bar }) => bar.includes('first, big'));
  expect(times(2)).toEqual([{ bar: 'Holdfast: first, big, directory ≥ 2 × restic 1', measured: '2.00 × (n=1)', isMet: true }]);
  expect(times(2.01).map(({ isMet }) => isMet)).toEqual([false]);
  expect(barsOf(recordOf([]))).toEqual([]);
});

test('stored bytes are compared with the smallest peer, records and memory with their limits', () => {
  const bars = barsOf(
    recordOf([
      run('Holdfast', 'first', 1, 1, { storedBytes: 106, peakBytes: 513 * 2 ** 20 }),
      run('restic 1', 'first', 1, 1, { storedBytes: 100 }),
      run('kopia 1 (default, not compressing)', 'first', 1, 1, { storedBytes: 50 }),
      run('Holdfast', 'first', 1, 1, { set: 'rec', storedBytes: 100 }),
    ]),
  );
  const isMet = (start: string) => bars.find(({ bar }) => bar.startsWith(start))?.isMet;
  expect([isMet('stored'), isMet('peak'), isMet('records')]).toEqual([false, false, true]);
});

test('what went wrong and what was noisy is said', () => {
  const report = reportOf(
    recordOf([run('Holdfast', 'first', 1, 1, { foreignSeconds: 1 })], { wrong: [{ round: 1, place: 'directory', set: 'big', label: 'restic 1', step: 'restore', because: 'other bytes' }] }),
  );
  expect(report).toContain('WRONG: round 1, directory, big, restic 1, restore: other bytes');
  expect(report).toContain('others used 50 % of the processors');
});
