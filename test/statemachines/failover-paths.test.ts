// Why: every failure of every step must end in a named outcome, roll back before the gate was opened, and only go forward after it.
import { describe, expect, it } from 'vitest';
import { ScriptedError, type Script, walk as walkMachine } from './interpreter.ts';
import { callsOf, invokedBy, readMachine } from './machine.ts';

const { machine } = readMachine('failover');
const input = { group: 'orders', epoch: 2, attempt: 1, target: 'us-west-2' };
const walk: typeof walkMachine = (of, given, script) => walkMachine(of, given, script, 'fo-2-1');

const GOOD: Readonly<Record<string, unknown>> = {
  TakeLease: { epoch: 2, attempt: 1, takenAtMs: 1000 },
  Synchronise: { isComplete: true, applied: 7, approvalNeeded: false, loss: { items: 0 } },
  AwaitApproval: { approvedBy: 'a person' },
  OpenGate: { openedAtMs: 2000 },
  AwaitDns: { answeredAtMs: 3000, waitedMs: 1000 },
  ValidateService: { p95Ms: 12 },
  Report: { epoch: 2 },
  AbandonAttempt: { outcome: 'rolled-back' },
  Notify: {},
  Fence: {},
};

/** Answers well, but for the functions named. */
function failing(errors: Readonly<Record<string, string>>, more: Readonly<Record<string, unknown>> = {}): Script {
  return (name) => {
    const error = errors[name];
    if (error !== undefined) throw new ScriptedError(error);
    return more[name] ?? GOOD[name];
  };
}

const BEFORE_OPEN = ['TakeLease', 'Synchronise', 'OpenGate'] as const;
const NEVER_RETRIED = ['TargetUnfitError', 'ClockSkewError', 'RowMissingError', 'MalformedError'] as const;

