// The SDK puts a client's middleware in order anew for each command; for a second command a write, that was most of what the fence cost. The
// order is kept here from one write to the next, for as long as the client's stack has the same entries. Only the SDK itself ever makes it.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

type Stack = DynamoDBClient['middlewareStack'];
type Handler = (args: never) => Promise<unknown>;
type Middleware = (next: Handler, context: object) => Handler;
type Entry = { readonly middleware: Middleware; readonly options: { readonly name?: string } };
/** `order` from the request handler outwards; undefined stands where the attempts are admitted. */
type Kept = { readonly entries: readonly Entry[]; readonly order: readonly (Middleware | undefined)[] };

/** Our own middleware on the client: it lets our own commands pass. */
export const replacing = { plain: 'holdfastEpoch', documents: 'holdfastEpochOfDocuments' } as const;

/** Kinds of commands by the stack that they are sent through: what a command adds itself hangs on its kind alone. */
const kept = new WeakMap<object, Map<unknown, Kept>>();

/**
 * The part of `stack` that the SDK needs to send a command through it, with its order kept. @param kind of the command @param attempt goes around each attempt, just before it is signed
 */
export function inKeptOrder(stack: Stack, kind: unknown, attempt: (next: Handler) => Handler) {
  return {
    concat: (own: Stack) => ({
      resolve: (handler: Handler, context: object): Handler => {
        let resolved = handler;
        for (const middleware of orderOf(stack, kind, own)) resolved = middleware === undefined ? attempt(resolved) : middleware(resolved, context);
        return resolved;
      },
    }),
  };
}

function orderOf(stack: Stack, kind: unknown, own: Stack): Kept['order'] {
  const kinds = kept.get(stack) ?? new Map<unknown, Kept>();
  kept.set(stack, kinds);
  const known = kinds.get(kind);
  if (known !== undefined && isStill(stack, known.entries)) return known.order;
  const made = { entries: entriesOf(stack), order: newOrder(stack.concat(own)) };
  kinds.set(kind, made);
  return made.order;
}

/** The SDK's own order: a stack of the same places resolves them, and each place notes what stands there. */
function newOrder(stack: Stack): Kept['order'] {
  const attempts: Middleware = (next) => next;
  const order: (Middleware | undefined)[] = [];
  const places = stack.clone();
  for (const { middleware } of entriesOf(stack)) Reflect.apply(Reflect.get(places, 'remove'), places, [middleware]);
  const place = (middleware: Middleware | undefined) => (next: Handler) => {
    order.push(middleware);
    return next;
  };
  Reflect.apply(Reflect.get(stack, 'addRelativeTo'), stack, [attempts, { name: 'holdfastAttempt', relation: 'before', toMiddleware: 'httpSigningMiddleware' }]);
  for (const { middleware, options } of entriesOf(stack)) {
    if (options.name === replacing.plain || options.name === replacing.documents) continue;
    const noted = place(middleware === attempts ? undefined : middleware);
    Reflect.apply(Reflect.get(places, 'relation' in options ? 'addRelativeTo' : 'add'), places, [noted, { ...options, middleware: noted }]);
  }
  Reflect.apply(Reflect.get(places, 'resolve'), places, [async () => undefined, {}]);
  return order;
}

function entriesOf(stack: Stack): Entry[] {
  const entries: Entry[] = [];
  const add = (middleware: Middleware, options: Entry['options']) => entries.push({ middleware, options });
  Reflect.apply(Reflect.get(stack, 'applyToStack'), stack, [{ add, addRelativeTo: add }]);
  return entries;
}

function isStill(stack: Stack, entries: readonly Entry[]): boolean {
  let [at, isSame] = [0, true];
  const add = (middleware: Middleware) => {
    isSame &&= entries[at]?.middleware === middleware;
    at += 1;
  };
  Reflect.apply(Reflect.get(stack, 'applyToStack'), stack, [{ add, addRelativeTo: add }]);
  return isSame && at === entries.length;
}

/** Whether one of the stack's own middleware has this name; `identify` would put all in order first. */
export function hasMiddleware(stack: { applyToStack(to: never): void }, name: string): boolean {
  let isThere = false;
  const add = (_: unknown, options: Entry['options']) => {
    isThere ||= options.name === name;
  };
  Reflect.apply(Reflect.get(stack, 'applyToStack'), stack, [{ add, addRelativeTo: add }]);
  return isThere;
}
