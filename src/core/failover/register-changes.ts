// Every change that Holdfast makes to the register's value, each a pure function that says yes with the new value or no
// with the reason. What a change expects of the current value is its fencing condition.
import { beginAt } from './begun.ts';
import type { Policy } from '../policy.ts';
import { reservedEpoch, isSameValue, transitionsKept, type RegisterValue, type Transition } from '../register/value.ts';
import { nextState, type TransitionEvent } from './transitions.ts';

export type Proposed = { readonly kind: 'set'; readonly value: RegisterValue } | { readonly kind: 'refuse'; readonly because: string };

/** Who makes a transition, when by their own clock, why, and SHA-256 hashing for evidence and the audit chain. */
export type Maker = { readonly by: string; readonly atMs: number; readonly because: string; readonly evidence: string; readonly digest: (text: string) => string };

const refuse = (because: string): Proposed => ({ kind: 'refuse', because });

function step(current: RegisterValue, on: TransitionEvent, maker: Maker, change: Partial<RegisterValue>): Proposed {
  const to = nextState(current.state, on);
  if (to === undefined) return refuse(`'${on}' does not apply in state '${current.state}'`);
  const keepsPlan = on === 'gate-opened' || on === 'operator-switch';
  const next: RegisterValue = { ...(keepsPlan ? current : unplanned(current)), ...change, state: to, because: maker.because, evidence: maker.evidence };
  const transition: Transition = {
    from: current.state,
    to,
    on,
    because: maker.because,
    epoch: reservedEpoch(next),
    attempt: next.attempt,
    by: maker.by,
    atMs: maker.atMs,
  };
  const auditHead = maker.digest(`${current.auditHead}\n${JSON.stringify(transition)}`);
  return { kind: 'set', value: { ...next, transitions: [...current.transitions, transition].slice(-transitionsKept), auditHead } };
}

/** Renew: only the holder, only while renewable; every renewal has an id of its own (C7). */
export function renew(current: RegisterValue, me: string, epoch: number, renewal: string): Proposed {
  if (current.holder !== me || current.epoch !== epoch) return refuse(`${current.holder} holds epoch ${current.epoch}`);
  if (!current.renewable) return refuse(`epoch ${epoch} was revoked: ${current.because}`);
  if (current.released) return refuse(`epoch ${epoch} was released`);
  return { kind: 'set', value: { ...current, renewal } };
}

/** A lapse: exactly the renewal whose clock has run out, so that a renewal in between wins. */
export function declareLapse(current: RegisterValue, seen: { epoch: number; renewal: string }, target: string, maker: Maker): Proposed {
  if (current.paused !== null) return refuse(`paused by ${current.paused.by}: ${current.paused.reason}`);
  if (current.epoch !== seen.epoch || current.renewal !== seen.renewal) return refuse(`${current.holder} renewed meanwhile`);
  if (!current.renewable) return refuse('a failover is under way already');
  return step(current, 'lease-lapsed', maker, reserve(current, target, 1));
}

/** Revocation (H4): forbids further renewal, whichever renewal is current; the challenger's clock runs on. */
export function revoke(current: RegisterValue, seen: { epoch: number }, on: 'region-sick' | 'operator-failover' | 'operator-switch', target: string, maker: Maker): Proposed {
  if (current.paused !== null) return refuse(`paused by ${current.paused.by}: ${current.paused.reason}; 'holdfast resume' first`);
  if (current.epoch !== seen.epoch) return refuse(`epoch is ${current.epoch} now, not ${seen.epoch}`);
  if (!current.renewable) return refuse(`a failover to ${current.successor ?? current.holder} is under way already (epoch ${reservedEpoch(current)}, attempt ${current.attempt})`);
  return step(current, on, maker, reserve(current, target, 1));
}

function reserve(current: RegisterValue, target: string, attempt: number): Partial<RegisterValue> {
  return { renewable: false, successor: target, attempt, attemptsSpent: current.attemptsSpent + 1 };
}

