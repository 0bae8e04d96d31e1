// What goes to Step Functions for a yes and a no, and what its refusals mean; against a server that answers as Step Functions does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SfnApprovalAnswers } from '../../src/client/sfn-approval-answers.ts';

type Call = { readonly action: string; readonly body: unknown };

const calls: Call[] = [];
let refuseWith = '';
const server = createServer((request, response) => void answer(request, response));
let endpoint = '';

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += String(part);
  calls.push({ action: String(request.headers['x-amz-target']), body: JSON.parse(text) });
  response.writeHead(refuseWith === '' ? 200 : 400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(refuseWith === '' ? '{}' : JSON.stringify({ __type: `com.amazonaws.swf.service.v2.model#${refuseWith}`, message: 'no' }));
}

beforeAll(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  endpoint = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

describe('the answer to a waiting execution', () => {
  it('is a success with who approved, or a failure by the name that the machine gives up on at once', async () => {
    const answers = new SfnApprovalAnswers('us-west-2', endpoint);
    expect(await answers.approve('t', '{"by":"ada"}')).toBe('answered');
    expect(await answers.deny('t', 'ada said no')).toBe('answered');
    expect(calls).toEqual([
      { action: 'AWSStepFunctions.SendTaskSuccess', body: { taskToken: 't', output: '{"by":"ada"}' } },
      { action: 'AWSStepFunctions.SendTaskFailure', body: { taskToken: 't', error: 'RefusedError', cause: 'ada said no' } },
    ]);
  });

  for (const name of ['TaskDoesNotExist', 'TaskTimedOut', 'InvalidToken']) {
    it(`is over on ${name}`, async () => {
      refuseWith = name;
      expect(await new SfnApprovalAnswers('us-west-2', endpoint).approve('t', '{}')).toBe('over');
    });
  }

  it('throws what it does not know', async () => {
    refuseWith = 'AccessDeniedException';
    await expect(new SfnApprovalAnswers('us-west-2', endpoint).deny('t', 'no')).rejects.toThrow(expect.objectContaining({ name: 'AccessDeniedException' }));
  });
});
