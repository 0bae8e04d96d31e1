// The fence function of a region, asked by a person's program.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { fieldOf } from '../core/failover/event-field.ts';
import { HoldfastError } from '../core/errors.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import { isUndone, type UndoAsked, type UndoneFence } from '../operations/undo-fences.ts';
import type { FenceFunction } from './connection.ts';

/** As long as the function may run. */
const timeoutMs = 900_000;

export class LambdaFenceFunction implements FenceFunction {
  readonly #client: LambdaClient;
  readonly #name: string;

  constructor(region: string, endpoint: string | undefined, group: string) {
    const requestHandler = new NodeHttpHandler({ connectionTimeout: 1000, requestTimeout: timeoutMs, throwOnRequestTimeout: true });
    // Both are idempotent, but a second call beside a slow first one would only be refused.
    this.#client = new LambdaClient({ region, maxAttempts: 1, requestHandler, ...(endpoint === undefined ? {} : { endpoint }) });
    this.#name = `holdfast-${group}-fence`;
  }

  async start(input: RunbookInput): Promise<void> {
    await this.#client.send(new InvokeCommand({ FunctionName: this.#name, InvocationType: 'Event', Payload: JSON.stringify(input) }));
  }

  async undo(region: string, asked: UndoAsked): Promise<readonly UndoneFence[]> {
    const { Payload, FunctionError } = await this.#client.send(new InvokeCommand({ FunctionName: this.#name, Payload: JSON.stringify({ undo: region, ...asked }) }));
    const answer: unknown = JSON.parse(new TextDecoder().decode(Payload));
    if (FunctionError !== undefined) throw new HoldfastError(String(fieldOf(answer, 'errorType')), String(fieldOf(answer, 'errorMessage')), false);
    return Array.isArray(answer) ? answer.filter(isUndone) : [];
  }
}
