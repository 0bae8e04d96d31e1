// The steps of a planned switch-over over a group in memory: what is refused before anything is changed, the one change that is made once however often
// it is asked for, and what is written down.
import { describe, expect, it } from 'vitest';
import { executionName } from '../../src/core/failover/runbook.ts';
import { switchBecause, switchReportKey, type SwitchInput } from '../../src/core/failover/switch-over.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { gateOpened, handBack, releaseTo, serviceValidated, takeLease } from '../../src/core/failover/register-changes.ts';
import { padSequenceNumber } from '../../src/core/log/change-record.ts';
import { reportKey } from '../../src/operations/report.ts';
import { catchUp, shipLog } from '../../src/operations/ship-log.ts';
import { checkSwitch } from '../../src/operations/switch-check.ts';
import { awaitOutcome, reportSwitch } from '../../src/operations/switch-outcome.ts';
import { revokeForSwitch, startRunbook } from '../../src/operations/switch-revoke.ts';
import { maker } from '../core/fixtures.ts';
import { east, opened, west, type Group } from './group.ts';

const input: SwitchInput = { group: 'orders', target: west, by: 'ada', reason: 'patch day', execution: 'sw-1' };
const attempt = { holder: east, target: west, epoch: 2, attempt: 1 };
const seen = { holder: east, epoch: 1 };

async function well(change = {}): Promise<Group> {
  const group = await opened(change);
  // Each vantage point needs some probes before it says that a region is well.
  await group.rounds(4);
  return group;
}

const logsOf = () => [east, west].map((region) => new MemoryLogStore(region));
const change = (group: Group, n: number, ageMs: number) => ({ key: `k${n}`, image: { id: { S: `k${n}` } }, epoch: 1, atMs: group.clock.nowMs() - ageMs, sequenceNumber: padSequenceNumber(String(n)) });

describe('CheckSwitch', () => {
  it('finds who holds, and lets it pass where both are well', async () => {
    const group = await well();
    expect(await checkSwitch(group.governor(west), input, logsOf())).toEqual({
      holder: east,
      epoch: 1,
      checkedAtMs: group.clock.nowMs(),
      notShipped: 0,
      notShippedAgeMs: 0,
      notApplied: 0,
      notAppliedAgeMs: 0,
    });
  });

  it('refuses a region that is not well in the eyes of a majority, and changes nothing', async () => {
    const group = await well();
    group.probes[west] = { readiness: 'failed' };
    await group.rounds(4);
    const before = await group.value();
    await expect(checkSwitch(group.governor(west), input, logsOf())).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringMatching(/us-west-2 is not seen well.*Nothing was changed/) });
    expect(await group.value()).toEqual(before);
  });

  it('waits without what a majority of vantage points saw lately', async () => {
    const group = await opened();
    await expect(checkSwitch(group.governor(west), input, logsOf())).rejects.toMatchObject({ name: 'StepNotReadyError', message: expect.stringContaining('is not seen well') });
  });

  it('waits while the log of the holder is old and not here, or here and not applied', async () => {
    const group = await well();
    const [ofEast, ofWest] = logsOf();
    if (ofEast === undefined || ofWest === undefined) throw new Error('no logs');
    await shipLog(ofEast, [change(group, 1, 6000)], [ofEast], sha256);
    await expect(checkSwitch(group.governor(west), input, [ofEast, ofWest])).rejects.toThrow(/1 changes of us-east-1 are not in us-west-2 yet, the oldest 6\.0 s old/);
    await catchUp(east, ofEast, ofWest, sha256);
    await expect(checkSwitch(group.governor(west), input, [ofEast, ofWest])).rejects.toThrow(/1 changes of us-east-1 are not applied in us-west-2 yet/);
  });

  it('lets a short log pass, and says how long it is', async () => {
    const group = await well();
    const [ofEast, ofWest] = logsOf();
    if (ofEast === undefined || ofWest === undefined) throw new Error('no logs');
    await shipLog(ofEast, [change(group, 1, 900), change(group, 2, 400)], [ofEast], sha256);
    expect(await checkSwitch(group.governor(west), input, [ofEast, ofWest])).toMatchObject({ notShipped: 2, notShippedAgeMs: 900, notApplied: 0 });
  });

  it('cannot tell without a majority of the register', async () => {
    const group = await well();
    group.faults.faultOf = (call) => (call.region === west ? undefined : { kind: 'lose-request' });
    await expect(checkSwitch(group.governor(west), input, logsOf())).rejects.toMatchObject({ name: 'NoQuorumError' });
  });

  it('runs in the target only', async () => {
    const group = await well();
    await expect(checkSwitch(group.governor(east), input, logsOf())).rejects.toMatchObject({ name: 'RefusedError' });
  });
});

