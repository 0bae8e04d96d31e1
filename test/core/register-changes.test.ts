// Every change of the register's value: what it needs, each way in which it is refused, and that a refusal changes nothing.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  declareLapse,
  gateOpened,
  handBack,
  healthChanged,
  nextAttempt,
  operatorFailover,
  operatorSwitch,
  pause,
  release,
  renew,
  resume,
  revoke,
  rollBack,
  serviceValidated,
  signOff,
  takeLease,
  type Proposed,
} from '../../src/core/failover/register-changes.ts';
import { parseRegisterValue, reservedEpoch, serializeRegisterValue, transitionsKept, type RegisterValue } from '../../src/core/register/value.ts';
import { anyValue, digest, east, ireland, maker, policy, renewalId, reservedValue, valueOf, west } from './fixtures.ts';
import { always, around } from './property.ts';

const paused = { by: 'anna', reason: 'maintenance', atMs: 1 };
const opening = valueOf({ state: 'failing-over', holder: west, epoch: 5, attempt: 1, attemptsSpent: 1 });

function made(proposed: Proposed): RegisterValue {
  if (proposed.kind === 'refuse') throw new Error(`refused: ${proposed.because}`);
  return proposed.value;
}
function refusal(proposed: Proposed): string {
  if (proposed.kind === 'set') throw new Error('was not refused');
  return proposed.because;
}

describe('renew', () => {
  test('changes the renewal id and nothing else', () => {
    expect(renew(valueOf(), east, 4, renewalId(8))).toEqual({ kind: 'set', value: valueOf({ renewal: renewalId(8) }) });
    expect(made(renew(valueOf({ paused }), east, 4, renewalId(8))).renewal).toBe(renewalId(8));
  });
  test.each([
    ['another holder', valueOf({ holder: west }), /us-west-2 holds epoch 4/],
    ['an older epoch than is held', valueOf({ epoch: 5 }), /holds epoch 5/],
    ['a later epoch than is held', valueOf({ epoch: 3 }), /holds epoch 3/],
    ['a revoked epoch', reservedValue(), /revoked/],
    ['a released epoch', valueOf({ released: true }), /released/],
  ])('is refused for %s', (_, current, because) => {
    expect(refusal(renew(current, east, 4, renewalId(8)))).toMatch(because);
  });
});

describe('declareLapse', () => {
  test('forbids renewal, names the successor, keeps epoch, holder and renewal: the clock runs on', () => {
    expect(made(declareLapse(valueOf(), valueOf(), west, maker()))).toMatchObject({
      state: 'failing-over',
      renewable: false,
      successor: west,
      attempt: 1,
      attemptsSpent: 1,
      epoch: 4,
      holder: east,
      renewal: renewalId(7),
      released: false,
    });
  });
  test.each([
    ['a renewal in between', valueOf({ renewal: renewalId(8) }), /renewed meanwhile/],
    ['an epoch in between', valueOf({ epoch: 5 }), /renewed meanwhile/],
    ['a failover under way', reservedValue(), /under way already/],
    ['a pause', valueOf({ paused }), /paused by anna: maintenance/],
  ])('is refused by %s', (_, current, because) => {
    expect(refusal(declareLapse(current, { epoch: 4, renewal: renewalId(7) }, west, maker()))).toMatch(because);
  });
});

describe('revoke', () => {
  test('takes whichever renewal is current (H4), and keeps it', () => {
    expect(made(revoke(valueOf({ renewal: renewalId(99) }), { epoch: 4 }, 'region-sick', west, maker()))).toMatchObject({
      renewable: false,
      successor: west,
      renewal: renewalId(99),
      state: 'failing-over',
    });
  });
  test.each([
    ['an epoch in between', valueOf({ epoch: 5 }), /epoch is 5 now, not 4/],
    ['a failover under way', reservedValue(), /a failover to us-west-2 is under way already \(epoch 5, attempt 1\)/],
    ['a pause', valueOf({ paused }), /'holdfast resume' first/],
  ])('is refused by %s', (_, current, because) => {
    expect(refusal(revoke(current, { epoch: 4 }, 'region-sick', west, maker()))).toMatch(because);
  });
  test('a verdict revokes nobody who has not opened yet, but a validation that never came protects nobody', () => {
    expect(refusal(revoke(opening, { epoch: 5 }, 'region-sick', east, maker()))).toMatch(/does not apply in state 'failing-over'/);
    expect(made(revoke({ ...opening, state: 'recovery' }, { epoch: 5 }, 'region-sick', east, maker())).state).toBe('failing-over');
  });
});

