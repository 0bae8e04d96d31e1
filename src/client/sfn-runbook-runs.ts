// The machines that a person starts in one region, over Step Functions.
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { RefusedError } from '../core/errors.ts';
import { readFailure, type RunbookMachine, type RunbookRuns, type RunState } from './runbook-runs.ts';

const timeoutMs = 5000;
/** The newest events of a history, among which the step that runs is looked for: a Map enters many at once. */
const eventsLooked = 30;

export type AccountId = { readonly partition: string; readonly account: string };

export class SfnRunbookRuns implements RunbookRuns {
  readonly #client: SFNClient;
  readonly #region: string;
  readonly #group: string;
  readonly #account: () => Promise<AccountId>;

  /** @param account where the stacks are; asked for at the first call */
  constructor(region: string, endpoint: string | undefined, group: string, account: () => Promise<AccountId>) {
    this.#region = region;
    this.#group = group;
    this.#account = account;
    this.#client = new SFNClient({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      // A name is started once, however often it is asked for.
      maxAttempts: 2,
      requestHandler: new NodeHttpHandler({ connectionTimeout: 1000, requestTimeout: timeoutMs, throwOnRequestTimeout: true }),
    });
  }

  async start(machine: RunbookMachine, name: string, input: object): Promise<void> {
    try {
      await this.#client.send(new StartExecutionCommand({ stateMachineArn: await this.#arn('stateMachine', machine), name, input: JSON.stringify(input) }));
    } catch (error) {
      if (error instanceof ExecutionAlreadyExists) return;
      if (error instanceof StateMachineDoesNotExist)
        throw new RefusedError(
          `There is no machine ${this.#machineName(machine)} in ${this.#region}: ${machine === 'switch-over' ? 'this version of Holdfast must be deployed there' : "holdfast.config.ts needs 'vault', the stacks must be deployed with it"}, and ${this.#region} must be a candidate. Nothing was started.`,
        );
      throw error;
    }
  }

  async look(machine: RunbookMachine, name: string): Promise<RunState> {
    const executionArn = `${await this.#arn('execution', machine)}:${name}`;
    try {
      const found = await this.#client.send(new DescribeExecutionCommand({ executionArn }));
      return found.status === 'RUNNING' ? { kind: 'running', step: await this.#step(executionArn), startedAtMs: atMs(found.startDate) } : ended(found);
    } catch (error) {
      if (error instanceof ExecutionDoesNotExist)
        throw new RefusedError(`There is no execution ${name} of ${this.#machineName(machine)} in ${this.#region}: it was never started, or is older than 90 days.`);
      throw error;
    }
  }

  /** For the eyes only: without the right to read the history there is just no step to show. */
  async #step(executionArn: string): Promise<string | null> {
    try {
      const { events } = await this.#client.send(new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: eventsLooked, includeExecutionData: false }));
      return events?.find((event) => event.stateEnteredEventDetails?.name !== undefined)?.stateEnteredEventDetails?.name ?? null;
    } catch {
      return null;
    }
  }

  async #arn(kind: 'stateMachine' | 'execution', machine: RunbookMachine): Promise<string> {
    const { partition, account } = await this.#account();
    return `arn:${partition}:states:${this.#region}:${account}:${kind}:${this.#machineName(machine)}`;
  }

  #machineName(machine: RunbookMachine): string {
    return `holdfast-${this.#group}-${machine}`;
  }
}

function ended({ status, output, error, cause, startDate, stopDate }: DescribeExecutionOutput): RunState {
  const times = { startedAtMs: atMs(startDate), endedAtMs: atMs(stopDate) };
  if (status === 'SUCCEEDED') return { kind: 'succeeded', output: json(output), ...times };
  const end = error ?? (status === 'TIMED_OUT' ? 'States.Timeout' : (status ?? 'unknown').toLowerCase());
  return { kind: 'failed', failure: readFailure(end, cause ?? ''), ...times };
}

function atMs(date: Date | undefined): number {
  return date?.getTime() ?? 0;
}

function json(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return text;
  }
}