/** A planned switch-over is one attempt's: whatever reserves another one, or ends it, leaves the mark out. */
function unplanned({ planned: _planned, ...value }: RegisterValue): RegisterValue {
  return value;
}

/**
 * Attempt + 1, named by a candidate for itself, once the same (epoch, attempt) was seen too long (C5). An epoch that was
 * taken already is never reserved again: then it is (epoch + 1, 1) (P2).
 */
export function nextAttempt(current: RegisterValue, seen: Pick<RegisterValue, 'epoch' | 'successor' | 'attempt'>, me: string, attemptsMax: number, maker: Maker): Proposed {
  if (current.paused !== null) return refuse(`paused by ${current.paused.by}: ${current.paused.reason}`);
  // By the epoch that it reaches for, as the look's clock: the first attempt at the next epoch has the number and the epoch of the dead one.
  if (reservedEpoch(current) !== reservedEpoch(seen) || current.epoch !== seen.epoch || current.attempt !== seen.attempt) return refuse('another attempt has begun');
  if (current.state !== 'failing-over' && current.state !== 'failed') return refuse(`state is '${current.state}'`);
  return step(current, attemptEvent(current, attemptsMax), maker, reserve(current, me, current.successor === null ? 1 : current.attempt + 1));
}

function attemptEvent(current: RegisterValue, attemptsMax: number): TransitionEvent {
  return current.state === 'failing-over' && current.attemptsSpent >= attemptsMax ? 'attempts-spent' : 'attempt-dead';
}

/**
 * Take the lease: exactly the value that was read when the clock had run out, or that says released. A planned switch-over that was released
 * left nothing behind, so that the old holder stays reconciled; taken by the clock, it is a failover like any other.
 */
export function takeLease(current: RegisterValue, seen: RegisterValue, me: string, renewal: string): Proposed {
  if (!isSameValue(current, seen)) return refuse('the register changed meanwhile');
  if (current.successor !== me) return refuse(`the successor is ${current.successor ?? 'nobody'}, not ${me}`);
  if (current.holder !== me && current.regions[me]?.reconciled !== true) return refuse(`${me} is not reconciled`);
  const isHandedOver = current.planned === true && current.released;
  const lost = current.holder === me || isHandedOver ? {} : { [current.holder]: { ...current.regions[current.holder], reconciled: false } };
  return {
    kind: 'set',
    value: {
      ...(isHandedOver ? current : unplanned(current)),
      holder: me,
      epoch: current.epoch + 1,
      renewal,
      renewable: true,
      released: false,
      successor: null,
      regions: { ...current.regions, ...lost },
    },
  };
}

/**
 * The holder gives a planned hand-over up and goes on itself: exactly the revoked value, epoch + 1, at once, no clock. Only once all its rows
 * of the old epoch are closed for good: nothing that was begun in it can open or write any more. An attempt of its own: the successor's steps
 * carry the one before.
 */
export function handBack(current: RegisterValue, seen: RegisterValue, me: string, renewal: string, maker: Maker): Proposed {
  if (!isSameValue(current, seen)) return refuse('the register changed meanwhile');
  if (current.holder !== me) return refuse(`${current.holder} holds epoch ${current.epoch}`);
  if (current.planned !== true || current.renewable) return refuse('no planned switch-over is under way');
  if (current.released) return refuse(`epoch ${current.epoch} is released already`);
  return step(current, 'handed-back', maker, { epoch: current.epoch + 1, renewal, renewable: true, released: false, successor: null, attempt: current.attempt + 1 });
}

/** Release, after every row of the region is closed for good. A planned switch-over is released by `releaseTo`. */
export function release(current: RegisterValue, me: string, epoch: number): Proposed {
  if (current.planned === true) return refuse(`epoch ${current.epoch} is handed over to ${current.successor ?? 'nobody'} as planned`);
  return releaseAs(current, me, epoch);
}