describe('nextAttempt', () => {
  const seen = { epoch: 4, attempt: 1, successor: west };
  test('raises the attempt, and names whoever makes it', () => {
    expect(made(nextAttempt(reservedValue(), seen, east, 3, maker()))).toMatchObject({
      successor: east,
      attempt: 2,
      attemptsSpent: 2,
      epoch: 4,
      holder: east,
      renewable: false,
      state: 'failing-over',
    });
  });
  test('of an epoch that was taken already is the first of the next one: no epoch is reserved twice (P2)', () => {
    const next = made(nextAttempt(opening, opening, east, 3, maker()));
    expect(next).toMatchObject({ successor: east, attempt: 1, renewable: false, epoch: 5, holder: west });
    expect(reservedEpoch(next)).toBe(6);
  });
  test('decided on a taken epoch is refused once the next epoch is reserved: its first attempt is not the dead one, although it has its number', () => {
    const next = made(nextAttempt(opening, opening, east, 3, maker()));
    expect(refusal(nextAttempt(next, opening, west, 3, maker()))).toMatch(/another attempt/);
    expect(made(nextAttempt(next, next, west, 3, maker()))).toMatchObject({ successor: west, attempt: 2 });
  });
  test('calls a person once the attempts are spent, and forbids no further one', () => {
    expect([2, 3, 4].map((attemptsSpent) => made(nextAttempt(reservedValue({ attemptsSpent }), seen, east, 3, maker())).state)).toEqual(['failing-over', 'failed', 'failed']);
    expect(made(nextAttempt(reservedValue({ state: 'failed', attemptsSpent: 9 }), seen, east, 3, maker()))).toMatchObject({ state: 'failed', successor: east, attempt: 2 });
  });
  test.each([
    ['another attempt that has begun', reservedValue({ attempt: 2 }), /another attempt/],
    ['an epoch in between', reservedValue({ epoch: 5 }), /another attempt/],
    ['a state in which nobody tries', reservedValue({ state: 'normal' }), /state is 'normal'/],
    ['an opened gate', { ...reservedValue(), state: 'recovery' as const }, /state is 'recovery'/],
    ['a pause', reservedValue({ paused }), /paused/],
  ])('is refused by %s', (_, current, because) => {
    expect(refusal(nextAttempt(current, seen, east, 3, maker()))).toMatch(because);
  });
});

describe('operatorSwitch', () => {
  test('revokes for a successor that waits', () => {
    expect(made(operatorSwitch(valueOf(), west, policy, maker()))).toMatchObject({ state: 'failing-over', renewable: false, successor: west, attempt: 1, planned: true, released: false });
  });
  test.each([
    ['an unreconciled target', valueOf({ regions: { [east]: { reconciled: true }, [west]: { reconciled: false } } }), west, /not reconciled/],
    ['the holder itself', valueOf(), east, /holds the lease already/],
    ['a failover under way', reservedValue(), west, /under way already/],
    ['a region that was never validated', valueOf({ state: 'recovery' }), west, /'operator-switch' does not apply in state 'recovery'/],
    ['a pause', valueOf({ paused }), west, /paused/],
  ])('is refused by %s', (_, current, target, because) => {
    expect(refusal(operatorSwitch(current, target, policy, maker()))).toMatch(because);
  });
  test('the mark goes with its attempt', () => {
    const asked = reservedValue({ planned: true });
    expect(made(nextAttempt(asked, asked, east, 3, maker()))).not.toHaveProperty('planned');
    expect(made(rollBack(asked, west, 5, 1, east, 3, maker()))).not.toHaveProperty('planned');
    expect(made(declareLapse(valueOf({ planned: true }), valueOf(), west, maker()))).not.toHaveProperty('planned');
  });
});

