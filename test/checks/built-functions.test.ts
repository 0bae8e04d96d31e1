// Functions are built once a run; a second build is not asked for, and what the first made is whole.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { functionSources } from '../../scripts/build-lambdas.ts';
import { builtFunctions, runFolderVariable } from '../built-functions.ts';

const own = mkdtempSync(join(tmpdir(), 'holdfast-own-'));
afterAll(() => rmSync(own, { recursive: true, force: true }));

test.skipIf(process.env[runFolderVariable] === undefined)('every function, in the folder of the run, and nothing in a folder of its own', { timeout: 120_000 }, async () => {
  const [first, second] = [await builtFunctions(own), await builtFunctions(own)];
  expect(second).toEqual(first);
  expect(readdirSync(own)).toEqual([]);
  expect(first.directory.startsWith(process.env[runFolderVariable] ?? 'nowhere')).toBe(true);
  expect(first.built.map((f) => f.name).toSorted()).toEqual([...functionSources().keys()].toSorted());
  for (const { name, bytes } of first.built) expect([name, existsSync(join(first.directory, name)) && statSync(join(first.directory, name, 'index.mjs')).size]).toEqual([name, bytes]);
});
