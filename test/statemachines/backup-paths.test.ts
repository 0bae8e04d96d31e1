// Why: every failure of a backup's or a restore's step must end in a named outcome and tell a person, a refusal must be one, and each step must be
// handed what its function parses.
import { describe, expect, it } from 'vitest';
import { parseActingPlan, parseArchiveRequest, parseBackupRequest, parseCommit, parsePointInput, parseWritePart } from '../../src/core/backup/backup-plan.ts';
import { parseAnyReport, parseInPlacePart } from '../../src/core/backup/in-place.ts';
import { parseRestoredParts, parseRestorePart, parseRestorePlan, parseRestoreRequest } from '../../src/core/backup/restore-plan.ts';
import { parseTestRequest, parseTestRun } from '../../src/core/backup/restore-test.ts';
import { parseTestOutcome } from '../../src/core/backup/test-evidence.ts';
import { readFailure } from '../../src/client/runbook-runs.ts';
import { backupPlan as fullPlan, sum } from './backup-plan-fixture.ts';
import { ScriptedError, type Script, type Walk, walk } from './interpreter.ts';
import { callsOf, invokedBy, type Machine, readMachine } from './machine.ts';

const digest = { items: 1, bytes: 1, sum };
const link = { point: fullPlan.point, sha256: sum };
const { chain } = fullPlan;

const backupPlan = { ...fullPlan, pieces: [{ id: 'items/0000' }, { id: 'items/0001' }] };
const part = { entries: { count: 1, bytes: 1, references: '' }, packs: [], packVersions: {}, storedBytes: 1, digest, endedAtMs: 2 };
const committed = { chain, point: link.point, sha256: sum, items: 7, bytes: 9, storedBytes: 5, throughMs: 3 };
const restorePlan = {
  isTurn: true,
  id: '1-a',
  group: 'orders',
  by: 'anna',
  source: 'orders',
  table: 'orders',
  keyName: 'id',
  atMs: 5,
  isExact: true,
  chain,
  base: link,
  deltas: [],
  key: '0000000000000000',
  cuts: [],
  shards: [{ id: 0 }, { id: 1 }],
  into: { table: 'orders-restored' },
  select: { keys: null, prefix: null, from: null, to: null },
  startedAtMs: 1,
  coveredFromMs: 1,
  coveredThroughMs: 9,
  test: null,
};
const startedAtMs = Date.parse('2026-11-29T10:30:00.000Z');
const drawnTest = {
  id: '0123456789abcdef',
  execution: 'run-1',
  startedAtMs,
  seed: 'seed',
  seconds: 60,
  skipped: [{ atMs: 4000, because: 'a failover' }],
  uncovered: [],
  newestMs: 9,
  rpoMs: 30_000,
  itemsLeast: 0,
  itemsMost: 9,
};
const testPlan = { ...restorePlan, into: { table: 'orders-restored-test-0123456789abcdef' }, test: drawnTest };
const report = { id: '1-a', isIdentical: true, rtoMs: 3, items: 1, bytes: 1, atMs: 5 };
const dropped = { table: testPlan.into.table, leftovers: [], endedAtMs: 12 };
const summary = { id: drawnTest.id, isPassed: true };
const inPlacePart = { set: 1, removed: 0, unchanged: 3, conflicts: 0, conflictsShown: [], newestAtMs: null, endedAtMs: 9 };
const restoredPart = { items: 1, removed: 0, bytes: 1, digest, newestAtMs: null };

const GOOD: Readonly<Record<string, unknown>> = {
  PlanBackup: backupPlan,
  WriteBackupPart: part,
  CommitPoint: committed,
  VerifyPoint: { chain, point: link.point, isVerified: true, items: 7, bytes: 9, readFrom: 'us-west-2, eu-west-1' },
  ArchiveLog: { acts: true, because: '', throughMs: 1, points: [] },
  PlanRestore: restorePlan,
  CreateTarget: { table: 'orders-restored' },
  RestorePart: restoredPart,
  RestoreInPlace: inPlacePart,
  ValidateRestore: { isIdentical: true, digest, validatedAtMs: 9 },
  ReportRestore: report,
  DropTarget: dropped,
  RecordRestoreTest: summary,
  Notify: {},
};