describe('handBack', () => {
  const asked = reservedValue({ planned: true });
  test('goes on in the same region, in an epoch and an attempt of its own', () => {
    const back = made(handBack(asked, asked, east, renewalId(9), maker()));
    expect(back).toMatchObject({ state: 'failing-over', holder: east, epoch: 5, attempt: 2, renewal: renewalId(9), renewable: true, released: false, successor: null, regions: asked.regions });
    expect(back).not.toHaveProperty('planned');
  });
  test.each([
    ['a change since it was read', { ...asked, released: true }, asked, east, /changed meanwhile/],
    ['what was released', { ...asked, released: true }, { ...asked, released: true }, east, /released already/],
    ['what nobody planned', reservedValue(), reservedValue(), east, /no planned switch-over/],
    ['what is not revoked', valueOf({ planned: true }), valueOf({ planned: true }), east, /no planned switch-over/],
    ['another region', asked, asked, west, /us-east-1 holds epoch 4/],
  ])('is refused by %s', (_, current, seen, me, because) => {
    expect(refusal(handBack(current, seen, me, renewalId(9), maker()))).toMatch(because);
  });
});

describe('takeLease', () => {
  test('takes the next epoch, renewable, unreleased; the old holder is unreconciled until it says otherwise', () => {
    expect(made(takeLease(reservedValue({ released: true }), reservedValue({ released: true }), west, renewalId(9)))).toEqual({
      ...reservedValue(),
      holder: west,
      epoch: 5,
      renewal: renewalId(9),
      renewable: true,
      released: false,
      successor: null,
      regions: { [east]: { reconciled: false }, [west]: { reconciled: true } },
    });
  });
  test('of a region from itself leaves it as reconciled as it was', () => {
    const own = reservedValue({ successor: east });
    expect(made(takeLease(own, own, east, renewalId(9))).regions).toEqual(own.regions);
  });
  test('of what was handed over leaves the old holder reconciled, and says so until the service is validated', () => {
    const handedOver = reservedValue({ planned: true, released: true });
    const taken = made(takeLease(handedOver, handedOver, west, renewalId(9)));
    expect(taken).toMatchObject({ holder: west, planned: true, regions: handedOver.regions });
    const opened = made(gateOpened(taken, west, 5, 1, maker()));
    expect(opened.planned).toBe(true);
    expect(made(serviceValidated(opened, west, 5, 1, maker()))).not.toHaveProperty('planned');
  });
  test('by the clock of what was to be handed over is a failover like any other', () => {
    const taken = made(takeLease(reservedValue({ planned: true }), reservedValue({ planned: true }), west, renewalId(9)));
    expect(taken).not.toHaveProperty('planned');
    expect(taken.regions).toEqual({ [east]: { reconciled: false }, [west]: { reconciled: true } });
  });
  test('is refused for anybody but the successor', () => {
    expect(refusal(takeLease(reservedValue(), reservedValue(), east, renewalId(9)))).toMatch(/the successor is us-west-2, not us-east-1/);
    expect(refusal(takeLease(valueOf(), valueOf(), west, renewalId(9)))).toMatch(/the successor is nobody/);
  });
  test('is refused where anything at all changed since it was read', () => {
    const seen = reservedValue();
    const changes: Record<string, unknown> = {
      renewal: renewalId(8),
      attempt: 2,
      released: true,
      because: 'x',
      paused,
      attemptsSpent: 2,
      epoch: 5,
      holder: west,
      state: 'failed',
      auditHead: 'x',
      evidence: 'x',
      renewable: true,
      transitions: [{}],
      regions: {},
      unknownToUs: 1,
    };
    for (const [name, value] of Object.entries(changes)) expect(refusal(takeLease({ ...seen, [name]: value }, seen, west, renewalId(9))), name).toMatch(/changed meanwhile/);
  });
});

describe('release', () => {
  test('says released, of a revoked epoch, and nothing else', () => {
    expect(release(reservedValue(), east, 4)).toEqual({ kind: 'set', value: reservedValue({ released: true }) });
  });
  test.each([
    ['what is not revoked', valueOf(), /not revoked/],
    ['what is released', reservedValue({ released: true }), /released already/],
    ['another holder', reservedValue({ holder: west }), /us-west-2 holds/],
    ['another epoch', reservedValue({ epoch: 5 }), /holds epoch 5/],
  ])('is refused of %s', (_, current, because) => {
    expect(refusal(release(current, east, 4))).toMatch(because);
  });
});

