// What goes to Step Functions to start and follow a machine, and what its answers mean; against a server that answers as Step Functions does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SfnRunbookRuns } from '../../src/client/sfn-runbook-runs.ts';

type Call = { readonly action: string; readonly body: unknown };

const calls: Call[] = [];
/** By action: an answer, or the name of a refusal. */
let answers: Readonly<Record<string, object | string>> = {};
const server = createServer((request, response) => void answer(request, response));
let endpoint = '';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += String(part);
  const action = String(request.headers['x-amz-target']).replace('AWSStepFunctions.', '');
  calls.push({ action, body: JSON.parse(text) });
  const found = answers[action] ?? 'InvalidAction';
  response.writeHead(typeof found === 'string' ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(typeof found === 'string' ? { __type: `com.amazonaws.swf.service.v2.model#${found}`, message: 'no' } : found));
}

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  endpoint = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
});

beforeEach(() => {
  calls.length = 0;
  answers = {};
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

const runs = () => new SfnRunbookRuns('us-west-2', endpoint, 'orders', async () => ({ partition: 'aws', account: '123456789012' }));
const arn = 'arn:aws:states:us-west-2:123456789012';

describe('a machine', () => {
  it('is started by its ARN, under the name given, and a name that runs already is no failure', async () => {
    answers = { StartExecution: { executionArn: 'x', startDate: 1 } };
    await runs().start('backup', 'backup-full-1', { type: 'full' });
    expect(calls).toEqual([{ action: 'StartExecution', body: { stateMachineArn: `${arn}:stateMachine:holdfast-orders-backup`, name: 'backup-full-1', input: '{"type":"full"}' } }]);
    answers = { StartExecution: 'ExecutionAlreadyExists' };
    await expect(runs().start('restore', 'restore-1', {})).resolves.toBeUndefined();
  });

  it('that is not there is a refusal that says what to do; anything else is thrown as it is', async () => {
    answers = { StartExecution: 'StateMachineDoesNotExist' };
    await expect(runs().start('restore', 'r', {})).rejects.toMatchObject({
      name: 'RefusedError',
      message: expect.stringMatching(/no machine holdfast-orders-restore in us-west-2: holdfast\.config\.ts needs 'vault'/),
    });
    answers = { StartExecution: 'AccessDeniedException' };
    await expect(runs().start('restore', 'r', {})).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  it('that runs says in which step, as far as its history may be read', async () => {
    const events = [
      { id: 3, type: 'TaskScheduled' },
      { id: 2, type: 'TaskStateEntered', stateEnteredEventDetails: { name: 'CommitPoint' } },
      { id: 1, type: 'MapStateEntered', stateEnteredEventDetails: { name: 'WriteBackupParts' } },
    ];
    answers = { DescribeExecution: { status: 'RUNNING', startDate: 1_800_000_000 }, GetExecutionHistory: { events } };
    expect(await runs().look('backup', 'b')).toEqual({ kind: 'running', step: 'CommitPoint', startedAtMs: 1_800_000_000_000 });
    expect(calls[0]?.body).toEqual({ executionArn: `${arn}:execution:holdfast-orders-backup:b` });
    answers = { ...answers, GetExecutionHistory: 'AccessDeniedException' };
    expect(await runs().look('backup', 'b')).toMatchObject({ kind: 'running', step: null });
  });

  it('that ended says with what', async () => {
    const times = { startDate: 1_800_000_000, stopDate: 1_800_000_004.5 };
    const ended = { startedAtMs: 1_800_000_000_000, endedAtMs: 1_800_000_004_500 };
    answers = { DescribeExecution: { status: 'SUCCEEDED', output: '{"items":7}', ...times } };
    expect(await runs().look('restore', 'r')).toEqual({ kind: 'succeeded', output: { items: 7 }, ...ended });
    const cause = JSON.stringify({ step: 'PlanRestore', error: 'NotCoveredError', cause: JSON.stringify({ errorMessage: 'nothing is covered' }) });
    answers = { DescribeExecution: { status: 'FAILED', error: 'Refused', cause, ...times } };
    expect(await runs().look('restore', 'r')).toEqual({ kind: 'failed', failure: { end: 'Refused', step: 'PlanRestore', error: 'NotCoveredError', message: 'nothing is covered' }, ...ended });
    answers = { DescribeExecution: { status: 'TIMED_OUT', ...times } };
    expect(await runs().look('restore', 'r')).toEqual({ kind: 'failed', failure: { end: 'States.Timeout', step: null, error: 'States.Timeout', message: 'it ended as States.Timeout' }, ...ended });
    answers = { DescribeExecution: { status: 'ABORTED', ...times } };
    expect(await runs().look('restore', 'r')).toMatchObject({ failure: { end: 'aborted' } });
    answers = { DescribeExecution: 'ExecutionDoesNotExist' };
    await expect(runs().look('restore', 'r')).rejects.toMatchObject({ name: 'RefusedError' });
  });
});
