// Why: the local engine has no Distributed Map, so what can be known of it without AWS is proven here: that the machine is the same but for the mode, that an item of
// it needs nothing of the machine's own, and that what all items give together fits into a state.
import validate from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { parseCommit } from '../../src/core/backup/backup-plan.ts';
import { withDistributedParts } from '../../infra/constructs/runbook.ts';
import { backupPlan } from './backup-plan-fixture.ts';
import { walk } from './interpreter.ts';
import { expressionsIn, parseMachine, readMachine } from './machine.ts';

const pieces = Array.from({ length: 500 }, (_, segment) => ({ id: `items/${segment}/500` }));
const plan = { ...backupPlan, pieces };
const stored = { storedIn: { packId: '0'.repeat(32), sha256: '0'.repeat(64), bytes: 65_000_000 }, chunks: 'A'.repeat(96) };
const committed = { chain: plan.chain, point: plan.point, sha256: '0'.repeat(64), items: 7, bytes: 9, storedBytes: 5, throughMs: 3 };
const verified = { chain: plan.chain, point: plan.point, isVerified: true, items: 7, bytes: 9, readFrom: 'us-west-2' };
const inPlace = { isTurn: true, epoch: 1, shards: [] };
const script = (part: unknown) => (name: string, payload: unknown) => {
  if (name === 'CommitPoint') parseCommit(payload);
  const answers: Readonly<Record<string, unknown>> = { PlanBackup: plan, WriteBackupPart: part, CommitPoint: committed, VerifyPoint: verified, PlanRestore: inPlace };
  return answers[name] ?? {};
};
const input = { group: 'orders', type: 'full', by: 'anna', at: 5, point: null, into: null, select: null };

describe.each(['backup', 'restore'])('statemachines/%s.asl.json with its parts distributed', (name) => {
  const { text } = readMachine(name);
  const distributed = withDistributedParts(text);

  it('is valid, and the same but for mode and concurrency', () => {
    const { isValid, errorsText } = validate(JSON.parse(distributed));
    expect(isValid, errorsText('\n')).toBe(true);
    const lines = text.split('\n');
    const changed = distributed.split('\n').filter((line, i) => line !== lines[i]);
    expect(changed.map((line) => line.trim())).toEqual(['"MaxConcurrency": 16,', '"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},']);
  });

  it('asks nothing of the machine within an item', () => {
    const state = parseMachine(distributed).States['WriteBackupParts'];
    if (state?.Type !== 'Map') throw new Error('WriteBackupParts is no Map');
    const expressions = expressionsIn(state.ItemProcessor);
    expect(expressions.length).toBeGreaterThan(1);
    for (const expression of expressions) expect(expression).toMatch(/^\$states\.(input|result)\.[\w.]+$/);
  });

  it('goes the same way with 500 pieces, each in a pack of its own', async () => {
    const walked = await walk(parseMachine(distributed), input, script(stored));
    expect(walked.path).toEqual((await walk(readMachine(name).machine, input, script(stored))).path);
    expect(walked.calls.filter((call) => call.name === 'WriteBackupPart').map((call) => call.payload['piece'])).toEqual(pieces);
    expect(walked.calls.find((call) => call.name === 'CommitPoint')?.payload).toEqual({ plan, parts: pieces.map(() => stored) });
    expect(Buffer.byteLength(JSON.stringify({ plan, parts: pieces.map(() => stored) }))).toBeLessThan(256 * 1024);
    expect(['BackedUp', 'Restored']).toContain(walked.end);
  });

  it('fails by name where parts are handed on as they are and are too long together', async () => {
    const walked = await walk(parseMachine(distributed), input, script({ ...stored, chunks: 'A'.repeat(600) }));
    expect(walked.end).toBe(name === 'backup' ? 'BackupFailed' : 'NeedsOperator');
    expect(walked.cause).toContain('States.DataLimitExceeded');
  });
});

it('another machine is refused', () => {
  expect(() => withDistributedParts(readMachine('failover').text)).toThrow(/WriteBackupParts/);
});
