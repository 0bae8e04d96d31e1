// What a team puts under its DynamoDB client: every put, update, delete and transaction becomes one that the database itself refuses once
// this region's epoch is over. A command cannot change its operation while it is sent, so another one is sent in its place, before the
// retries begin.
import {
  DeleteItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type DeleteItemCommandInput,
  type DynamoDBClient,
  type PutItemCommandInput,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  type TransactWriteItem,
  type TransactWriteItemsCommandInput,
  type TransactWriteItemsCommandOutput,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { RefusedError } from '../core/errors.ts';
import { Attempts, type AttemptRules } from './attempts.ts';
import { systemClock, type WorkloadClock } from './clock.ts';
import { createFence, permitToWrite, type Fence, type FenceSettings, type Permit } from './fence.ts';
import { actionsMax, deleteAction, fencedKeys, putAction, refuseUnsupported, stampedAction, stampsBefore, updateAction, type TableKeys, type WriteRules } from './fenced-write.ts';
import { hasMiddleware, replacing } from './kept-order.ts';
import { stampFirst } from './stamp-first.ts';

export type EpochSettings = FenceSettings & { readonly tables: { readonly data: string; readonly log?: string }; readonly dataKey: string };

export type EpochOptions = {
  /** AWS region of this process. */
  readonly region: string;
  /** Further tables that are written through the fence, by name; the configuration's data table is known. Name its sort key here if it has one. */
  readonly tables?: Readonly<Record<string, TableKeys>>;
  /** Longest time of one attempt, in milliseconds; never beyond the lease. 1000 unless given. */
  readonly attemptTimeoutMs?: number;
  /** Shared with the reads of the service, which ask it whether this region is open at all. */
  readonly fence?: Fence;
  readonly clock?: WorkloadClock;
};

const attemptTimeoutMsDefault = 1000;
const reads: readonly string[] = ['GetItemCommand', 'BatchGetItemCommand', 'QueryCommand', 'ScanCommand', 'TransactGetItemsCommand'];

/** Contexts of commands that the caller marked: they go as they are. */
const passing = new WeakSet<object>();

/** A command of either client, as far as a mark is put on it. */
type Markable = {
  readonly middlewareStack: { add(middleware: <Handler>(next: Handler, context: object) => Handler, options: { step: 'initialize'; name: string; priority: 'high'; override: boolean }): void };
};

/** Marks one command as not fenced: it goes as it is, also in a region that lost the lease. Its items carry no epoch. */
export function unfenced<C extends Markable>(command: C): C {
  const mark = <Handler>(next: Handler, context: object): Handler => {
    passing.add(context);
    return next;
  };
  command.middlewareStack.add(mark, { step: 'initialize', name: 'holdfastPass', priority: 'high', override: true });
  return command;
}

/**
 * Fences the writes of `client`, and of every document client made from it. @returns the same client
 * Errors of its writes: FenceClosedError, StaleEpochError, RefusedError (surely not written), WriteUnknownError (perhaps), and DynamoDB's own.
 */
export function withEpoch<C extends DynamoDBClient>(client: C, settings: EpochSettings, options: EpochOptions): C {
  // A cached handler would carry one command's mark over to all others of its kind.
  if (client.config.cacheMiddleware === true) throw new RefusedError('withEpoch cannot fence a client with cacheMiddleware: true. Leave that setting out.');
  // A document client that does not find it there takes another client's middleware in silence, and writes past the fence.
  if (!client.middlewareStack.identify().some((name) => name.includes('serializerMiddleware')))
    throw new RefusedError('withEpoch cannot fence this version of DynamoDBClient: its middleware is not its own. Use the version that package.json names.');
  const clock = options.clock ?? systemClock;
  const epoch: Epoch = {
    client,
    clock,
    region: options.region,
    fence: options.fence ?? createFence(client, settings, options.region, clock.nowMs),
    attemptTimeoutMs: options.attemptTimeoutMs ?? attemptTimeoutMsDefault,
    rules: {
      tables: { [settings.tables.data]: { partitionKey: settings.dataKey }, ...options.tables },
      ownTables: [settings.tables.fence, settings.tables.region, ...(settings.tables.log === undefined ? [] : [settings.tables.log])],
    },
  };
  const instead = async (context: { readonly commandName?: string }, input: ServiceInputTypes) => {
    if (passing.has(context)) return undefined;
    const name = context.commandName ?? '';
    if (reads.includes(name) || /^(Describe|List)/.test(name)) return undefined;
    return { response: undefined, output: await write(epoch, name, input, callersSignal(context)) };
  };
  // Before the command is serialized for nothing; but a document client's items are DynamoDB's only after that.
  client.middlewareStack.add((next, context) => async (args) => (isMarshalledLater(context) ? undefined : await instead(context, args.input)) ?? next(args), {
    step: 'initialize',
    name: replacing.plain,
    priority: 'low',
  });
  client.middlewareStack.add((next, context) => async (args) => (await instead(context, args.input)) ?? next(args), { step: 'build', name: replacing.documents, priority: 'high' });
  return client;
}

type Epoch = Omit<AttemptRules, 'abortSignal'> & { readonly client: DynamoDBClient; readonly region: string; readonly rules: WriteRules };
type Open = { readonly permit: Permit; readonly checks: readonly TransactWriteItem[]; readonly abortSignal: AbortSignal | undefined };

async function write(epoch: Epoch, name: string, input: ServiceInputTypes, abortSignal: AbortSignal | undefined): Promise<ServiceOutputTypes> {
  const transaction = isOf('TransactWriteItemsCommand', name, input) ? input : undefined;
  if (transaction !== undefined) refuseUnsupported({ ReturnItemCollectionMetrics: transaction.ReturnItemCollectionMetrics });
  const single = transaction === undefined ? singleAction(name, input) : undefined;
  const actions = single === undefined ? (transaction?.TransactItems ?? []) : [single];
  // Judged before the lease is read: what can never be fenced is a mistake, not an outage.
  const keys = fencedKeys(actions, epoch.rules);
  const permit = await permitToWrite(epoch.fence);
  const stamped = actions.map((action) => stampedAction(action, permit.stamp));
  const checks = checksOf(permit, keys);
  if (stamped.length + checks.length > actionsMax)
    throw new RefusedError(`A transaction of ${stamped.length} actions needs ${checks.length} conditions of the fence: more than the ${actionsMax} actions that DynamoDB takes. Make it smaller.`);
  const open: Open = { permit, checks, abortSignal };
  if (actions.some((action) => action.Delete !== undefined)) await stampFirst(stampsBefore(actions, permit.stamp), async (stamps) => transact(epoch, open, { TransactItems: [...stamps] }, false));
  const [only] = stamped;
  if (single === undefined || only === undefined) return transact(epoch, open, { ...transaction, TransactItems: [...stamped] }, false);
  const capacity = 'ReturnConsumedCapacity' in input ? { ReturnConsumedCapacity: input.ReturnConsumedCapacity } : {};
  // Where nothing is fenced there is no condition, and no transaction to pay for: only the marks.
  if (checks.length === 0) return plain(epoch.client, attemptsOf(epoch, open, 1, true), only, capacity);
  const { $metadata, ConsumedCapacity } = await transact(epoch, open, { ...capacity, TransactItems: [only] }, true);
  const own = ConsumedCapacity?.find((consumed) => !epoch.rules.ownTables.includes(consumed.TableName ?? ''));
  return { $metadata, ...(own === undefined ? {} : { ConsumedCapacity: own }) };
}

async function transact(epoch: Epoch, open: Open, input: TransactWriteItemsCommandInput, isSingle: boolean): Promise<TransactWriteItemsCommandOutput> {
  const own = input.TransactItems ?? [];
  const command = new TransactWriteItemsCommand({ ...input, TransactItems: [...own, ...open.checks] });
  return attemptsOf(epoch, open, own.length, isSingle).send(epoch.client, command);
}

function attemptsOf(epoch: Epoch, { permit, abortSignal }: Open, ownActions: number, isSingle: boolean): Attempts {
  return new Attempts({ ...epoch, abortSignal }, { region: epoch.region, epoch: permit.epoch, ownActions, isSingle });
}

async function plain(client: DynamoDBClient, attempts: Attempts, { Put, Update, Delete }: TransactWriteItem, more: Pick<PutItemCommandInput, 'ReturnConsumedCapacity'>): Promise<ServiceOutputTypes> {
  if (Put !== undefined) return attempts.send(client, new PutItemCommand({ ...Put, ...more }));
  if (Update !== undefined) return attempts.send(client, new UpdateItemCommand({ ...Update, ...more }));
  return attempts.send(client, new DeleteItemCommand({ TableName: undefined, Key: undefined, ...Delete, ...more }));
}

function singleAction(name: string, input: ServiceInputTypes): TransactWriteItem {
  if (isOf('PutItemCommand', name, input)) return putAction(input);
  if (isOf('UpdateItemCommand', name, input)) return updateAction(input);
  if (isOf('DeleteItemCommand', name, input)) return deleteAction(input);
  const instead = name === 'BatchWriteItemCommand' ? 'Write with TransactWriteItems' : 'Write with put, update, delete or TransactWriteItems';
  throw new RefusedError(
    `${name} cannot be fenced: it takes no condition of another item, so a region that lost the lease would go on writing. ${instead}, or mark the command unfenced(…) if that may happen.`,
  );
}

type Inputs = {
  readonly PutItemCommand: PutItemCommandInput;
  readonly UpdateItemCommand: UpdateItemCommandInput;
  readonly DeleteItemCommand: DeleteItemCommandInput;
  readonly TransactWriteItemsCommand: TransactWriteItemsCommandInput;
};

/** The SDK's context names the command; its input has no name of its own. */
function isOf<Name extends keyof Inputs>(wanted: Name, name: string, input: ServiceInputTypes): input is Inputs[Name] {
  return name === wanted && typeof input === 'object';
}

/** One condition for each fence row that judges one of the keys. */
function checksOf(permit: Permit, keys: readonly string[]): TransactWriteItem[] {
  const byRow = new Map<string | undefined, TransactWriteItem>();
  for (const key of keys) for (const check of permit.checks(key)) byRow.set(check.ConditionCheck?.Key?.['pk']?.S, check);
  return [...byRow.values()];
}

/** The SDK keeps the caller's signal in the command's context. */
function callersSignal(context: object): AbortSignal | undefined {
  const signal = keptInContext(context, 'abortSignal');
  return signal instanceof AbortSignal ? signal : undefined;
}

/** Whether the document client sends it, as the names of its middleware say; where the SDK does not show the command, perhaps. */
function isMarshalledLater(context: object): boolean {
  const command = keptInContext(context, 'commandInstance');
  if (!(command instanceof PutItemCommand || command instanceof UpdateItemCommand || command instanceof DeleteItemCommand || command instanceof TransactWriteItemsCommand)) return true;
  return hasMiddleware(command.middlewareStack, 'DocumentMarshall');
}

function keptInContext(context: object, name: string): unknown {
  const kept: unknown = '__smithy_context' in context ? context.__smithy_context : undefined;
  return typeof kept === 'object' && kept !== null ? Reflect.get(kept, name) : undefined;
}
