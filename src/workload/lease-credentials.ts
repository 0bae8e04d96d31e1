// A second, hard fence for an owner who wants one: credentials that end with the lease, by AWS's own clock. Whoever holds them cannot write after
// the deadline, whatever their code does. Unproven on AWS, and not shown locally: the local engine does not judge dates in policies.
import { FenceClosedError, RefusedError } from '../core/errors.ts';
import type { Fence } from './fence.ts';

export type SessionCredentials = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string; readonly expiration?: Date };

export type LeaseCredentialsOptions = {
  /** Its client must have credentials of its own: it reads the lease row that these depend on. */
  readonly fence: Fence;
  /** What the credentials may do until the deadline; at most what the role may. ARNs of tables, buckets, queues. */
  readonly statements: readonly SessionStatement[];
  /** AssumeRole with this session policy, as JSON, and this duration: 900 s is the least that STS gives, so the policy's own date is what ends them. */
  readonly assumeRole: (request: { readonly policy: string; readonly durationSeconds: number }) => Promise<SessionCredentials>;
  readonly nowMs?: () => number;
  /** They end so long before the lease: AWS's clock is another one. At least σ; 1000 unless given. */
  readonly marginMs?: number;
  /** New ones are asked for when those at hand have less left. 8000 unless given. */
  readonly renewBeforeMs?: number;
};

export type SessionStatement = { readonly actions: readonly string[]; readonly resources: readonly string[] };

const durationSeconds = 900;
const marginMsDefault = 1000;
const renewBeforeMsDefault = 8000;
/** STS takes a session policy of so many characters (plain text). */
const policyCharactersMax = 2048;

/**
 * Allows the statements until then, in whole seconds, rounded down.
 * @throws RefusedError where STS would not take it
 */
export function leasePolicy(statements: readonly SessionStatement[], untilAtMs: number): string {
  if (statements.length === 0) throw new RefusedError('Lease-bound credentials need at least one statement: without one they could do nothing.');
  const until = new Date(Math.floor(untilAtMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map(({ actions, resources }) => ({ Effect: 'Allow', Action: actions, Resource: resources, Condition: { DateLessThan: { 'aws:CurrentTime': until } } })),
  });
  if (policy.length > policyCharactersMax)
    throw new RefusedError(`The session policy has ${policy.length} characters, and STS takes ${policyCharactersMax}: name fewer actions and resources, with '*' where that is meant.`);
  return policy;
}

type Held = { readonly epoch: number; readonly endsAtMs: number; readonly credentials: SessionCredentials };

/**
 * A credential provider for an SDK client (`credentials: leaseCredentials(…)`): new ones in each epoch and in time before the old ones end; none
 * that have ended, and none in a region that is not open.
 * @throws FenceClosedError; what `assumeRole` throws where none are left
 */
export function leaseCredentials(options: LeaseCredentialsOptions): () => Promise<SessionCredentials & { readonly expiration: Date }> {
  const { fence, statements, nowMs = Date.now, renewBeforeMs = renewBeforeMsDefault } = options;
  let held: Held | undefined;
  let asking: Promise<Held> | undefined;
  // A statement that cannot be kept is a mistake, and told at once.
  leasePolicy(statements, 0);
  const handedOut = ({ credentials, endsAtMs, epoch }: Held) => {
    if (nowMs() >= endsAtMs) throw new FenceClosedError(`No credentials: those of epoch ${epoch} have ended. Ask again after the lease is renewed.`);
    return { ...credentials, expiration: new Date(endsAtMs) };
  };
  return async () => {
    const permit = await fence.read();
    if (permit.kind === 'closed') throw new FenceClosedError(`No credentials: ${permit.because}.`);
    const leftMs = held?.epoch === permit.epoch ? held.endsAtMs - nowMs() : 0;
    if (held !== undefined && leftMs >= renewBeforeMs) return handedOut(held);
    asking ??= asked(options, permit.epoch, nowMs() + permit.remainingMs()).finally(() => (asking = undefined));
    const old = leftMs > 0 ? held : undefined;
    const fresh = await asking.catch((error: unknown) => {
      if (old === undefined) throw error;
      return old;
    });
    if (fresh.epoch !== permit.epoch) throw new FenceClosedError(`No credentials: epoch ${permit.epoch} began while they were asked for. Ask again.`);
    if (fresh.endsAtMs > (held?.endsAtMs ?? 0)) held = fresh;
    return handedOut(fresh);
  };
}

async function asked({ statements, assumeRole, marginMs = marginMsDefault }: LeaseCredentialsOptions, epoch: number, untilAtMs: number): Promise<Held> {
  if (!Number.isFinite(untilAtMs)) throw new RefusedError('Lease-bound credentials need a fenced service: where nothing is fenced there is no deadline (isFenced).');
  const endsAtMs = Math.floor((untilAtMs - marginMs) / 1000) * 1000;
  const credentials = await assumeRole({ policy: leasePolicy(statements, endsAtMs), durationSeconds });
  return { epoch, credentials, endsAtMs: Math.min(endsAtMs, credentials.expiration?.getTime() ?? endsAtMs) };
}
