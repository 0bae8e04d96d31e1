// Why: backups by schedule and by hand, restores by hand and as tests by schedule: two machines, a function for each of their steps, the log's own minute, and retention's hour.
import { Aws } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { BACKUP_STEPS, type FunctionName, RESTORE_STEPS } from './permissions.ts';
import { addRunbook } from './runbook.ts';

/** Away from the hour in which full backups begin. */
const RETENTION_AT = 'cron(30 3 * * ? *)';

export type BackupRunbooksProps = {
  readonly config: RuntimeConfig;
  readonly region: string;
  readonly notify: IFunction;
  readonly vault: Pick<NonNullable<HoldfastConfig['vault']>, 'schedules' | 'partsMode'>;
};

export class BackupRunbooks extends Construct {
  /** Nothing of them may fire before the first rows stand. */
  readonly schedules: readonly Construct[];

  constructor(scope: Construct, id: string, props: BackupRunbooksProps) {
    super(scope, id);
    const { config, region, notify } = props;
    const make = (name: FunctionName): [FunctionName, IFunction] => [name, new HoldfastFunction(this, { config, region, name }).function];
    const backupSteps = BACKUP_STEPS.map(make);
    const restoreSteps = RESTORE_STEPS.map(make);
    const runbook = (runbookId: string, name: string, comment: string, steps: readonly [FunctionName, IFunction][]) =>
      addRunbook(new Construct(this, runbookId), { group: config.group, name, comment, steps: { ...Object.fromEntries(steps), notify }, partsMode: props.vault.partsMode });
    const backup = runbook('Backup', 'backup', "A recovery point of the group's table", backupSteps);
    const restore = runbook('Restore', 'restore', "A restore of the group's table into one beside it, or in place", [...backupSteps, ...restoreSteps]);
    const archive = restoreSteps.find(([name]) => name === 'archive-log')?.[1];
    const [, rotate] = make('rotate-keys');
    if (archive === undefined) throw new Error("RESTORE_STEPS has no 'archive-log'");

    const retention = new HoldfastFunction(this, { config, region, name: 'keep-retention' }).function;
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
      inlinePolicies: {
        exactly: new PolicyDocument({
          statements: [
            new PolicyStatement({ actions: ['states:StartExecution'], resources: [backup.stateMachineArn, restore.stateMachineArn] }),
            new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [archive.functionArn, retention.functionArn, rotate.functionArn] }),
          ],
        }),
      },
    });
    const schedule = (scheduleId: string, name: string, scheduleExpression: string, arn: string, input: object) =>
      new CfnSchedule(this, scheduleId, {
        name: `holdfast-${config.group}-${name}`,
        scheduleExpression,
        scheduleExpressionTimezone: 'UTC',
        flexibleTimeWindow: { mode: 'OFF' },
        target: { arn, roleArn: role.roleArn, input: JSON.stringify(input), retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: 600 } },
      });
    const { differential } = props.vault.schedules;
    this.schedules = [
      schedule('Full', 'full', props.vault.schedules.full, backup.stateMachineArn, { group: config.group, type: 'full', by: 'schedule' }),
      schedule('Incremental', 'incremental', props.vault.schedules.incremental, backup.stateMachineArn, { group: config.group, type: 'incremental', by: 'schedule' }),
      ...(differential === undefined ? [] : [schedule('Differential', 'differential', differential, backup.stateMachineArn, { group: config.group, type: 'differential', by: 'schedule' })]),
      schedule('RestoreTest', 'restore-test', props.vault.schedules.restoreTest, restore.stateMachineArn, {
        group: config.group,
        at: null,
        point: null,
        into: null,
        select: null,
        by: 'schedule',
        test: {},
      }),
      schedule('Log', 'log', 'rate(1 minute)', archive.functionArn, { group: config.group }),
      schedule('Retention', 'retention', RETENTION_AT, retention.functionArn, { group: config.group }),
      schedule('Keys', 'keys', 'rate(1 day)', rotate.functionArn, {}),
    ];
  }
}