describe('gateOpened, serviceValidated', () => {
  test('lead from failing-over over recovery to normal, and then the attempts count anew', () => {
    const open = made(gateOpened(opening, west, 5, 1, maker()));
    expect(open).toMatchObject({ state: 'recovery', attemptsSpent: 1 });
    expect(made(serviceValidated(open, west, 5, 1, maker()))).toMatchObject({ state: 'normal', attemptsSpent: 0 });
    expect(made(gateOpened({ ...opening, state: 'failed' }, west, 5, 1, maker())).state).toBe('recovery');
  });
  test.each([
    ['another region', opening, east, 5, 1],
    ['an older epoch', opening, west, 4, 1],
    ['another attempt', opening, west, 5, 2],
    ['a revoked epoch', { ...opening, renewable: false, successor: east }, west, 5, 1],
  ])('are refused for %s', (_, current, me, epoch, attempt) => {
    expect(refusal(gateOpened(current, me, epoch, attempt, maker()))).toMatch(/holds epoch 5/);
    expect(refusal(serviceValidated({ ...current, state: 'recovery' }, me, epoch, attempt, maker()))).toMatch(/holds epoch 5/);
  });
  test('are refused out of their order', () => {
    expect(refusal(gateOpened({ ...opening, state: 'recovery' }, west, 5, 1, maker()))).toMatch(/'gate-opened' does not apply in state 'recovery'/);
    expect(refusal(serviceValidated(opening, west, 5, 1, maker()))).toMatch(/'service-validated' does not apply in state 'failing-over'/);
  });
});

describe('rollBack', () => {
  test('before the take-over is the next attempt of the same epoch', () => {
    const next = made(rollBack(reservedValue(), west, 5, 1, east, 3, maker()));
    expect(next).toMatchObject({ successor: east, attempt: 2, epoch: 4, holder: east, renewable: false, state: 'failing-over' });
    expect(reservedEpoch(next)).toBe(5);
  });
  test('after it, a revocation of the own epoch: the next attempt is at the next epoch (P2)', () => {
    const next = made(rollBack(opening, west, 5, 1, east, 3, maker()));
    expect(next).toMatchObject({ successor: east, attempt: 1, epoch: 5, holder: west, renewable: false, released: false });
    expect(reservedEpoch(next)).toBe(6);
  });
  test('calls a person once the attempts are spent', () => {
    expect([2, 3, 4].map((attemptsSpent) => made(rollBack({ ...opening, attemptsSpent }, west, 5, 1, east, 3, maker())).state)).toEqual(['failing-over', 'failed', 'failed']);
  });
  test.each([
    ['after the gate was opened', { ...opening, state: 'recovery' as const }, /only forward from here/],
    ['after the service was validated', { ...opening, state: 'normal' as const }, /only forward from here/],
    ['of an attempt that is over', reservedValue({ attempt: 2 }), /attempt 1 is over/],
    ['of another region', reservedValue({ successor: east }), /is over/],
    ['of an epoch that is over', valueOf({ ...opening, epoch: 6 }), /is over/],
    ['of an epoch that was revoked already', { ...opening, renewable: false, successor: east }, /is over/],
  ])('is refused %s', (_, current, because) => {
    expect(refusal(rollBack(current, west, 5, 1, east, 3, maker()))).toMatch(because);
  });
});

describe('what a person asks for', () => {
  const ask = (target: string, change: Partial<RegisterValue> = {}) => operatorFailover(valueOf(change), target, policy, maker({ by: 'anna' }));
  test('a failover to an eligible candidate is a revocation in its favour', () => {
    expect(made(ask(west))).toMatchObject({ renewable: false, successor: west, state: 'failing-over', transitions: [{ on: 'operator-failover', by: 'anna' }] });
    expect(made(ask(west, { state: 'degraded' })).state).toBe('failing-over');
  });
  test.each([
    ['an unknown region', 'us-esat-1', {}, "'us-esat-1' is not a region of this group: it may be us-east-1 or us-west-2"],
    ['a witness', ireland, {}, 'eu-west-1 is a witness: it votes only; the target may be us-east-1 or us-west-2'],
    ['the holder', east, {}, 'us-east-1 holds the lease already (epoch 4)'],
    ['an unreconciled region', west, { regions: { [west]: { reconciled: false } } }, 'us-west-2 is not reconciled'],
    ['a region that the register does not know', west, { regions: {} }, 'us-west-2 is not reconciled'],
    ['a second one during one', west, { ...reservedValue() }, 'under way already (epoch 5, attempt 1)'],
    ['one during a first opening', east, { ...opening, regions: { [east]: { reconciled: true } } }, "does not apply in state 'failing-over'"],
    ['one while paused', west, { paused }, "paused by anna: maintenance; 'holdfast resume' first"],
  ])('%s is refused, with what to do', (_, target, change, because) => {
    expect(refusal(ask(target, change))).toContain(because);
  });
  test('a group that opened and was not validated, or has failed, can still be told to move', () => {
    const eastIsWell = { regions: { [east]: { reconciled: true }, [west]: { reconciled: true } } };
    expect(made(operatorFailover({ ...opening, ...eastIsWell, state: 'failed' }, east, policy, maker())).successor).toBe(east);
    expect(made(operatorFailover({ ...opening, ...eastIsWell, state: 'recovery' }, east, policy, maker())).successor).toBe(east);
  });

  test('pause and resume change nothing but that, and each is refused twice', () => {
    const held = made(pause(valueOf(), 'anna', 'maintenance', 1));
    expect(held).toEqual(valueOf({ paused }));
    expect(made(resume(held))).toEqual(valueOf());
    expect(refusal(pause(held, 'bob', 'me too', 2))).toBe('paused already by anna: maintenance');
    expect(refusal(resume(valueOf()))).toBe('not paused');
  });
  test('health is noted, but not while paused and not out of place', () => {
    expect(made(healthChanged(valueOf(), 'health-dropped', maker())).state).toBe('degraded');
    expect(made(healthChanged(valueOf({ state: 'degraded' }), 'health-restored', maker())).state).toBe('normal');
    expect(refusal(healthChanged(valueOf({ paused }), 'health-dropped', maker()))).toMatch(/paused/);
    expect(refusal(healthChanged(valueOf(), 'health-restored', maker()))).toMatch(/does not apply/);
  });
});

