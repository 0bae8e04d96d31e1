// A person's yes or no to the execution that waits for it.
import { InvalidToken, SendTaskFailureCommand, SendTaskSuccessCommand, SFNClient, TaskDoesNotExist, TaskTimedOut } from '@aws-sdk/client-sfn';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ApprovalAnswers } from './connection.ts';

const timeoutMs = 5000;
/** The machine gives the attempt up on this error at once; on an error that it does not know it would ask again first. */
const denied = 'RefusedError';

export class SfnApprovalAnswers implements ApprovalAnswers {
  readonly #client: SFNClient;

  constructor(region: string, endpoint: string | undefined) {
    this.#client = new SFNClient({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      // The same token answered twice changes nothing, so asking again is safe.
      maxAttempts: 2,
      requestHandler: new NodeHttpHandler({ connectionTimeout: 1000, requestTimeout: timeoutMs, throwOnRequestTimeout: true }),
    });
  }

  async approve(taskToken: string, output: string): Promise<'answered' | 'over'> {
    return answered(() => this.#client.send(new SendTaskSuccessCommand({ taskToken, output })));
  }

  async deny(taskToken: string, cause: string): Promise<'answered' | 'over'> {
    return answered(() => this.#client.send(new SendTaskFailureCommand({ taskToken, error: denied, cause })));
  }
}

async function answered(send: () => Promise<unknown>): Promise<'answered' | 'over'> {
  try {
    await send();
    return 'answered';
  } catch (error) {
    if (error instanceof TaskTimedOut || error instanceof TaskDoesNotExist || error instanceof InvalidToken) return 'over';
    throw error;
  }
}