/** Each as its function parses it; what is handed on and not parsed would be found on AWS only. */
const PARSERS: Readonly<Record<string, (payload: unknown) => unknown>> = {
  PlanBackup: parseBackupRequest,
  WriteBackupPart: parseWritePart,
  CommitPoint: parseCommit,
  VerifyPoint: (payload) => parsePointInput('VerifyPoint', payload),
  ArchiveLog: (payload) => expect(parseArchiveRequest(payload)).toEqual({ isForced: true }),
  PlanRestore: (payload) => parseTestRequest(payload) ?? parseRestoreRequest(payload),
  CreateTarget: (payload) => parseRestorePlan('CreateTarget', payload),
  RestorePart: parseRestorePart,
  ValidateRestore: (payload) => parseRestoredParts('ValidateRestore', payload),
  ReportRestore: parseAnyReport,
  RestoreInPlace: parseInPlacePart,
  DropTarget: (payload) => expect(parseTestRun('DropTarget', payload)).toEqual({ group: 'orders', execution: 'run-1', startedAtMs }),
  RecordRestoreTest: parseTestOutcome,
  Notify: (payload) =>
    expect(payload).toMatchObject({
      group: 'orders',
      execution: 'run-1',
      kind: expect.stringMatching(/^(backup|restore|restore-test)-failed$/),
      failure: { step: expect.any(String), error: expect.any(String) },
    }),
};

function failing(errors: Readonly<Record<string, string>>, more: Readonly<Record<string, unknown>> = {}): Script {
  return (name, payload) => {
    PARSERS[name]?.(payload);
    const error = errors[name];
    if (error !== undefined) throw new ScriptedError(error);
    return more[name] ?? GOOD[name];
  };
}

const backup = readMachine('backup').machine;
const restore = readMachine('restore').machine;
const backupInput = { group: 'orders', type: 'full', by: 'anna' };
const testSteps = ['DropTarget', 'RecordRestoreTest'];
const testInput = { group: 'orders', at: null, point: null, into: null, select: null, by: 'schedule', test: {} };
const restoreInput = { group: 'orders', at: 5, point: null, into: { table: 'orders-restored' }, select: { keys: ['a'], prefix: null, from: null, to: null }, by: 'anna' };
const callsTo = (walked: Walk, name: string) => walked.calls.filter((call) => call.name === name);
/** Steps by the names of their functions. */
const stepsOf = (machine: Machine) => callsOf(machine).flatMap(([, call]) => (invokedBy(call) === 'Notify' ? [] : [invokedBy(call)]));

it('every function of both machines has its parser here', () => {
  for (const step of [...stepsOf(backup), ...stepsOf(restore)]) expect(PARSERS, step).toHaveProperty(step);
});

describe('a backup', () => {
  it('goes the straight way when all is well, and says at its end what was made', async () => {
    const walked = await walk(backup, backupInput, failing({}));
    expect(walked.path).toEqual(['PlanBackup', 'DoesThisRegionAct', 'WriteBackupParts', 'CommitPoint', 'VerifyPoint', 'BackedUp']);
    expect(callsTo(walked, 'WriteBackupPart').map((call) => call.payload['piece'])).toEqual(backupPlan.pieces);
    expect(callsTo(walked, 'CommitPoint')[0]?.payload).toEqual({ plan: backupPlan, parts: [part, part] });
    expect(walked.output).toEqual({ type: 'full', because: 'anna', startedAtMs: 1, ...committed, isVerified: true, readFrom: 'us-west-2, eu-west-1' });
  });

  it.each([0, 1, 3])('of %i pieces has as many parts', async (count) => {
    const pieces = Array.from({ length: count }, (_, id) => ({ id: `changes/${id}` }));
    const walked = await walk(backup, backupInput, failing({}, { PlanBackup: { ...backupPlan, pieces } }));
    expect(callsTo(walked, 'CommitPoint')[0]?.payload['parts']).toEqual(pieces.map(() => part));
    expect(walked.end).toBe('BackedUp');
  });

  it('does nothing more where another region is open', async () => {
    const walked = await walk(
      backup,
      { ...backupInput, by: 'schedule' },
      failing({}, { PlanBackup: { acts: false, because: 'us-east-1 is not open', group: 'orders', source: 'orders', pieces: [] } }),
    );
    expect(walked.path).toEqual(['PlanBackup', 'DoesThisRegionAct', 'NotActive']);
    expect(walked.output).toMatchObject({ acts: false, because: 'us-east-1 is not open' });
    expect(() => parseActingPlan('x', { ...backupPlan, acts: false })).toThrow(/acts/);
  });

  it.each(
    stepsOf(backup).flatMap((step) =>
      [
        ['DamagedError', 1],
        ['RefusedError', 1],
        ['TooFewSitesError', 6],
        ['StepNotReadyError', 16],
        ['Sandbox.Timedout', 4],
      ].map(([error, times]) => [step, String(error), Number(times)] as const),
    ),
  )('whose %s fails with %s tells a person and ends, after %i tries', async (step, error, times) => {
    const walked = await walk(backup, backupInput, failing({ [step]: error }));
    expect(walked.path.slice(-2)).toEqual(['NotifyBackupFailed', 'BackupFailed']);
    expect(callsTo(walked, step)).toHaveLength(times);
    expect(readFailure('BackupFailed', String(walked.cause))).toMatchObject({ step: step === 'WriteBackupPart' ? 'WriteBackupParts' : step, error });
  });

  it('ends as failed though nobody could be told', async () => {
    expect((await walk(backup, backupInput, failing({ PlanBackup: 'RefusedError', Notify: 'States.Timeout' }))).end).toBe('BackupFailed');
  });
});

