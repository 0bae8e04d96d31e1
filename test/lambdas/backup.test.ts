// What the functions of backup and restore do with what they are handed: a payload that is not whole is refused by the name of its field,
// before anything is asked or changed.
import { describe, expect, test } from 'vitest';
import { parseCommit } from '../../src/core/backup/backup-plan.ts';
import { backupPlan, sum } from '../statemachines/backup-plan-fixture.ts';
import { coldStart, runtimeConfig } from './function-fixture.ts';

const silent = () => {
  throw new Error('nothing may be asked');
};
const environment = { HOLDFAST_ACCOUNT: '111111111111' };
const part = { entries: { count: 1, bytes: 1, references: '' }, packs: [], packVersions: {}, storedBytes: 1, digest: { items: 1, bytes: 1, sum }, endedAtMs: 2 };
const link = { point: '20261128T000000000Z-full-0000000000000000', sha256: sum };
const restorePlan = {
  id: '1-a',
  group: 'orders',
  by: 'anna',
  source: 'orders',
  table: 'orders',
  keyName: 'id',
  atMs: 5,
  isExact: true,
  chain: backupPlan.chain,
  base: link,
  deltas: [],
  key: backupPlan.key,
  cuts: [{ epoch: 1, region: 'us-east-1', openedAtMs: 1, positions: {} }],
  shards: [{ id: 0 }],
  into: { table: 'orders-restored' },
  select: { keys: null, prefix: null, from: null, to: null },
  startedAtMs: 1,
  coveredFromMs: 1,
  coveredThroughMs: 9,
};
const inPlacePlan = { ...restorePlan, epoch: 3, into: { table: 'orders', inPlace: true } };
const snapshot = { ...link, chain: backupPlan.chain, key: backupPlan.key };
const restored = { items: 1, removed: 0, bytes: 1, digest: { items: 1, bytes: 1, sum }, newestAtMs: null };
const validation = { isIdentical: true, digest: restored.digest, validatedAtMs: 9 };
const restoreTest = { id: '0123456789abcdef', execution: 'run-1', startedAtMs: 1, seed: 's', seconds: 1, skipped: [], uncovered: [], newestMs: 1, rpoMs: 1, itemsLeast: 0, itemsMost: 1 };
const testRequest = { at: null, point: null, into: null, select: null, test: {}, execution: 'run-1', startedAtMs: 1 };
const restoreRequest = { group: 'orders', at: 5, point: null, into: { table: 'orders-restored' }, select: null, by: 'anna' };

type Handler = { handler: (event: unknown) => Promise<unknown> };
type Case = { readonly load: () => Promise<Handler>; readonly good: object; readonly wrong: readonly object[] };

const cases: Record<string, Case> = {
  'plan-backup': {
    load: () => import('../../lambdas/plan-backup.ts'),
    good: { group: 'orders', type: 'full', by: 'anna' },
    wrong: [{ type: 'log' }, { type: undefined }, { by: '' }, { group: 7 }, { typo: 1 }],
  },
  'write-backup-part': {
    load: () => import('../../lambdas/write-backup-part.ts'),
    good: { plan: backupPlan, piece: { id: 'items/0/1' } },
    wrong: [{ piece: { id: 'items/0/2' } }, { piece: null }, { plan: { ...backupPlan, acts: false } }, { plan: { ...backupPlan, until: { east: -1 } } }],
  },
  'commit-point': {
    load: () => import('../../lambdas/commit-point.ts'),
    good: { plan: backupPlan, parts: [part] },
    wrong: [
      { parts: [] },
      { parts: [part, part] },
      { parts: [{ ...part, endedAtMs: '2' }] },
      { parts: [{ ...part, digest: { ...part.digest, sum: 'x' } }] },
      { parts: [{ ...part, packs: [{}] }] },
      { plan: { ...backupPlan, class: 'never' } },
    ],
  },
  'verify-point': { load: () => import('../../lambdas/verify-point.ts'), good: { chain: backupPlan.chain, point: backupPlan.point }, wrong: [{ chain: undefined }, { point: 7 }] },
  'plan-restore': {
    load: () => import('../../lambdas/plan-restore.ts'),
    good: restoreRequest,
    wrong: [
      { at: null },
      { point: link, at: 5 },
      { at: '5' },
      { at: -1 },
      { point: { chain: 'x' }, at: null },
      { into: {} },
      { into: { table: 'a' } },
      { into: { table: 'a b c' } },
      { into: { table: 'orders', inPlace: false } },
      { into: { table: 'orders', inPlace: 'yes' } },
      { select: { prefx: 'a' } },
      { select: [] },
      { by: undefined },
      { test: 1 },
      // A test draws what it restores, and is told by which run.
      { test: {}, execution: 'run-1', startedAtMs: 1 },
      { ...testRequest, at: 5 },
      { ...testRequest, into: { table: 'orders' } },
      { ...testRequest, execution: '' },
      { ...testRequest, startedAtMs: '1' },
    ],
  },
  'create-target': {
    load: () => import('../../lambdas/create-target.ts'),
    good: { plan: restorePlan },
    wrong: [
      { plan: { ...restorePlan, test: {} } },
      { plan: { ...restorePlan, test: { ...restoreTest, id: '../orders' } } },
      { plan: undefined },
      { plan: { ...restorePlan, into: { table: '' } } },
      { plan: { ...restorePlan, keyName: 1 } },
      { plan: { ...restorePlan, base: 'x' } },
    ],
  },
  'restore-part': {
    load: () => import('../../lambdas/restore-part.ts'),
    good: { plan: restorePlan, shard: { id: 0 } },
    wrong: [{ shard: { id: 1 } }, { shard: 0 }, { plan: { ...restorePlan, cuts: [{ epoch: 1 }] } }, { plan: { ...restorePlan, deltas: [{}] } }],
  },
  'restore-in-place': {
    load: () => import('../../lambdas/restore-in-place.ts'),
    good: { plan: inPlacePlan, snapshot, shard: { id: 0 } },
    wrong: [
      { plan: restorePlan },
      { plan: { ...inPlacePlan, epoch: '3' } },
      { snapshot: undefined },
      { snapshot: { ...snapshot, sha256: '' } },
      { snapshot: { ...snapshot, key: undefined } },
      { shard: { id: 1 } },
    ],
  },
  'validate-restore': {
    load: () => import('../../lambdas/validate-restore.ts'),
    good: { plan: restorePlan, parts: [restored] },
    wrong: [{ parts: [] }, { parts: [{ ...restored, items: -1 }] }, { parts: [{ ...restored, digest: null }] }],
  },
  'report-restore': {
    load: () => import('../../lambdas/report-restore.ts'),
    good: { plan: restorePlan, parts: [restored], validation },
    wrong: [
      { plan: inPlacePlan, snapshot },
      { plan: inPlacePlan, parts: [{ set: 1, removed: 0, unchanged: 0, conflicts: 0, conflictsShown: [], newestAtMs: null, endedAtMs: 1 }] },
      { validation: null },
      { validation: { ...validation, isIdentical: 'yes' } },
      { parts: [{ ...restored, newestAtMs: 'x' }] },
    ],
  },
  'drop-target': {
    load: () => import('../../lambdas/drop-target.ts'),
    good: { group: 'orders', execution: 'run-1', startedAtMs: 1 },
    wrong: [{ group: undefined }, { execution: '' }, { startedAtMs: -1 }, { startedAtMs: '2026-11-29' }],
  },
  'record-restore-test': {
    load: () => import('../../lambdas/record-restore-test.ts'),
    good: { group: 'orders', by: 'anna', execution: 'run-1', startedAtMs: 1, test: null, report: null, dropped: null, failure: { step: 'PlanRestore', error: 'NotCoveredError', cause: '' } },
    wrong: [
      { failure: null },
      { failure: { step: 'PlanRestore' } },
      { failure: null, test: restoreTest },
      { failure: null, report: { id: '1-a', isIdentical: true } },
      { test: { ...restoreTest, rpoMs: null } },
      { dropped: { table: 'orders' } },
      { by: '' },
    ],
  },
};

