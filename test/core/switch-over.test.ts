// What stands against a planned switch-over, and how the register says that it came out: every value that the failover and the hand-back can leave.
import { describe, expect, it } from 'vitest';
import { declareLapse, gateOpened, handBack, nextAttempt, operatorSwitch, releaseTo, serviceValidated, takeLease, type Proposed } from '../../src/core/failover/register-changes.ts';
import { judgeProgress, logAgeMsMax, refusalByRegister, objectionsTo, revocationOf, switchBecause, type SwitchLag } from '../../src/core/failover/switch-over.ts';
import type { Judgement, CandidateVerdict } from '../../src/core/health/verdict.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { east, maker, policy, valueOf, west } from './fixtures.ts';

const input = { group: 'orders', target: west, by: 'ada', reason: 'patch day', execution: 'sw-1' };
const normal = valueOf({ epoch: 3 });
const of = { holder: east, target: west, epoch: 4, attempt: 1 };

function set(proposed: Proposed): RegisterValue {
  if (proposed.kind === 'refuse') throw new Error(proposed.because);
  return proposed.value;
}
const revoked = set(operatorSwitch(normal, west, policy, maker({ because: switchBecause(input) })));
const released = set(releaseTo(revoked, revoked, east));
const taken = set(takeLease(released, released, west, 'r1'));
const opened = set(gateOpened(taken, west, 4, 1, maker()));
const validated = set(serviceValidated(opened, west, 4, 1, maker()));

describe('how it came out', () => {
  it('is under way until the service is validated', () => {
    for (const v of [revoked, released, taken, opened]) expect(judgeProgress(v, of).kind).toBe('under-way');
    expect(judgeProgress(validated, of).kind).toBe('switched-over');
    expect(judgeProgress({ ...validated, state: 'degraded' }, of).kind).toBe('switched-over');
    expect(judgeProgress(revoked, of).because).toContain('hands over');
    expect(judgeProgress(released, of).because).toContain('has released epoch 3');
  });

  it('is a failover where the target took by its clock: the old holder is not reconciled then', () => {
    const byClock = set(takeLease(revoked, revoked, west, 'r1'));
    const after = set(serviceValidated(set(gateOpened(byClock, west, 4, 1, maker())), west, 4, 1, maker()));
    expect(judgeProgress(after, of)).toMatchObject({ kind: 'failed-over', because: expect.stringContaining(`${east} is not reconciled`) });
  });

  it('is handed back once the old holder serves again in the epoch that was reserved', () => {
    const back = set(handBack(revoked, revoked, east, 'r2', maker()));
    expect(judgeProgress(back, of).kind).toBe('under-way');
    const served = set(serviceValidated(set(gateOpened(back, east, 4, 2, maker())), east, 4, 2, maker()));
    expect(judgeProgress(served, of)).toMatchObject({ kind: 'handed-back', because: expect.stringContaining(`${east} holds epoch 4`) });
  });

  it('is a failover where another attempt, or a later epoch, came to serve', () => {
    const next = set(nextAttempt(revoked, revoked, west, 3, maker()));
    expect(judgeProgress(next, of).kind).toBe('under-way');
    const byNext = set(takeLease(next, next, west, 'r3'));
    expect(judgeProgress(set(serviceValidated(set(gateOpened(byNext, west, 4, 2, maker())), west, 4, 2, maker())), of).kind).toBe('failed-over');
    const lapsed = set(declareLapse(validated, validated, east, maker()));
    const again = set(takeLease(lapsed, lapsed, east, 'r4'));
    expect(judgeProgress(set(serviceValidated(set(gateOpened(again, east, 5, 1, maker())), east, 5, 1, maker())), of)).toMatchObject({ kind: 'failed-over' });
  });

  it('needs a person where the attempts are spent', () => {
    expect(judgeProgress({ ...revoked, state: 'failed' }, of).kind).toBe('needs-operator');
  });
});

