// Why: what a vault may have that the sample has not. A Distributed Map needs the rights to start and follow executions of its own machine, and no more: only AWS
// would miss them.
import { beforeAll, expect, it } from 'vitest';
import { parseBackupRequest } from '../../src/core/backup/backup-plan.ts';
import { config } from '../../holdfast.config.ts';
import { resourcesOf, statementsOf, synthesise, type Template, textOf } from './synthesised.ts';

let template: Template;
beforeAll(async () => {
  if (config.vault === undefined) throw new Error('the sample has no vault');
  const vault = { ...config.vault, partsMode: 'DISTRIBUTED', schedules: { ...config.vault.schedules, differential: 'cron(30 */6 * * ? *)' } } as const;
  // Checked: the rights are new to cdk-nag too.
  const found = (await synthesise({ config: { ...config, vault } })).templates.get('Holdfast-orders-us-west-2');
  if (found === undefined) throw new Error('no stack of us-west-2 was made');
  template = found;
}, 120_000);

it('with distributed parts deploys both machines so, and grants only their own executions', () => {
  const machines = new Map(
    resourcesOf(template, 'AWS::StepFunctions::StateMachine').map(([, machine]) => [String(machine.Properties['StateMachineName']), JSON.stringify(machine.Properties['DefinitionString'])]),
  );
  const modes = Object.fromEntries([...machines].map(([name, definition]) => [name, definition.split('DISTRIBUTED').length - 1]));
  expect(modes).toEqual({ 'holdfast-orders-backup': 1, 'holdfast-orders-failover': 0, 'holdfast-orders-restore': 1, 'holdfast-orders-switch-over': 0 });
  const granted = statementsOf(template)
    .filter(({ where, statement }) => /(Backup|Restore)Role/.test(where) && JSON.stringify(statement['Action']).includes('states:'))
    .map(({ statement }) => `${[statement['Action']].flat().join(' ')}: ${textOf(statement['Resource']).replace(/^.*AccountId}:/, '')}`);
  expect(granted.toSorted()).toEqual([
    'states:DescribeExecution states:StopExecution: execution:holdfast-orders-backup:*',
    'states:DescribeExecution states:StopExecution: execution:holdfast-orders-restore:*',
    'states:StartExecution: stateMachine:holdfast-orders-backup',
    'states:StartExecution: stateMachine:holdfast-orders-restore',
  ]);
});

it('with differentials has a schedule for them, whose input PlanBackup parses', () => {
  const schedules = resourcesOf(template, 'AWS::Scheduler::Schedule').filter(([, { Properties }]) => Properties['Name'] === 'holdfast-orders-differential');
  expect(schedules.map(([, { Properties }]) => Properties['ScheduleExpression'])).toEqual(['cron(30 */6 * * ? *)']);
  expect(schedules.map(([, { Properties }]) => parseBackupRequest(JSON.parse(Object(Properties['Target'])['Input'])))).toEqual([{ group: 'orders', type: 'differential', by: 'schedule' }]);
});
