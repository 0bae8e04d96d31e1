// Why: that our stacks pass cdk-nag (templates.test.ts) means something only if a stack that breaks a rule does not.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newApp } from '../../infra/main.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-nag-'));
  process.env['CDK_OUTDIR'] = directory;
});
afterAll(() => {
  delete process.env['CDK_OUTDIR'];
  rmSync(directory, { recursive: true, force: true });
});

it('a queue that anyone may use without TLS fails the synth', () => {
  const app = newApp();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  new CfnQueue(new Stack(app, 'Planted'), 'Queue');
  expect(() => app.synth()).toThrow(/require requests to use SSL[^]*AwsSolutions-SQS4/);
}, 60_000);