/** Release of a planned switch-over, once everything has been handed over to this successor in this attempt. */
export function releaseTo(current: RegisterValue, seen: Pick<RegisterValue, 'epoch' | 'attempt' | 'successor'>, me: string): Proposed {
  if (current.planned !== true || current.attempt !== seen.attempt || current.successor !== seen.successor)
    return refuse(`the planned switch-over to ${seen.successor ?? 'nobody'}, attempt ${seen.attempt}, is over`);
  return releaseAs(current, me, seen.epoch);
}

function releaseAs(current: RegisterValue, me: string, epoch: number): Proposed {
  if (current.holder !== me || current.epoch !== epoch) return refuse(`${current.holder} holds epoch ${current.epoch}`);
  if (current.renewable) return refuse('not revoked');
  if (current.released) return refuse('released already');
  return { kind: 'set', value: { ...current, released: true } };
}

function isHeld(current: RegisterValue, me: string, epoch: number, attempt: number): boolean {
  return current.holder === me && current.epoch === epoch && current.attempt === attempt && current.renewable;
}

/** Before the holder opens: how much of the others' logs it has. Whoever takes a later epoch goes by this. */
export function epochBegins(current: RegisterValue, me: string, epoch: number, attempt: number, positions: Readonly<Record<string, number>>): Proposed {
  if (!isHeld(current, me, epoch, attempt)) return refuse(`${current.holder} holds epoch ${current.epoch}, attempt ${current.attempt}`);
  const begun = beginAt(current.begun, me, epoch, positions);
  return { kind: 'set', value: { ...current, begun } };
}

/** Not while the one that is about to open may still say more: a region that went by less would drop what the new epoch has. */
export function isBeginningFinal(value: RegisterValue): boolean {
  const isOpening = value.renewable && (value.state === 'failing-over' || value.state === 'failed');
  return value.begun !== undefined && !(isOpening && value.epoch === value.begun.epoch);
}

/** A region holds writes that the newest epoch began without: as a region that was lost, it waits for a person. */
export function foundLeftBehind(current: RegisterValue, me: string): Proposed {
  if (current.regions[me]?.reconciled !== true) return refuse(`${me} is not reconciled already`);
  return { kind: 'set', value: { ...current, regions: { ...current.regions, [me]: { ...current.regions[me], reconciled: false } } } };
}

export function gateOpened(current: RegisterValue, me: string, epoch: number, attempt: number, maker: Maker): Proposed {
  if (!isHeld(current, me, epoch, attempt)) return refuse(`${current.holder} holds epoch ${current.epoch}, attempt ${current.attempt}`);
  return step(current, 'gate-opened', maker, {});
}

export function serviceValidated(current: RegisterValue, me: string, epoch: number, attempt: number, maker: Maker): Proposed {
  if (!isHeld(current, me, epoch, attempt)) return refuse(`${current.holder} holds epoch ${current.epoch}, attempt ${current.attempt}`);
  return step(current, 'service-validated', maker, { attemptsSpent: 0 });
}

/**
 * The target gives its attempt up before it opened. Before the take-over that is the next attempt; after it a revocation
 * of its own epoch, which its governor then releases.
 */
export function rollBack(current: RegisterValue, me: string, epoch: number, attempt: number, successor: string, attemptsMax: number, maker: Maker): Proposed {
  const isReserved = current.successor === me && current.epoch === epoch - 1 && current.attempt === attempt;
  if (!isReserved && !isHeld(current, me, epoch, attempt)) return refuse(`epoch ${epoch}, attempt ${attempt} is over`);
  if (current.state !== 'failing-over' && current.state !== 'failed') return refuse(`the gate was opened (state '${current.state}'): only forward from here`);
  const isSpent = current.state === 'failing-over' && current.attemptsSpent >= attemptsMax;
  return step(current, isSpent ? 'attempts-spent' : 'rolled-back', maker, reserve(current, successor, isReserved ? attempt + 1 : 1));
}

