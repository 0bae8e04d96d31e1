// What a team imports by the package's name is there, and the testing kit is not in what goes into production.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

const require = createRequire(import.meta.url);

test.each([
  ['holdfast/workload', ['withEpoch', 'unfenced']],
  ['holdfast/workload/fence', ['createFence']],
  ['holdfast/workload/consumer', ['consumer', 'runWhileOpen']],
  ['holdfast/workload/errors', ['StaleEpochError', 'WriteUnknownError', 'FenceClosedError']],
  ['holdfast/workload/epoch-objects', ['EpochObjects']],
  ['holdfast/workload/same-key-objects', ['SameKeyObjects']],
  ['holdfast/workload/lease-credentials', ['leaseCredentials', 'leasePolicy']],
  ['holdfast/workload/testing', ['WorkloadLab']],
])('%s', async (name, exported) => {
  const file = require.resolve(name);
  expect(Object.keys(await import(/* @vite-ignore */ file))).toEqual(expect.arrayContaining(exported));
  if (!name.endsWith('testing')) expect(readFileSync(file, 'utf8')).not.toContain('./testing/');
});