const inPlaceSteps = ['PlanBackup', 'WriteBackupPart', 'CommitPoint', 'VerifyPoint', 'RestoreInPlace'];

describe('a restore in place', () => {
  const inPlaceInput = { ...restoreInput, into: { table: 'orders', inPlace: true } };
  const inPlacePlan = { ...restorePlan, into: inPlaceInput.into, epoch: 3 };
  const good = { PlanRestore: inPlacePlan };
  const snapshotPlan = { ...backupPlan, type: 'snapshot' };

  it('takes a snapshot first, reads it back, and hands it to each part and to the report', async () => {
    const walked = await walk(restore, inPlaceInput, failing({}, { ...good, PlanBackup: snapshotPlan }));
    expect(walked.path).toEqual([
      'IsTest',
      'ArchiveLog',
      'PlanRestore',
      'IsItsTurn',
      'IsInPlace',
      'PlanBackup',
      'WriteBackupParts',
      'CommitPoint',
      'VerifyPoint',
      'RestoreInPlaceParts',
      'ReportRestore',
      'WasTest',
      'Restored',
    ]);
    expect(callsTo(walked, 'PlanRestore')[0]?.payload).toEqual({ ...inPlaceInput, test: null, execution: 'run-1', startedAtMs });
    expect(callsTo(walked, 'PlanBackup')[0]?.payload).toEqual({ group: 'orders', type: 'snapshot', by: 'anna' });
    expect(callsTo(walked, 'CommitPoint')[0]?.payload).toEqual({ plan: snapshotPlan, parts: [part, part] });
    const snapshot = { ...committed, key: backupPlan.key };
    expect(callsTo(walked, 'VerifyPoint')[0]?.payload).toEqual({ chain, point: link.point });
    expect(callsTo(walked, 'RestoreInPlace').map((call) => call.payload)).toEqual(restorePlan.shards.map((shard) => ({ plan: inPlacePlan, snapshot, shard })));
    expect(callsTo(walked, 'ReportRestore')[0]?.payload).toEqual({ plan: inPlacePlan, parts: [inPlacePart, inPlacePart], validation: null, snapshot });
    expect(walked.output).toEqual(GOOD['ReportRestore']);
  });

  it.each(inPlaceSteps.flatMap((step) => ['SupersededError', 'DamagedError', 'TooFewSitesError', 'Lambda.Unknown'].map((error) => [step, error] as const)))(
    'whose %s fails with %s needs a person, and goes no further',
    async (step, error) => {
      const walked = await walk(restore, inPlaceInput, failing({ [step]: error }, good));
      expect(walked.path.slice(-2)).toEqual(['NotifyRestoreFailed', 'NeedsOperator']);
      const at = ['WriteBackupPart', 'RestoreInPlace'].includes(step) ? `${step}s`.replace('Places', 'PlaceParts') : step;
      expect(readFailure('NeedsOperator', String(walked.cause))).toMatchObject({ step: at, error });
      expect(callsTo(walked, 'ReportRestore')).toEqual([]);
      if (step !== 'RestoreInPlace') expect(callsTo(walked, 'RestoreInPlace')).toEqual([]);
      if (error === 'SupersededError') expect(callsTo(walked, step)).toHaveLength(1);
    },
  );

  it('goes on where the lease only waited for its renewal', async () => {
    const slow: Script = (name, payload, call) => {
      if (name === 'RestoreInPlace' && call < 2) throw new ScriptedError('FenceClosedError');
      return failing({}, good)(name, payload, call);
    };
    expect((await walk(restore, inPlaceInput, slow)).end).toBe('Restored');
  });
});