describe('signOff', () => {
  const back = valueOf({ holder: west, epoch: 5, regions: { [east]: { reconciled: false }, [west]: { reconciled: true } } });
  const found = { region: east, holder: west, epoch: 5 };
  test('makes the region eligible, says why, and changes no state', () => {
    const value = made(signOff(back, found, maker({ by: 'anna', because: 'anna signed it off' })));
    expect(value).toMatchObject({
      ...back,
      because: 'anna signed it off',
      evidence: expect.any(String),
      auditHead: expect.any(String),
      transitions: expect.any(Array),
      regions: { [east]: { reconciled: true }, [west]: { reconciled: true } },
    });
    expect(value.transitions.at(-1)).toMatchObject({ on: 'signed-off', from: back.state, to: back.state, by: 'anna', epoch: 5 });
    expect(value.auditHead).not.toBe(back.auditHead);
    expect(parseRegisterValue(serializeRegisterValue(value))).toEqual(value);
  });
  test('is refused once anything moved since the region was compared', () => {
    for (const change of [{ holder: east }, { epoch: 6 }, { epoch: 4 }]) expect(refusal(signOff(valueOf({ ...back, ...change }), found, maker()))).toMatch(/ask again/);
    expect(refusal(signOff(valueOf({ ...back, regions: { [east]: { reconciled: true } } }), found, maker()))).toMatch(/reconciled already/);
    expect(refusal(signOff(back, { ...found, region: ireland }, maker()))).toMatch(/not a candidate/);
  });
});

