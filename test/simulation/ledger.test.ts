// The ledger of a long run: what is in it is not run again, and what does not belong together is not added up.
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Ledger, type Stretch } from './ledger.ts';

const stretch = (first: number): Stretch => ({
  first,
  histories: 100,
  regions: 3,
  violations: [first + 3],
  beyond: 2,
  beyondBroken: 1,
  beyondAlarmed: 1,
  virtualMinutes: 400,
  events: 700_000,
  cpuSeconds: 3.5,
});

describe('ledger', () => {
  let folder = '';
  let path = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-ledger-'));
    path = join(folder, 'ledger.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('begins where it is told, and goes on with what is there', async () => {
    const begun = await Ledger.open(path, 3, 500);
    expect(begun).toMatchObject({ first: 500, stretches: [] });
    await begun.add(stretch(500));
    await begun.add(stretch(600));
    const again = await Ledger.open(path, 3, undefined);
    expect(again.first).toBe(500);
    expect(again.stretches).toMatchObject([stretch(500), stretch(600)]);
    expect(await readFile(path, 'utf8')).toContain('"commit":"');
  });

  test('a line that the run was killed in goes, and the next one stands on a line of its own', async () => {
    await (await Ledger.open(path, 3, 500)).add(stretch(500));
    await appendFile(path, '{"first":600,"hist');
    const again = await Ledger.open(path, 3, 500);
    expect(again.stretches).toHaveLength(1);
    await again.add(stretch(600));
    expect((await Ledger.open(path, 3, 500)).stretches).toMatchObject([stretch(500), stretch(600)]);
  });

  test.each([
    ['another seed', 3, 501, /begins at seed 500/],
    ['another number of regions', 5, 500, /3 regions/],
  ] as const)('%s is another run', async (_, regions, seed, message) => {
    await (await Ledger.open(path, 3, 500)).add(stretch(500));
    await expect(Ledger.open(path, regions, seed)).rejects.toThrow(message);
  });

  test('a file that is no ledger is left as it is', async () => {
    await writeFile(path, '{"first":1}\n');
    await expect(Ledger.open(path, 3, undefined)).rejects.toThrow(/Line 1 of .* is not of a ledger/);
    expect(await readFile(path, 'utf8')).toBe('{"first":1}\n');
  });
});
