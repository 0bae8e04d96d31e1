// Starts the failover machine of this region.
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { RunbookInput } from '../../core/failover/runbook.ts';
import type { RunbookStarter } from '../../ports/runbook-starter.ts';

const timeoutMs = 2000;

export class SfnRunbookStarter implements RunbookStarter {
  readonly #client: SFNClient;
  readonly #stateMachineArn: string;

  constructor(region: string, stateMachineArn: string) {
    this.#client = new SFNClient({ region, maxAttempts: 1, requestHandler: new NodeHttpHandler({ connectionTimeout: 500, requestTimeout: timeoutMs, throwOnRequestTimeout: true }) });
    this.#stateMachineArn = stateMachineArn;
  }

  async start(name: string, input: RunbookInput): Promise<'started' | 'exists'> {
    try {
      await this.#client.send(new StartExecutionCommand({ stateMachineArn: this.#stateMachineArn, name, input: JSON.stringify(input) }));
      return 'started';
    } catch (error) {
      if (error instanceof ExecutionAlreadyExists) return 'exists';
      throw error;
    }
  }
}