describe('a restore', () => {
  it('goes the straight way when all is well, and ends with its report', async () => {
    const walked = await walk(restore, restoreInput, failing({}));
    expect(walked.path).toEqual(['IsTest', 'ArchiveLog', 'PlanRestore', 'IsItsTurn', 'IsInPlace', 'CreateTarget', 'RestoreParts', 'ValidateRestore', 'ReportRestore', 'WasTest', 'Restored']);
    expect(callsTo(walked, 'PlanRestore')[0]?.payload).toEqual({ ...restoreInput, test: null, execution: 'run-1', startedAtMs });
    expect((await walk(restore, { ...restoreInput, test: null }, failing({}))).path).toEqual(walked.path);
    expect(callsTo(walked, 'RestorePart').map((call) => call.payload['shard'])).toEqual(restorePlan.shards);
    expect(walked.output).toEqual(GOOD['ReportRestore']);
  });

  it('of a named point, and of one shard, is handed on as well', async () => {
    const walked = await walk(restore, { ...restoreInput, at: null, point: { chain, point: link.point }, select: null }, failing({}, { PlanRestore: { ...restorePlan, shards: [{ id: 0 }] } }));
    expect(walked.end).toBe('Restored');
    expect(callsTo(walked, 'ValidateRestore')[0]?.payload['parts']).toEqual([restoredPart]);
  });

  it.each(['TooFewSitesError', 'RefusedError', 'Sandbox.Timedout'])('uses what the vault has where the newest log cannot be archived (%s)', async (error) => {
    const walked = await walk(restore, restoreInput, failing({ ArchiveLog: error }));
    expect(walked.end).toBe('Restored');
    expect(callsTo(walked, 'ArchiveLog')).toHaveLength(error === 'RefusedError' ? 1 : 2);
    // What failed there is forgotten, and not told as the reason of something else.
    const later = await walk(restore, restoreInput, failing({ ArchiveLog: error, ValidateRestore: 'NotIdenticalError' }));
    expect(readFailure('NeedsOperator', String(later.cause))).toMatchObject({ step: 'ValidateRestore', error: 'NotIdenticalError' });
  });

  it.each([
    ['PlanRestore', 'NotCoveredError'],
    ['PlanRestore', 'RefusedError'],
    ['PlanRestore', 'MalformedError'],
    ['PlanRestore', 'InvalidConfigError'],
    ['CreateTarget', 'RefusedError'],
    ['CreateTarget', 'MalformedError'],
  ])('that %s refuses with %s ends as refused, at once, and wakes nobody', async (step, error) => {
    const walked = await walk(restore, restoreInput, failing({ [step]: error }));
    expect(walked.path.slice(-3)).toEqual([step, 'WasTestRefused', 'Refused']);
    expect(callsTo(walked, step)).toHaveLength(1);
    expect(callsTo(walked, 'Notify')).toEqual([]);
    expect(readFailure('Refused', String(walked.cause))).toMatchObject({ step, error });
  });

  it.each(
    stepsOf(restore)
      .filter((step) => !['ArchiveLog', ...testSteps, ...inPlaceSteps].includes(step))
      .flatMap((step) => ['DamagedError', 'KeyUnavailableError', 'TooFewSitesError', 'NotIdenticalError', 'Lambda.Unknown'].map((error) => [step, error] as const)),
  )('whose %s fails with %s needs a person, and tells one', async (step, error) => {
    const walked = await walk(restore, restoreInput, failing({ [step]: error }));
    expect(walked.path.slice(-3)).toEqual(['DidTestFail', 'NotifyRestoreFailed', 'NeedsOperator']);
    expect(callsTo(walked, 'Notify')[0]?.payload['kind']).toBe('restore-failed');
    expect(readFailure('NeedsOperator', String(walked.cause))).toMatchObject({ step: step === 'RestorePart' ? 'RestoreParts' : step, error });
  });

  it('waits five minutes for its table', async () => {
    const slow: Script = (name, payload, call) => {
      if (name === 'CreateTarget' && call < 150) throw new ScriptedError('StepNotReadyError');
      return failing({})(name, payload, call);
    };
    expect((await walk(restore, restoreInput, slow)).end).toBe('Restored');
    expect((await walk(restore, restoreInput, failing({ CreateTarget: 'StepNotReadyError' }))).end).toBe('NeedsOperator');
  });
});