describe.each(Object.entries(cases))('%s', (_, { load, good, wrong }) => {
  test('refuses a malformed input by name, and asks nothing', async () => {
    const { module, asked } = await coldStart(load, silent, environment);
    for (const event of [undefined, null, 'x', [], {}, ...wrong.map((change) => ({ ...good, ...change }))]) {
      await expect(module.handler(event), JSON.stringify(event)).rejects.toMatchObject({ name: 'MalformedError', retryable: false });
    }
    expect(asked).toEqual([]);
  });

  test('without a vault in the configuration names it, before anything is done', async () => {
    const { vault: _, ...without } = runtimeConfig;
    await expect(coldStart(load, silent, { ...environment, HOLDFAST_CONFIG: JSON.stringify(without) })).rejects.toMatchObject({
      name: 'InvalidConfigError',
      message: expect.stringContaining("'vault'"),
    });
  });
});

describe.each([
  ['scrub', () => import('../../lambdas/scrub.ts')],
  ['compare-sites', () => import('../../lambdas/compare-sites.ts')],
  ['check-schedules', () => import('../../lambdas/check-schedules.ts')],
] as const)('%s', (name, load) => {
  test.each([
    ['vault', { HOLDFAST_CONFIG: JSON.stringify({ ...runtimeConfig, vault: undefined }) }],
    ['HOLDFAST_ACCOUNT', { HOLDFAST_ACCOUNT: '' }],
    ['HOLDFAST_TOPIC_ARN', { HOLDFAST_TOPIC_ARN: '' }],
  ])('without %s names it, before anything is done', async (what, less) => {
    await expect(coldStart<object>(load, silent, { ...environment, ...less })).rejects.toMatchObject({ name: 'InvalidConfigError', message: expect.stringContaining(what) });
  });

  test.runIf(name !== 'check-schedules')('in a region that is not open asks its lease row, and nothing else', async () => {
    const lease = { pk: { S: 'LEASE' }, sk: { S: '#' }, epoch: { N: '1' }, untilAtMs: { N: '0' }, openEpoch: { N: '1' }, closedEpoch: { N: '0' } };
    const { module, asked } = await coldStart<{ handler: () => Promise<unknown> }>(load, () => ({ body: { Item: lease } }), environment);
    expect(await module.handler()).toMatchObject({ acts: false, because: expect.stringContaining('us-east-1 is not open') });
    expect(asked.map(({ action }) => action)).toEqual(['GetItem']);
  });
});

test('a good payload is read as it is', () => {
  expect(parseCommit({ plan: backupPlan, parts: [part] })).toEqual({ plan: backupPlan, parts: [part] });
});

test('a function that needs the account names the variable', async () => {
  await expect(coldStart(() => import('../../lambdas/archive-log.ts'), silent, { HOLDFAST_ACCOUNT: '' })).rejects.toMatchObject({
    name: 'InvalidConfigError',
    message: expect.stringContaining('HOLDFAST_ACCOUNT'),
  });
});