export function healthChanged(current: RegisterValue, on: 'health-dropped' | 'health-restored', maker: Maker): Proposed {
  if (current.paused !== null) return refuse(`paused by ${current.paused.by}`);
  return step(current, on, maker, {});
}

export function pause(current: RegisterValue, by: string, reason: string, atMs: number): Proposed {
  if (current.paused !== null) return refuse(`paused already by ${current.paused.by}: ${current.paused.reason}`);
  return { kind: 'set', value: { ...current, paused: { by, reason, atMs } } };
}

export function resume(current: RegisterValue): Proposed {
  if (current.paused === null) return refuse('not paused');
  return { kind: 'set', value: { ...current, paused: null } };
}

/** What was found true of a region that returned: while this is so, it may become eligible. */
export type Reconciled = { readonly region: string; readonly holder: string; readonly epoch: number };

/** A region that returned may take over again. Whatever moved since it was found reconciled (another holder, a newer epoch) asks for a new look. */
export function signOff(current: RegisterValue, found: Reconciled, maker: Maker): Proposed {
  const { region, holder, epoch } = found;
  const known = current.regions[region];
  if (known === undefined) return refuse(`'${region}' is not a candidate of this group: it may be ${Object.keys(current.regions).join(' or ')}`);
  if (known.reconciled) return refuse(`${region} is reconciled already`);
  if (current.holder !== holder || current.epoch !== epoch)
    return refuse(`${current.holder} holds epoch ${current.epoch} by now, and ${region} was compared with ${holder} in epoch ${epoch}: ask again`);
  const transition: Transition = {
    from: current.state,
    to: current.state,
    on: 'signed-off',
    because: maker.because,
    epoch: reservedEpoch(current),
    attempt: current.attempt,
    by: maker.by,
    atMs: maker.atMs,
  };
  return {
    kind: 'set',
    value: {
      ...current,
      because: maker.because,
      evidence: maker.evidence,
      regions: { ...current.regions, [region]: { ...known, reconciled: true } },
      transitions: [...current.transitions, transition].slice(-transitionsKept),
      auditHead: maker.digest(`${current.auditHead}\n${JSON.stringify(transition)}`),
    },
  };
}

/** What a person may ask for is checked against the value that stands, so that nothing changes on a refusal. */
export function operatorFailover(current: RegisterValue, target: string, policy: Pick<Policy, 'voters'>, maker: Maker): Proposed {
  return refusalOfTarget(current, target, policy) ?? revoke(current, { epoch: current.epoch }, 'operator-failover', target, maker);
}

/** As a failover that a person asks for, but the successor waits until the holder has handed everything over (docs/switch-over.md). */
export function operatorSwitch(current: RegisterValue, target: string, policy: Pick<Policy, 'voters'>, maker: Maker): Proposed {
  const proposed = refusalOfTarget(current, target, policy) ?? revoke(current, { epoch: current.epoch }, 'operator-switch', target, maker);
  return proposed.kind === 'refuse' ? proposed : { kind: 'set', value: { ...proposed.value, planned: true } };
}

function refusalOfTarget(current: RegisterValue, target: string, policy: Pick<Policy, 'voters'>): Proposed | undefined {
  const voter = policy.voters.find((v) => v.region === target);
  const candidates = policy.voters.filter((v) => v.role === 'candidate').map((v) => v.region);
  if (voter === undefined) return refuse(`'${target}' is not a region of this group: it may be ${candidates.join(' or ')}`);
  if (voter.role === 'witness') return refuse(`${target} is a witness: it votes only; the target may be ${candidates.join(' or ')}`);
  if (current.holder === target && current.renewable) return refuse(`${target} holds the lease already (epoch ${current.epoch})`);
  if (current.regions[target]?.reconciled !== true) return refuse(`${target} is not reconciled: it has writes that no other region has; see its divergence report in 'holdfast status'`);
  return undefined;
}
