// Why: the runbooks are state machines; these are the places where the emulator, as installed, ran them otherwise than AWS's documentation says.
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, failOnce, localAccountId, type RunningRegion, regionUrl, startRegion } from '../../../local/engine/ministack.ts';
import { credentials, deploy, discard, eventually, install, lambda, newRegion } from './engine-fixture.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion;
let client: { region: string; endpoint: string; credentials: typeof credentials; maxAttempts: number };

beforeAll(async () => {
  engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  client = { region: region.region, endpoint: regionUrl(region), credentials, maxAttempts: 1 };
}, 120_000);

afterAll(async () => {
  await discard(region, running);
});

describe('Step Functions', () => {
  async function runMachine(name: string, definition: unknown, input: unknown = {}): Promise<{ status: string | undefined; output: unknown; error: string | undefined; seconds: number }> {
    const outputs = await deploy(region, name, {
      Resources: {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { StateMachineName: name, RoleArn: `arn:aws:iam::${localAccountId}:role/test`, DefinitionString: JSON.stringify(definition) },
        },
      },
      Outputs: { Arn: { Value: { Ref: 'Machine' } } },
    });
    const machines = new SFNClient(client);
    const started = await machines.send(new StartExecutionCommand({ stateMachineArn: outputs['Arn'], name: 'run-1', input: JSON.stringify(input) }));
    return eventually(`the end of ${name}`, async () => {
      const execution = await machines.send(new DescribeExecutionCommand({ executionArn: started.executionArn }));
      if (execution.status === 'RUNNING') return undefined;
      const seconds = ((execution.stopDate?.getTime() ?? 0) - (execution.startDate?.getTime() ?? 0)) / 1000;
      return { status: execution.status, output: JSON.parse(execution.output ?? 'null'), error: execution.error, seconds };
    });
  }

  test('a call that is to fail once is not carried out, fails by a name of Lambda, and the next one is', async () => {
    await deploy(region, 'counter', { Resources: { Counter: lambda('counter', 'let calls = 0; exports.handler = async () => ({ calls: (calls += 1) });') } });
    failOnce(region.directory, 'counter');
    const Count = {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Arguments: { FunctionName: `arn:aws:lambda:us-east-1:${localAccountId}:function:counter`, Payload: {} },
      Retry: [{ ErrorEquals: ['Lambda.ServiceException'], IntervalSeconds: 1, MaxAttempts: 1, BackoffRate: 1 }],
      Output: '{% $states.result.Payload %}',
      End: true,
    };
    const result = await runMachine('counting', { QueryLanguage: 'JSONata', StartAt: 'Count', States: { Count } });
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { calls: 1 } });
    expect(result.seconds).toBeGreaterThanOrEqual(0.9);
    failOnce(region.directory, 'counter');
    expect(await runMachine('counting-without-retry', { QueryLanguage: 'JSONata', StartAt: 'Count', States: { Count: { ...Count, Retry: [] } } })).toMatchObject({
      status: 'FAILED',
      error: 'Lambda.ServiceException',
    });
  });

  test('Catch matches the name of the error', async () => {
    await deploy(region, 'thrower', {
      Resources: {
        Thrower: lambda(
          'thrower',
          `
      class StaleEpoch extends Error { name = 'StaleEpoch'; }
      let calls = 0;
      exports.handler = async (event) => { calls++; if (event.fail) throw new StaleEpoch('epoch 7 is over'); return { calls }; };`,
        ),
      },
    });
    const arn = `arn:aws:lambda:us-east-1:${localAccountId}:function:thrower`;
    const result = await runMachine('catcher', {
      QueryLanguage: 'JSONata',
      StartAt: 'Throw',
      States: {
        Throw: {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Arguments: { FunctionName: arn, Payload: { fail: true } },
          Catch: [
            { ErrorEquals: ['Other'], Next: 'Wrong' },
            { ErrorEquals: ['StaleEpoch'], Next: 'Right', Assign: { error: '{% $states.errorOutput.Error %}' } },
          ],
          Next: 'Wrong',
        },
        Right: { Type: 'Succeed', Output: { caught: '{% $error %}' } },
        Wrong: { Type: 'Fail' },
      },
    });
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { caught: 'StaleEpoch' } });
  }, 20_000);

  test('Assign sees the old values; Parallel has Arguments, Output and Assign, and branches of its own', async () => {
    const branch = (own: string) => ({
      StartAt: `First${own}`,
      States: {
        [`First${own}`]: { Type: 'Pass', Assign: { mine: own }, Next: `Pause${own}` },
        [`Pause${own}`]: { Type: 'Wait', Seconds: 1, Next: `Second${own}` },
        [`Second${own}`]: { Type: 'Pass', Output: { mine: '{% $mine %}', state: '{% $states.context.State.Name %}', argument: '{% $states.input.argument %}' }, End: true },
      },
    });
    const result = await runMachine('assigner', {
      QueryLanguage: 'JSONata',
      StartAt: 'Begin',
      States: {
        Begin: { Type: 'Pass', Assign: { a: 1, b: 2 }, Next: 'Swap' },
        Swap: { Type: 'Pass', Assign: { a: '{% $b %}', b: '{% $a %}' }, Next: 'Both' },
        Both: {
          Type: 'Parallel',
          Arguments: { argument: '{% $a %}' },
          Branches: [branch('A'), branch('B')],
          Assign: { count: '{% $count($states.result) %}' },
          Output: { branches: '{% $states.result %}' },
          Next: 'Done',
        },
        Done: { Type: 'Succeed', Output: { a: '{% $a %}', b: '{% $b %}', count: '{% $count %}', branches: '{% $states.input.branches %}' } },
      },
    });
    expect(result).toMatchObject({
      status: 'SUCCEEDED',
      output: {
        a: 2,
        b: 1,
        count: 2,
        branches: [
          { mine: 'A', state: 'SecondA', argument: 2 },
          { mine: 'B', state: 'SecondB', argument: 2 },
        ],
      },
    });
  }, 20_000);

  test('time limits: of the machine, and of a task as an expression; no delay at the start', async () => {
    const whole = await runMachine('limited', {
      QueryLanguage: 'JSONata',
      TimeoutSeconds: 1,
      StartAt: 'Wait',
      States: { Wait: { Type: 'Wait', Seconds: 2, Next: 'Late' }, Late: { Type: 'Succeed' } },
    });
    expect(whole).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout' });
    const arn = `arn:aws:lambda:us-east-1:${localAccountId}:function:sleeper`;
    await deploy(region, 'sleeper', { Resources: { Sleeper: lambda('sleeper', `exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 5000)); };`) } });
    const task = await runMachine(
      'tasklimit',
      {
        QueryLanguage: 'JSONata',
        StartAt: 'Task',
        States: { Task: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments: { FunctionName: arn }, TimeoutSeconds: '{% $states.input.limit %}', End: true } },
      },
      { limit: 1 },
    );
    expect(task).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(task.seconds).toBeLessThan(3);
    const quick = await runMachine('quick', { StartAt: 'Done', States: { Done: { Type: 'Succeed' } } });
    expect(quick.seconds).toBeLessThan(0.14);
  }, 30_000);

  test('the same name and input while running answers with the running execution; another input, or one that ended, is refused', async () => {
    const outputs = await deploy(region, 'named', {
      Resources: {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: {
            StateMachineName: 'named',
            RoleArn: `arn:aws:iam::${localAccountId}:role/test`,
            DefinitionString: JSON.stringify({ StartAt: 'Wait', States: { Wait: { Type: 'Wait', Seconds: 2, End: true } } }),
          },
        },
      },
      Outputs: { Arn: { Value: { Ref: 'Machine' } } },
    });
    const machines = new SFNClient(client);
    const start = (input: string) => machines.send(new StartExecutionCommand({ stateMachineArn: outputs['Arn'], name: 'fo-2-1', input }));
    const first = await start('{"epoch":2}');
    expect((await start('{"epoch":2}')).executionArn).toBe(first.executionArn);
    await expect(start('{"epoch":3}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    await eventually('the end', async () => ((await machines.send(new DescribeExecutionCommand({ executionArn: first.executionArn }))).status === 'SUCCEEDED' ? true : undefined));
    await expect(start('{"epoch":2}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  }, 20_000);
});