describe('Revoke', () => {
  it('revokes once, however often it is asked', async () => {
    const group = await well();
    const first = await revokeForSwitch(group.governor(west), input, seen);
    expect(first).toEqual({ ...attempt, revokedAtMs: group.clock.nowMs() });
    const stands = await group.value();
    expect(stands).toMatchObject({ planned: true, renewable: false, successor: west, state: 'failing-over', because: switchBecause(input) });
    group.clock.advance(700);
    expect(await revokeForSwitch(group.governor(west), input, seen)).toEqual(first);
    expect((await group.value()).transitions).toEqual(stands.transitions);
  });

  it('knows its own revocation again after the release, the take-over and all', async () => {
    const group = await well();
    const first = await revokeForSwitch(group.governor(west), input, seen);
    await group.changeRegister((v) => releaseTo(v, v, east));
    expect(await revokeForSwitch(group.governor(west), input, seen)).toEqual(first);
    await group.changeRegister((v) => takeLease(v, v, west, 'r'));
    expect(await revokeForSwitch(group.governor(west), input, seen)).toEqual(first);
    expect((await group.value()).epoch).toBe(2);
  });

  it('refuses a second switch-over during one, and one that another holder or epoch came before', async () => {
    const group = await well();
    await revokeForSwitch(group.governor(west), input, seen);
    await expect(revokeForSwitch(group.governor(west), { ...input, execution: 'sw-2' }, seen)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('under way') });
    const other = await well();
    await expect(revokeForSwitch(other.governor(west), input, { holder: east, epoch: 2 })).rejects.toThrow(/us-east-1 holds epoch 1 by now/);
    expect((await other.value()).renewable).toBe(true);
  });

  it('is retried where its outcome is unknown, and made once', async () => {
    const group = await well();
    group.faults.faultOf = (call) => (call.method === 'change' && call.region !== west ? { kind: 'lose-answer' } : undefined);
    await expect(revokeForSwitch(group.governor(west), input, seen)).rejects.toMatchObject({ name: 'NoQuorumError', retryable: true });
    group.faults.faultOf = () => undefined;
    expect(await revokeForSwitch(group.governor(west), input, seen)).toMatchObject(attempt);
    expect((await group.value()).transitions.filter((t) => t.on === 'operator-switch')).toHaveLength(1);
  });
});

describe('StartRunbook', () => {
  it('starts the attempt once, and says so where it runs already', async () => {
    const group = await well();
    await revokeForSwitch(group.governor(west), input, seen);
    expect(await startRunbook(group.governor(west), attempt)).toEqual({ execution: 'fo-2-1', outcome: 'started' });
    expect(await startRunbook(group.governor(west), attempt)).toEqual({ execution: 'fo-2-1', outcome: 'exists' });
    expect(group.started.filter((s) => s.name === executionName(2, 1))).toEqual([{ name: 'fo-2-1', input: group.inputOf(2) }]);
  });

  it('starts nothing for an attempt that is over', async () => {
    const group = await well();
    await revokeForSwitch(group.governor(west), input, seen);
    await group.changeRegister((v) => handBack(v, v, east, 'r', maker()));
    const before = group.started.length;
    expect(await startRunbook(group.governor(west), attempt)).toMatchObject({ outcome: 'over' });
    expect(group.started).toHaveLength(before);
  });
});

describe('AwaitOutcome and ReportSwitch', () => {
  const outputs = { startedAtMs: 1000, checked: seen, revokedAtMs: 5000, outcome: 'switched-over', because: 'it is', failure: null };
  const failover = (of: object) => ({ key: reportKey(2), set: { report: JSON.stringify({ ...of }) }, when: [], mayCreate: true });

  it('waits until the service is validated', async () => {
    const group = await well();
    await revokeForSwitch(group.governor(west), input, seen);
    await expect(awaitOutcome(group.governor(west), attempt)).rejects.toMatchObject({ name: 'StepNotReadyError' });
    await group.changeRegister((v) => releaseTo(v, v, east));
    await group.changeRegister((v) => takeLease(v, v, west, 'r'));
    await group.changeRegister((v) => gateOpened(v, west, 2, 1, maker()));
    await expect(awaitOutcome(group.governor(west), attempt)).rejects.toMatchObject({ name: 'StepNotReadyError' });
    await group.changeRegister((v) => serviceValidated(v, west, 2, 1, maker()));
    expect(await awaitOutcome(group.governor(west), attempt)).toMatchObject({ kind: 'switched-over' });
  });

  it('says how long writes were refused at most and at least, by one clock', async () => {
    const group = await well();
    await group.governor(west).own.change(failover({ ...group.inputOf(2), takenAtMs: 7600, openedAtMs: 8250, isValidated: true }));
    const report = await reportSwitch(group.governor(west), input, attempt, outputs);
    expect(report).toMatchObject({ takenAtMs: 7600, openedAtMs: 8250, isValidated: true, refusedMsMax: 3250, refusedMsMin: 650, execution: 'sw-1', holder: east, epoch: 2 });
    expect(JSON.parse(String((await group.row(west, switchReportKey(2)))?.['report']))).toEqual(report);
    expect(await reportSwitch(group.governor(west), input, attempt, outputs)).toEqual(report);
  });

  it('invents no figure: none of another attempt, none where this region did not open', async () => {
    const group = await well();
    expect(await reportSwitch(group.governor(west), input, attempt, outputs)).toMatchObject({ takenAtMs: null, openedAtMs: null, refusedMsMax: null, refusedMsMin: null, isValidated: false });
    await group.governor(west).own.change(failover({ ...group.inputOf(2, 2), takenAtMs: 7600, openedAtMs: 8250, isValidated: true }));
    expect(await reportSwitch(group.governor(west), input, attempt, { ...outputs, revokedAtMs: null })).toMatchObject({ refusedMsMax: null, refusedMsMin: null, isValidated: false });
  });
});