describe('over every value that the type allows', () => {
  const anyRegion = fc.constantFrom(east, west);
  const anySeen = fc.record({
    epoch: fc.integer({ min: 1, max: 6 }),
    renewal: fc.integer({ min: 0, max: 3 }).map(renewalId),
    attempt: fc.integer({ min: 1, max: 4 }),
    successor: fc.option(anyRegion),
  });
  type Make = (v: RegisterValue, seen: { epoch: number; renewal: string; attempt: number; successor: string | null }, me: string, other: string) => Proposed;
  const changes: Record<string, Make> = {
    renew: (v, s, me) => renew(v, me, s.epoch, renewalId(50)),
    declareLapse: (v, s, _, other) => declareLapse(v, s, other, maker()),
    revoke: (v, s, _, other) => revoke(v, s, 'region-sick', other, maker()),
    operatorRevoke: (v, s, _, other) => revoke(v, s, 'operator-failover', other, maker()),
    nextAttempt: (v, s, me) => nextAttempt(v, { ...s, successor: v.successor }, me, 3, maker()),
    takeLease: (v, _, me) => takeLease(v, v, me, renewalId(50)),
    handBack: (v, _, me) => handBack(v, v, me, renewalId(50), maker()),
    operatorSwitch: (v, _, __, other) => operatorSwitch(v, other, policy, maker()),
    release: (v, s, me) => release(v, me, s.epoch),
    gateOpened: (v, s, me) => gateOpened(v, me, s.epoch, s.attempt, maker()),
    serviceValidated: (v, s, me) => serviceValidated(v, me, s.epoch, s.attempt, maker()),
    rollBack: (v, s, me, other) => rollBack(v, me, s.epoch, s.attempt, other, 3, maker()),
    healthDropped: (v) => healthChanged(v, 'health-dropped', maker()),
    healthRestored: (v) => healthChanged(v, 'health-restored', maker()),
    pause: (v) => pause(v, 'bob', 'x', 2),
    resume: (v) => resume(v),
  };

  test.each(Object.entries(changes))('%s keeps the epoch rising, the holder for takeLease alone, and a readable value', (name, make) => {
    always(
      fc.property(anyValue, anySeen, anyRegion, anyRegion, (value, seen, me, other) => {
        const before = serializeRegisterValue(value);
        const proposed = make(value, seen, me, other);
        expect(serializeRegisterValue(value)).toBe(before);
        if (proposed.kind === 'refuse') {
          expect(proposed.because).not.toBe('');
          return;
        }
        const next = proposed.value;
        expect(parseRegisterValue(serializeRegisterValue(next))).toEqual(next);
        // Only a take-over and a hand-back change who may act, by one epoch; only they make a revoked or released lease good again.
        const takes = name === 'takeLease' || name === 'handBack';
        expect(next.epoch).toBe(value.epoch + (takes ? 1 : 0));
        if (name !== 'takeLease') expect(next.holder).toBe(value.holder);
        if (name === 'handBack') expect(value.released).toBe(false);
        if (!takes) {
          expect(next.renewable && !value.renewable).toBe(false);
          expect(value.released && !next.released).toBe(false);
        }
        // Only a renewal and a take-over change the renewal: anything else would restart the challenger's clock.
        if (!takes && name !== 'renew') expect(next.renewal).toBe(value.renewal);
        // A successor is named exactly while renewal is forbidden; and what is reserved never goes back: (reserved epoch, attempt) only rises.
        if (isReachable(value)) {
          expect(isReachable(next)).toBe(true);
          expect(reservedEpoch(next) * 1000 + next.attempt).toBeGreaterThanOrEqual(reservedEpoch(value) * 1000 + value.attempt);
        }
        // A paused group makes no transition by itself.
        if (value.paused !== null && ['declareLapse', 'revoke', 'operatorRevoke', 'operatorSwitch', 'nextAttempt', 'healthDropped', 'healthRestored'].includes(name))
          throw new Error('acted while paused');
      }),
      400,
    );
  });

  test('a lease that somebody may still renew is never taken, nor reserved anew', () => {
    always(
      fc.property(anyValue, anyRegion, (value, me) => {
        fc.pre(value.renewable && isReachable(value));
        expect(takeLease(value, value, me, renewalId(50)).kind).toBe('refuse');
        expect(release(value, value.holder, value.epoch).kind).toBe('refuse');
      }),
    );
  });
});

/** The protocol names a successor together with the revocation, and both end with the take-over. */
function isReachable(value: RegisterValue): boolean {
  return value.renewable === (value.successor === null);
}

describe('transitions in the value', () => {
  test('carry from, to, why, the epoch that is reached for, and are chained by the audit head', () => {
    const one = made(revoke(valueOf(), { epoch: 4 }, 'region-sick', west, maker({ because: 'it burns', evidence: 'abc', atMs: 77 })));
    const [transition] = one.transitions;
    expect(transition).toEqual({ from: 'normal', to: 'failing-over', on: 'region-sick', because: 'it burns', epoch: 5, attempt: 1, by: west, atMs: 77 });
    expect(one).toMatchObject({ because: 'it burns', evidence: 'abc', auditHead: digest(`\n${JSON.stringify(transition)}`) });
    const two = made(nextAttempt(one, one, east, 3, maker()));
    expect(two.auditHead).toBe(digest(`${one.auditHead}\n${JSON.stringify(two.transitions[1])}`));
  });

  test('are kept to the newest few, oldest first', () => {
    always(
      fc.property(around(transitionsKept), (count) => {
        let value = valueOf();
        for (let i = 0; i < count; i += 1) value = made(healthChanged(value, value.state === 'normal' ? 'health-dropped' : 'health-restored', maker({ atMs: i })));
        expect(value.transitions.map((t) => t.atMs)).toEqual(Array.from({ length: count }, (_, i) => i).slice(-transitionsKept));
      }),
      30,
    );
  });
});
