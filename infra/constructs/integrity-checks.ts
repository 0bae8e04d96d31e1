// Why: what looks after the vault by itself: the scrub, the comparison of the sites, and the check for what was never made. A function each, a
// schedule each, in every candidate region.
import { Aws } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { scrubIntervalMinutes } from '../../src/config/settings.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { INTEGRITY_CHECKS } from './permissions.ts';

export type IntegrityChecksProps = { readonly config: RuntimeConfig; readonly vault: NonNullable<RuntimeConfig['vault']>; readonly region: string; readonly topic: Topic };

export class IntegrityChecks extends Construct {
  /** Nothing of them may fire before the first rows stand. */
  readonly schedules: readonly Construct[];

  constructor(scope: Construct, id: string, props: IntegrityChecksProps) {
    super(scope, id);
    const { config, region, topic, vault } = props;
    const publish = () => new PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topicArn] });
    const functions = INTEGRITY_CHECKS.map(
      (name) => [name, new HoldfastFunction(this, { config, region, name, environment: { HOLDFAST_TOPIC_ARN: topic.topicArn }, statements: [publish()] }).function] as const,
    );
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
      inlinePolicies: {
        exactly: new PolicyDocument({ statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: functions.map(([, target]) => target.functionArn) })] }),
      },
    });
    this.schedules = functions.map(
      ([name, target]) =>
        new CfnSchedule(this, `Schedule-${name}`, {
          name: `holdfast-${config.group}-${name}`,
          scheduleExpression: everyOf(name, vault.scrubDays),
          scheduleExpressionTimezone: 'UTC',
          flexibleTimeWindow: { mode: 'OFF' },
          target: { arn: target.functionArn, roleArn: role.roleArn, input: JSON.stringify({ group: config.group }), retryPolicy: { maximumRetryAttempts: 1, maximumEventAgeInSeconds: 600 } },
        }),
    );
  }
}

function everyOf(name: (typeof INTEGRITY_CHECKS)[number], scrubDays: number): string {
  if (name === 'scrub') return rate(scrubIntervalMinutes(scrubDays));
  return rate(name === 'compare-sites' ? 60 : 15);
}

function rate(minutes: number): string {
  return minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`;
}
