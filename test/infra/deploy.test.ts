// Why: a deployment to AWS that lacks something must say what, before it builds or touches anything.
import { describe, expect, it } from 'vitest';
import { deploy } from '../../scripts/deploy.ts';

const certificateArns = Object.fromEntries(['us-east-1', 'us-west-2', 'eu-west-1'].map((region) => [region, `arn:aws:acm:${region}:123456789012:certificate/x`]));

describe('deploy to AWS', () => {
  it.each<[string, Partial<Parameters<typeof deploy>[0]>, RegExp]>([
    ['the hosted zone', { account: '123456789012', certificateArns }, /needs the hosted zone of api\.orders\.example: --hosted-zone/],
    ['the account', { hostedZoneId: 'Z1', certificateArns }, /needs the account id.*--account 123456789012/],
    ['a certificate', { hostedZoneId: 'Z1', account: '123456789012', certificateArns: { 'us-east-1': 'arn' } }, /needs a certificate for api\.orders\.example in us-west-2: --certificate us-west-2=/],
  ])('names %s that it lacks', async (_, options, message) => {
    const lines: string[] = [];
    await expect(deploy({ ...options, log: (line) => lines.push(line) })).rejects.toThrow(message);
    expect(lines).toEqual([]);
  });

  it('names the region that has no local endpoint', async () => {
    await expect(deploy({ endpoints: { 'us-east-1': 'http://127.0.0.1:9' }, lambdas: '/nowhere', log: () => undefined })).rejects.toThrow(/no endpoint for (eu-west-1|us-west-2) among us-east-1/);
  });
});