describe('a restore test', () => {
  const ofTest = { PlanRestore: testPlan };

  it('takes the vault as it is, drops its target, and ends with what is kept of it', async () => {
    const walked = await walk(restore, testInput, failing({}, ofTest));
    expect(walked.path).toEqual([
      'IsTest',
      'PlanRestore',
      'IsItsTurn',
      'IsInPlace',
      'CreateTarget',
      'RestoreParts',
      'ValidateRestore',
      'ReportRestore',
      'WasTest',
      'DropTarget',
      'RecordRestoreTest',
      'HasTestFailed',
      'Restored',
    ]);
    expect(callsTo(walked, 'PlanRestore')[0]?.payload).toEqual({ ...testInput, execution: 'run-1', startedAtMs });
    expect(callsTo(walked, 'RecordRestoreTest')[0]?.payload).toEqual({ group: 'orders', by: 'schedule', execution: 'run-1', startedAtMs, test: drawnTest, report, dropped, failure: null });
    expect(walked.output).toEqual(summary);
    expect(callsTo(walked, 'Notify')).toEqual([]);
  });

  it('changes nothing where it is not the turn of this region', async () => {
    const walked = await walk(restore, testInput, failing({}, { PlanRestore: { isTurn: false, group: 'orders', because: 'us-west-2 tests on this day' } }));
    expect(walked.path).toEqual(['IsTest', 'PlanRestore', 'IsItsTurn', 'NotItsTurn']);
    expect(walked.calls.map((call) => call.name)).toEqual(['PlanRestore']);
  });

  it.each(
    ['PlanRestore', 'CreateTarget', 'RestorePart', 'ValidateRestore', 'ReportRestore'].flatMap((step) =>
      ['NotCoveredError', 'RefusedError', 'DamagedError', 'NotIdenticalError', 'Lambda.Unknown'].map((error) => [step, error] as const),
    ),
  )('whose %s fails with %s cleans up, leaves its evidence, and tells a person', async (step, error) => {
    const walked = await walk(restore, testInput, failing({ [step]: error }, ofTest));
    expect(walked.path.slice(-5)).toEqual(['DropTarget', 'RecordRestoreTest', 'HasTestFailed', 'NotifyRestoreFailed', 'NeedsOperator']);
    const failure = { step: step === 'RestorePart' ? 'RestoreParts' : step, error };
    expect(callsTo(walked, 'RecordRestoreTest')[0]?.payload).toMatchObject({ test: step === 'PlanRestore' ? null : drawnTest, report: null, dropped, failure });
    expect(callsTo(walked, 'Notify').map((call) => call.payload)).toMatchObject([{ kind: 'restore-test-failed', failure }]);
    expect(readFailure('NeedsOperator', String(walked.cause))).toMatchObject(failure);
  });

  it('that cannot drop its target has failed, and says so; but not over what failed before', async () => {
    const walked = await walk(restore, testInput, failing({ DropTarget: 'TooFewSitesError' }, ofTest));
    expect(callsTo(walked, 'RecordRestoreTest')[0]?.payload).toMatchObject({ report, dropped: null, failure: { step: 'DropTarget', error: 'TooFewSitesError' } });
    expect(walked.path.slice(-2)).toEqual(['NotifyRestoreFailed', 'NeedsOperator']);
    const both = await walk(restore, testInput, failing({ ValidateRestore: 'NotIdenticalError', DropTarget: 'Sandbox.Timedout' }, ofTest));
    expect(callsTo(both, 'RecordRestoreTest')[0]?.payload).toMatchObject({ dropped: null, failure: { step: 'ValidateRestore', error: 'NotIdenticalError' } });
  });

  it('whose evidence cannot be kept tells a person, once', async () => {
    const walked = await walk(restore, testInput, failing({ RecordRestoreTest: 'TooFewSitesError' }, ofTest));
    expect(walked.path.slice(-3)).toEqual(['RecordRestoreTest', 'NotifyRestoreFailed', 'NeedsOperator']);
    expect(readFailure('NeedsOperator', String(walked.cause))).toMatchObject({ step: 'RecordRestoreTest', error: 'TooFewSitesError' });
    const both = await walk(restore, testInput, failing({ ValidateRestore: 'NotIdenticalError', RecordRestoreTest: 'TooFewSitesError' }, ofTest));
    expect(readFailure('NeedsOperator', String(both.cause))).toMatchObject({ step: 'ValidateRestore' });
  });

  it('waits five minutes for its table to be gone', async () => {
    const slow: Script = (name, payload, call) => {
      if (name === 'DropTarget' && call < 150) throw new ScriptedError('StepNotReadyError');
      return failing({}, ofTest)(name, payload, call);
    };
    expect((await walk(restore, testInput, slow)).end).toBe('Restored');
  });
});