describe('what stands against it in the register', () => {
  it.each<[string, Partial<RegisterValue>, string, RegExp]>([
    ['nothing', {}, west, /^$/],
    ['the state degraded', { state: 'degraded' }, west, /^$/],
    ['the holder as target', {}, east, /holds the lease already/],
    ['a witness', {}, 'eu-west-1', /is a witness/],
    ['a region of nobody', {}, 'us-east-9', /is not a region of this group/],
    ['a target that is not reconciled', { regions: { [east]: { reconciled: true }, [west]: { reconciled: false } } }, west, /not reconciled/],
    ['a service that is not validated', { state: 'recovery' }, west, /not validated yet/],
    ['a group that needs a person', { state: 'failed' }, west, /needs a person/],
    ['a failover under way', { state: 'failing-over', renewable: false, successor: west }, west, /is under way \(fo-4-1\)/],
    ['a pause', { paused: { by: 'grace', reason: 'migration', atMs: 1 } }, west, /paused by grace: migration/],
  ])('%s', (_, change, target, says) => {
    expect(refusalByRegister({ ...normal, ...change }, target, policy) ?? '').toMatch(says);
  });

  it('writes that are not fenced', () => {
    expect(refusalByRegister(normal, west, { ...policy, isFenced: false })).toMatch(/not fenced/);
  });
});

describe('what stands against it beside the register', () => {
  const judged = (kind: Judgement['kind']): Judgement => ({ kind, because: `${kind} at 2 of 3` });
  const verdict = (region: string, liveness: Judgement['kind'] = 'healthy', readiness: Judgement['kind'] = 'healthy'): CandidateVerdict => ({
    region,
    liveness: judged(liveness),
    readiness: judged(readiness),
    failingAt: [],
    steadyAt: [],
    health: 1,
    latencyMs: 10,
    dataAgeMs: 0,
    priority: null,
  });
  const none: SwitchLag = { notShipped: 0, notShippedAgeMs: 0, notApplied: 0, notAppliedAgeMs: 0 };
  const well = [verdict(east), verdict(west)];

  it('is nothing where both are well and the log is short', () => {
    expect(objectionsTo(normal, west, well, none)).toEqual([]);
    expect(objectionsTo(normal, west, well, { notShipped: 9, notShippedAgeMs: logAgeMsMax, notApplied: 90, notAppliedAgeMs: logAgeMsMax })).toEqual([]);
  });

  it.each([
    [verdict(east, 'failing'), false],
    [verdict(east, 'unknown'), true],
    [verdict(east, 'healthy', 'unknown'), true],
  ] as const)('is a holder that is not well; what is only not known may pass', (holder, mayPass) => {
    expect(objectionsTo(normal, west, [holder, verdict(west)], none)).toEqual([{ because: expect.stringContaining(`${east} is not seen well`), mayPass }]);
  });

  it('is a target that is not well, or of which nothing is known', () => {
    expect(objectionsTo(normal, west, [verdict(east), verdict(west, 'healthy', 'failing')], none)).toEqual([{ because: expect.stringContaining(`${west} is not seen well`), mayPass: false }]);
    expect(objectionsTo(normal, west, [verdict(east)], none)).toEqual([{ because: `nothing is known of ${west}'s health`, mayPass: true }]);
  });

  it('is a log that is too long, shipped or not', () => {
    expect(objectionsTo(normal, west, well, { ...none, notShipped: 1, notShippedAgeMs: logAgeMsMax + 1 })).toEqual([
      { because: expect.stringMatching(/1 changes of us-east-1 are not in us-west-2 yet, the oldest 5\.0 s old/), mayPass: true },
    ]);
    expect(objectionsTo(normal, west, well, { ...none, notApplied: 1, notAppliedAgeMs: logAgeMsMax + 1 })).toEqual([{ because: expect.stringContaining('not applied in us-west-2'), mayPass: true }]);
  });
});

it('a revocation is known again by its execution', () => {
  expect(revocationOf(revoked, input)).toMatchObject({ epoch: 4, attempt: 1, on: 'operator-switch' });
  expect(revocationOf(revoked, { ...input, execution: 'sw-2' })).toBeUndefined();
  expect(revocationOf(validated, input)).toMatchObject({ epoch: 4 });
});