describe('a failover', () => {
  it('goes the straight way when all is well', async () => {
    const { path, end, calls } = await walk(machine, input, failing({}));
    expect(path).toEqual([
      'TakeLease',
      'Fence',
      'Synchronise',
      'IsSynchronised',
      'IsApprovalNeeded',
      'OpenGate',
      'Notify',
      'AwaitDns',
      'ValidateService',
      'Report',
      'NotifyOutcome',
      'HowDidItEnd',
      'FailedOver',
    ]);
    expect(end).toBe('FailedOver');
    expect(calls[0]?.payload).toEqual({ ...input, execution: 'fo-2-1' });
    expect(calls.find((call) => call.name === 'Report')?.payload).toMatchObject({
      takenAtMs: 1000,
      openedAtMs: 2000,
      applied: 7,
      loss: { items: 0 },
      dns: { waitedMs: 1000 },
      dnsFailure: null,
      failure: null,
    });
  });

  it('synchronises round by round and adds up what was applied', async () => {
    const rounds: Script = (name, payload) => (name === 'Synchronise' ? { isComplete: payload['round'] === 3, applied: 5, approvalNeeded: false, loss: {} } : GOOD[name]);
    const { calls, end } = await walk(machine, input, rounds);
    expect(calls.filter((call) => call.name === 'Synchronise').length).toBe(4);
    expect(calls.find((call) => call.name === 'Report')?.payload).toMatchObject({ applied: 20 });
    expect(end).toBe('FailedOver');
  });

  it('gives up a log that never ends', async () => {
    const endless = await walk(machine, input, failing({}, { Synchronise: { isComplete: false, applied: 1, approvalNeeded: false, loss: {} } }));
    expect(endless.end).toBe('RolledBack');
    expect(endless.calls.filter((call) => call.name === 'Synchronise').length).toBe(500);
    expect(endless.cause).toMatch(/not at its end after 500 rounds/);
  });

  it('asks a person with the measured loss, and opens on yes', async () => {
    const asked = { Synchronise: { isComplete: true, applied: 7, approvalNeeded: true, loss: { items: 3 } } };
    const { path, calls } = await walk(machine, input, failing({}, asked));
    expect(path.slice(4, 8)).toEqual(['IsApprovalNeeded', 'NotifyApprovalNeeded', 'AwaitApproval', 'OpenGate']);
    expect(calls.find((call) => call.name === 'AwaitApproval')?.payload).toMatchObject({ taskToken: 'token', loss: { items: 3 } });
    expect(calls.find((call) => call.name === 'Report')?.payload).toMatchObject({ approval: { approvedBy: 'a person' } });
  });

  it.each(['States.Timeout', 'RefusedError'])('rolls back when the person does not say yes (%s)', async (answer) => {
    const asked = { Synchronise: { isComplete: true, applied: 7, approvalNeeded: true, loss: { items: 3 } } };
    const { end, calls } = await walk(machine, input, failing({ AwaitApproval: answer }, asked));
    expect(end).toBe('RolledBack');
    expect(calls.filter((call) => call.name === 'AwaitApproval').length).toBe(1);
    expect(calls.some((call) => call.name === 'OpenGate')).toBe(false);
  });

  it.each(BEFORE_OPEN.flatMap((step) => [...NEVER_RETRIED, 'NoQuorumError', 'States.Timeout', 'Lambda.Unknown'].map((error) => [step, error] as const)))(
    '%s failing with %s gives the attempt up',
    async (step, error) => {
      const { path, end, calls } = await walk(machine, input, failing({ [step]: error }));
      expect(path).toContain('AbandonAttempt');
      expect(end).toBe('RolledBack');
      expect(calls.find((call) => call.name === 'AbandonAttempt')?.payload).toMatchObject({ epoch: 2, attempt: 1, failure: { step, error } });
      if (NEVER_RETRIED.some((name) => name === error)) expect(calls.filter((call) => call.name === step).length).toBe(1);
    },
  );

  it.each([
    ['rolled-back', 'RolledBack'],
    ['superseded', 'Superseded'],
    ['needs-operator', 'NeedsOperator'],
    ['something new', 'NeedsOperator'],
  ])('an attempt given up as %s ends in %s', async (outcome, end) => {
    expect((await walk(machine, input, failing({ TakeLease: 'TargetUnfitError' }, { AbandonAttempt: { outcome } }))).end).toBe(end);
  });

  it('needs a person where giving up fails too', async () => {
    const { end, calls } = await walk(machine, input, failing({ TakeLease: 'NoQuorumError', AbandonAttempt: 'NoQuorumError' }));
    expect(end).toBe('NeedsOperator');
    expect(calls.filter((call) => call.name === 'AbandonAttempt').length).toBe(31);
  });

  it.each(['AwaitDns', 'ValidateService'])('goes forward only when %s fails, and needs a person', async (step) => {
    const { path, cause, calls } = await walk(machine, input, failing({ [step]: 'ValidationFailedError' }));
    expect(path).not.toContain('AbandonAttempt');
    expect(path.slice(-5)).toEqual(['ValidateService', 'Report', 'NotifyOutcome', 'HowDidItEnd', 'NeedsOperator']);
    expect(cause).toMatch(new RegExp(`holdfast status[^]*"step":"${step}","error":"ValidationFailedError"`));
    const [dnsFailure, failure] = step === 'AwaitDns' ? [expect.objectContaining({ step }), null] : [null, expect.objectContaining({ step })];
    expect(calls.find((call) => call.name === 'Report')?.payload).toMatchObject({ dnsFailure, failure });
  });

  it('waits for DNS by retrying, and for nothing after its limit', async () => {
    const late: Script = (name, _, call) => {
      if (name === 'AwaitDns' && call < 61) throw new ScriptedError('StepNotReadyError');
      return GOOD[name];
    };
    expect((await walk(machine, input, late)).end).toBe('FailedOver');
    expect((await walk(machine, input, failing({ AwaitDns: 'StepNotReadyError' }))).end).toBe('NeedsOperator');
  });

  it('waits for the lease for a minute, no longer', async () => {
    const { calls, end } = await walk(machine, input, failing({ TakeLease: 'LeaseNotDueError' }));
    expect(calls.filter((call) => call.name === 'TakeLease').length).toBe(61);
    expect(end).toBe('RolledBack');
  });

  it('says so where the report itself cannot be written', async () => {
    expect((await walk(machine, input, failing({ Report: 'NoQuorumError' }))).end).toBe('NeedsOperator');
  });

  it('is neither stopped nor changed by a notification that fails', async () => {
    const asked = { Synchronise: { isComplete: true, applied: 7, approvalNeeded: true, loss: {} } };
    for (const error of ['States.Timeout', 'Lambda.TooManyRequestsException', 'MalformedError']) {
      expect((await walk(machine, input, failing({ Notify: error }, asked))).end).toBe('FailedOver');
    }
  });

  it('starts the fences right after the take-over, and is neither stopped nor held up by them', async () => {
    const [, fence] = callsOf(machine).find(([name]) => name === 'Fence') ?? [];
    expect(fence?.Arguments.InvocationType).toBe('Event');
    expect(fence?.TimeoutSeconds).toBeLessThanOrEqual(2);
    for (const error of ['States.Timeout', 'Lambda.TooManyRequestsException', 'SupersededError', 'MalformedError']) {
      const { end, calls } = await walk(machine, input, failing({ Fence: error }));
      expect(end).toBe('FailedOver');
      expect(calls.filter((call) => call.name === 'Fence')).toHaveLength(1);
    }
    // Where no lease was taken, nobody is stopped.
    const { calls } = await walk(machine, input, failing({ TakeLease: 'TargetUnfitError' }));
    expect(calls.some((call) => call.name === 'Fence')).toBe(false);
  });

  const superseded = callsOf(machine).filter(([name]) => !name.startsWith('Notify') && name !== 'Fence');
  it.each(superseded.map(([name]) => name))('ends at once in %s when another one acts', async (name) => {
    const task = superseded.find(([each]) => each === name)?.[1];
    if (task === undefined) throw new Error(`${name} is gone`);
    const before = name === 'AbandonAttempt' ? { TakeLease: 'TargetUnfitError' } : {};
    const asked = { Synchronise: { isComplete: true, applied: 7, approvalNeeded: true, loss: {} } };
    const { path, end, calls } = await walk(machine, input, failing({ ...before, [invokedBy(task)]: 'SupersededError' }, asked));
    expect(end).toBe('Superseded');
    expect(path.slice(-2)).toEqual([name, 'Superseded']);
    expect(calls.filter((call) => call.name === invokedBy(task)).length).toBe(1);
  });
});
