// Why: "nothing asked for a control plane" is worth something only from an eye that would have seen it.
import { expect, test } from 'vitest';
import { judgeControlPlanes, validatedAtMs } from './control-planes.ts';
import type { ControlPlanesJournal } from './journal.ts';

const call = (caller: string, action: string) => ({ region: 'us-west-2', caller, action, times: 1 });
const step = (name: string) => call(`state ${name} of holdfast-orders-failover`, 'lambda:InvokeFunction');
const good: ControlPlanesJournal = {
  fromMs: 1000,
  untilMs: 90_000,
  wasRefusing: true,
  refused: [],
  allowed: [
    call('holdfast-orders-tick', 'states:StartExecution'),
    call('holdfast-orders-take-lease', 'dynamodb:UpdateItem'),
    ...['TakeLease', 'Synchronise', 'OpenGate', 'AwaitDns', 'ValidateService', 'Report'].map(step),
  ],
  validatedAtMs: 80_000,
};
const refusal = (path: string | null, caller: string) => ({ region: 'us-west-2', caller, path, action: 'route53:ChangeResourceRecordSets', what: 'POST /2013-04-01/hostedzone/Z/rrset' });
const judge = (more: Partial<ControlPlanesJournal>) => judgeControlPlanes({ controlPlanes: { ...good, ...more } });

test('a failover that asked for nothing, and one that was not judged', () => {
  expect(judge({})).toEqual({ evidence: [], ofVault: 0 });
  expect(judgeControlPlanes({ controlPlanes: null })).toEqual({ evidence: [], ofVault: 0 });
});

test('a refused call of the failover, or of nobody, is a finding; one of a backup is counted', () => {
  expect(judge({ refused: [refusal('failover', 'holdfast-orders-open-gate'), refusal(null, ''), refusal('vault', 'holdfast-orders-archive-log')] })).toEqual({
    evidence: [
      'us-west-2: holdfast-orders-open-gate asked for route53:ChangeResourceRecordSets (POST /2013-04-01/hostedzone/Z/rrset) and was refused',
      'us-west-2: somebody without a name asked for route53:ChangeResourceRecordSets (POST /2013-04-01/hostedzone/Z/rrset) and was refused',
    ],
    ofVault: 1,
  });
});

test.each([
  ['a failover that was not complete', { validatedAtMs: null }, /not complete while/],
  ['control planes that came back', { wasRefusing: false }, /back before/],
  ['no start of the runbook', { allowed: good.allowed.filter(({ action }) => action !== 'states:StartExecution') }, /did not see that a governor started/],
  [
    'a step of another machine',
    { allowed: good.allowed.map((each) => ({ ...each, caller: each.caller.replace('OpenGate of holdfast-orders-failover', 'OpenGate of holdfast-orders-backup') })) },
    /runbook's OpenGate/,
  ],
  ['no call of a function', { allowed: good.allowed.filter(({ caller }) => !caller.includes('take-lease')) }, /a write of take-lease/],
])('%s is a finding', (_, more, expected) => {
  const { evidence } = judge(more);
  expect(evidence).toHaveLength(1);
  expect(evidence[0]).toMatch(expected);
});

test('a failover is validated when a majority says so under another holder, though it is degraded soon after', () => {
  const said = (atMs: number, state: string, holder: string, epoch: number) =>
    ['us-west-2', 'eu-west-1'].map((region) => ({ region, atMs, ballot: String(atMs), state, holder, epoch, attempt: 1, successor: null }));
  const before = [...said(10, 'normal', 'us-east-1', 1), ...said(20, 'degraded', 'us-east-1', 1), ...said(30, 'failing-over', 'us-west-2', 2), ...said(40, 'recovery', 'us-west-2', 2)];
  const fault = { region: 'us-east-1', epoch: 1 };
  expect(validatedAtMs(before, 3, fault)).toBeNull();
  expect(validatedAtMs([...before, ...said(50, 'normal', 'us-west-2', 2), ...said(51, 'degraded', 'us-west-2', 2)], 3, fault)).toBe(50);
  expect(validatedAtMs([...before, ...said(51, 'degraded', 'us-west-2', 2)], 3, fault)).toBe(51);
  expect(validatedAtMs([...before, ...said(50, 'normal', 'us-west-2', 2).slice(1)], 3, fault)).toBeNull();
});
