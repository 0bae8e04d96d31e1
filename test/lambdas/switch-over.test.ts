// The functions of a switch-over as Lambda runs them: what they are handed is refused with a sentence before anything is asked, and what people are
// told says how it ended.
import { describe, expect, test, vi } from 'vitest';
import type { Notice } from '../../src/ports/notifier.ts';
import { coldStart } from './function-fixture.ts';

const silent = () => {
  throw new Error('nothing may be asked');
};
const asked = { group: 'orders', target: 'us-east-1', by: 'ada', reason: 'patch day', execution: 'sw-1' };
const attempt = { ...asked, holder: 'us-west-2', epoch: 5, attempt: 1 };

const steps: Record<string, { readonly load: () => Promise<{ handler: (event: unknown) => Promise<unknown> }>; readonly good: object; readonly bad: readonly object[] }> = {
  'check-switch': { load: () => import('../../lambdas/check-switch.ts'), good: asked, bad: [{ group: 7 }, { target: '' }, { by: undefined }, { reason: null }, { execution: undefined }] },
  revoke: { load: () => import('../../lambdas/revoke.ts'), good: { ...asked, holder: 'us-west-2', epoch: 4 }, bad: [{ holder: undefined }, { epoch: '4' }, { epoch: 0 }, { reason: undefined }] },
  'start-runbook': { load: () => import('../../lambdas/start-runbook.ts'), good: attempt, bad: [{ holder: 1 }, { epoch: 1.5 }, { attempt: 0 }, { target: undefined }] },
  'await-outcome': { load: () => import('../../lambdas/await-outcome.ts'), good: attempt, bad: [{ holder: undefined }, { epoch: null }, { attempt: '1' }] },
  'report-switch': { load: () => import('../../lambdas/report-switch.ts'), good: attempt, bad: [{ execution: undefined }, { attempt: undefined }] },
};

describe.each(Object.entries(steps))('%s', (_, { load, good, bad }) => {
  test('refuses a malformed input by name, and asks nothing', async () => {
    const { module, asked: calls } = await coldStart(load, silent);
    for (const event of [undefined, null, 'x', {}, ...bad.map((change) => ({ ...good, ...change }))])
      await expect(module.handler(event), JSON.stringify(event)).rejects.toMatchObject({ name: 'MalformedError', retryable: false });
    expect(calls).toEqual([]);
  });
});

test.each(['check-switch', 'revoke'])('%s that was started elsewhere than in its target changes nothing, before anything is asked', async (name) => {
  const step = steps[name];
  const { module, asked: calls } = await coldStart(step?.load ?? (() => Promise.reject(new Error('unreachable'))), silent);
  await expect(module.handler({ ...step?.good, target: 'us-west-2' })).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('Nothing was changed') });
  expect(calls).toEqual([]);
});

test.each([
  ['switched-over', 'info', null],
  ['refused', 'info', { step: 'CheckSwitch', error: 'RefusedError', cause: 'x' }],
  ['handed-back', 'warning', null],
  ['failed-over', 'critical', null],
  ['needs-operator', 'critical', { step: 'Revoke', error: 'NoQuorumError', cause: 'x' }],
])('a switch-over that ended as %s is told as %s', async (outcome, severity, failure) => {
  const told: Notice[] = [];
  const { module } = await coldStart(async () => {
    const { SnsNotifier } = await import('../../src/drivers/aws/sns-notifier.ts');
    vi.spyOn(SnsNotifier.prototype, 'notify').mockImplementation(async (notice) => void told.push(notice));
    return import('../../lambdas/notify.ts');
  }, silent);
  await module.handler({ ...asked, kind: 'switch-over', outcome, because: 'us-east-1 holds epoch 5', failure });
  expect(told).toEqual([
    {
      severity,
      subject: `orders: switch-over to us-east-1 ${outcome}`,
      text: expect.stringMatching(/^sw-1, asked for by ada: patch day\. us-east-1 holds epoch 5\. .*docs\/runbooks\/switch-over\.md/),
    },
  ]);
  if (failure !== null) expect(told[0]?.text).toContain(`${failure.step} failed with ${failure.error}`);
});
