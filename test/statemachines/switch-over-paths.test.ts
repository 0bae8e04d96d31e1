// Why: a planned switch-over promises that nothing is changed before Revoke, and that after it each end says what is true; this walks the deployed file.
import { describe, expect, it } from 'vitest';
import { parseChecked, parseSwitchAttempt, parseSwitchInput } from '../../src/core/failover/switch-over.ts';
import { readFailure } from '../../src/client/runbook-runs.ts';
import { type Script, ScriptedError, walk } from './interpreter.ts';
import { callsOf, readMachine } from './machine.ts';

const { machine } = readMachine('switch-over');
const input = { group: 'orders', target: 'us-west-2', by: 'ada', reason: 'patch day' };
const revoked = { holder: 'us-east-1', target: 'us-west-2', epoch: 4, attempt: 1, revokedAtMs: 5000 };
const GOOD: Readonly<Record<string, unknown>> = {
  CheckSwitch: { holder: 'us-east-1', epoch: 3, checkedAtMs: 4000, notShipped: 0, notShippedAgeMs: 0, notApplied: 2, notAppliedAgeMs: 300 },
  Revoke: revoked,
  StartRunbook: { execution: 'fo-4-1', outcome: 'started' },
  AwaitOutcome: { kind: 'switched-over', because: 'us-west-2 holds epoch 4' },
  ReportSwitch: { outcome: 'switched-over', openedAtMs: 9000 },
  Notify: null,
};
const failing =
  (errors: Readonly<Record<string, string>>, answers: Readonly<Record<string, unknown>> = {}): Script =>
  (name) => {
    const error = errors[name];
    if (error !== undefined) throw new ScriptedError(error);
    return answers[name] ?? GOOD[name];
  };
const run = async (script: Script) => walk(machine, input, script, 'sw-20261128t101500-0a1b2c3d');
const BEFORE = ['NoQuorumError', 'RefusedError', 'States.Timeout', 'Lambda.Unknown'];

describe('the switch-over machine', () => {
  it('goes its way, and gives its report out', async () => {
    const { path, calls, end, output } = await run(failing({}));
    expect(path).toEqual(['CheckSwitch', 'Revoke', 'StartRunbook', 'AwaitOutcome', 'ReportSwitch', 'NotifyOutcome', 'HowDidItEnd', 'SwitchedOver']);
    expect(end).toBe('SwitchedOver');
    expect(output).toEqual(GOOD['ReportSwitch']);
    for (const { payload } of calls) expect(parseSwitchInput(payload)).toEqual({ ...input, execution: 'sw-20261128t101500-0a1b2c3d' });
    const of = (name: string) => calls.find((call) => call.name === name)?.payload;
    expect(parseChecked(of('Revoke'))).toEqual({ holder: 'us-east-1', epoch: 3 });
    for (const name of ['StartRunbook', 'AwaitOutcome', 'ReportSwitch']) expect(parseSwitchAttempt(of(name))).toEqual({ holder: 'us-east-1', target: 'us-west-2', epoch: 4, attempt: 1 });
    expect(of('ReportSwitch')).toMatchObject({ startedAtMs: Date.parse('2026-11-29T10:30:00.000Z'), checked: GOOD['CheckSwitch'], revokedAtMs: 5000, outcome: 'switched-over', failure: null });
    expect(of('Notify')).toMatchObject({ kind: 'switch-over', outcome: 'switched-over', failure: null });
  });

  it.each(BEFORE)('is refused, with nothing changed, where the check fails with %s', async (error) => {
    const { path, calls, end, cause } = await run(failing({ CheckSwitch: error }));
    expect(path).toEqual(['CheckSwitch', 'NotifyOutcome', 'HowDidItEnd', 'Refused']);
    expect(end).toBe('Refused');
    expect(new Set(calls.map((call) => call.name))).toEqual(new Set(['CheckSwitch', 'Notify']));
    expect(readFailure('Refused', String(cause))).toMatchObject({ step: 'CheckSwitch', error });
  });

  it('looks again while what stands against it may pass, and is refused in the end', async () => {
    const passing: Script = (name, _, call) => {
      if (name === 'CheckSwitch' && call < 16) throw new ScriptedError('StepNotReadyError');
      return GOOD[name];
    };
    expect((await run(passing)).end).toBe('SwitchedOver');
    expect((await run(failing({ CheckSwitch: 'StepNotReadyError' }))).end).toBe('Refused');
  });

  it('is refused where the register says no, and needs a person where it is not known whether it said yes', async () => {
    const refused = await run(failing({ Revoke: 'RefusedError' }));
    expect(refused.end).toBe('Refused');
    expect(refused.calls.filter((call) => call.name === 'Revoke').length).toBe(1);
    const unknown = await run(failing({ Revoke: 'NoQuorumError' }));
    expect(unknown.end).toBe('NeedsOperator');
    expect(unknown.calls.filter((call) => call.name === 'Revoke').length).toBe(31);
    expect(unknown.cause).toMatch(/holdfast status[^]*not known whether the lease was revoked[^]*NoQuorumError/);
    expect(unknown.calls.some((call) => call.name === 'StartRunbook')).toBe(false);
  });

  it.each(['States.Timeout', 'Lambda.Unknown', 'MalformedError', 'NoQuorumError'])('goes on where the runbook cannot be started (%s): the next tick does it', async (error) => {
    const { end, path } = await run(failing({ StartRunbook: error }));
    expect(path.slice(2, 4)).toEqual(['StartRunbook', 'AwaitOutcome']);
    expect(end).toBe('SwitchedOver');
  });

  it.each([
    ['handed-back', 'HandedBack'],
    ['failed-over', 'FailedOver'],
    ['needs-operator', 'NeedsOperator'],
    ['something new', 'NeedsOperator'],
  ])('that came out as %s ends in %s, with the reason and a report', async (kind, end) => {
    const walked = await run(failing({}, { AwaitOutcome: { kind, because: 'us-east-1 holds epoch 4' } }));
    expect(walked.end).toBe(end);
    expect(walked.cause).toContain('us-east-1 holds epoch 4');
    expect(walked.calls.find((call) => call.name === 'ReportSwitch')?.payload).toMatchObject({ outcome: kind, because: 'us-east-1 holds epoch 4' });
  });

  it('waits a quarter of an hour for the register, no longer, and says that it goes on', async () => {
    const late: Script = (name, _, call) => {
      if (name === 'AwaitOutcome' && call < 901) throw new ScriptedError('StepNotReadyError');
      return GOOD[name];
    };
    expect((await run(late)).end).toBe('SwitchedOver');
    const never = await run(failing({ AwaitOutcome: 'StepNotReadyError' }));
    expect(never.end).toBe('NeedsOperator');
    expect(never.path).toContain('ReportSwitch');
    expect(never.cause).toMatch(/goes on all the same/);
  });

  it('ends as it came out though the report or the notice cannot be made', async () => {
    for (const step of ['ReportSwitch', 'Notify']) {
      const { end, calls } = await run(failing({ [step]: 'States.Timeout' }));
      expect(end).toBe('SwitchedOver');
      if (step === 'ReportSwitch') expect(calls.at(-1)?.payload).toMatchObject({ failure: { step: 'ReportSwitch' } });
    }
  });

  it.each(callsOf(machine).flatMap(([name]) => (name.startsWith('Notify') ? [] : [name])))('survives one failure of %s', async (step) => {
    const once: Script = (name, _, call) => {
      if (name === step && call === 1) throw new ScriptedError('Lambda.Unknown');
      return GOOD[name];
    };
    expect((await run(once)).end).toBe('SwitchedOver');
  });
});
