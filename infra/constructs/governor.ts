// Why: the control loop of a region and its two clocks: slots that Scheduler puts on a queue, and the gate that Route 53 calls.
import { Aws, Duration, Fn, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FunctionUrlAuthType } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { acknowledge } from './nag-exceptions.ts';
import { FUNCTIONS } from './permissions.ts';
import { drainStatements } from './table-access.ts';

/** Slots lie up to two minutes ahead; a little later they are worthless. */
const SLOT_LIFE = Duration.minutes(3);

export type GovernorProps = {
  readonly config: RuntimeConfig;
  readonly region: string;
  readonly topic: Topic;
  readonly serviceUrl: string | undefined;
  /** The failover machine; absent in a witness. */
  readonly stateMachineArn: string | undefined;
  /** The stream of the protected table, which a hand-over reads to its end; absent in a witness. */
  readonly dataStreamArn: string | undefined;
};

export class Governor extends Construct {
  /** What Route 53 checks; undefined in a witness. */
  readonly gate: { readonly host: string; readonly path: string } | undefined;
  /** What sets the governor going: nothing of it may run before the first rows stand. */
  readonly clocks: readonly Construct[];

  constructor(scope: Construct, id: string, props: GovernorProps) {
    super(scope, id);
    const { config, region } = props;
    const queue = new Queue(this, 'Slots', {
      queueName: `holdfast-${config.group}-ticks`,
      retentionPeriod: SLOT_LIFE,
      // A slot that failed is late when it comes again, and late slots are dropped: the next one does the same work.
      visibilityTimeout: Duration.seconds(FUNCTIONS.tick.timeoutSeconds + 5),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    queue.addToResourcePolicy(onlyByTls(queue.queueArn, ['sqs:SendMessage', 'sqs:ReceiveMessage', 'sqs:DeleteMessage']));
    acknowledge(queue, 'AwsSolutions-SQS4', 'The policy denies each action that anyone uses without TLS, one by one; the rule looks for `sqs:*`, and no policy of ours has a wildcard.');
    acknowledge(queue, 'AwsSolutions-SQS3', 'A slot is worth nothing once it is late: it is dropped, and the next slot does the same work. A dead-letter queue would keep what nobody may replay.');

    const tick = this.tick(props, queue);
    const schedule = this.schedule(config, region, queue);
    this.gate = props.stateMachineArn === undefined ? undefined : this.openGate(config, region, tick);
    this.clocks = [...schedule, ...tick.node.findAll().filter((child) => child instanceof EventSourceMapping)];
  }

  private tick(props: GovernorProps, queue: Queue): HoldfastFunction {
    const { config, region, topic, stateMachineArn, dataStreamArn, serviceUrl } = props;
    const tick = new HoldfastFunction(this, {
      config,
      region,
      name: 'tick',
      environment: {
        HOLDFAST_TOPIC_ARN: topic.topicArn,
        ...(stateMachineArn === undefined ? {} : { HOLDFAST_STATE_MACHINE_ARN: stateMachineArn }),
        ...(dataStreamArn === undefined ? {} : { HOLDFAST_DATA_STREAM_ARN: dataStreamArn }),
        ...(serviceUrl === undefined ? {} : { HOLDFAST_SERVICE_URL: serviceUrl }),
      },
      statements: [
        new PolicyStatement({ actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], resources: [queue.queueArn] }),
        new PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topicArn] }),
        ...(stateMachineArn === undefined ? [] : [new PolicyStatement({ actions: ['states:StartExecution'], resources: [stateMachineArn] })]),
        ...(dataStreamArn === undefined ? [] : drainStatements(config, region, dataStreamArn)),
      ],
    });
    new EventSourceMapping(tick, 'FromSlots', { target: tick.function, eventSourceArn: queue.queueArn, batchSize: 1, maxConcurrency: 2 });
    // The gate's call is one of many: trying it again later would only be late.
    tick.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    return tick;
  }

  private schedule(config: RuntimeConfig, region: string, queue: Queue): Construct[] {
    const slots = new HoldfastFunction(this, {
      config,
      region,
      name: 'schedule-slots',
      environment: { HOLDFAST_QUEUE_URL: queue.queueUrl },
      statements: [new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] })],
    });
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
      inlinePolicies: { exactly: new PolicyDocument({ statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [slots.function.functionArn] })] }) },
    });
    const everyMinute = new CfnSchedule(this, 'EveryMinute', {
      name: `holdfast-${config.group}-slots`,
      scheduleExpression: 'rate(1 minute)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: { arn: slots.function.functionArn, roleArn: role.roleArn, retryPolicy: { maximumRetryAttempts: 1, maximumEventAgeInSeconds: 60 } },
    });
    return [everyMinute];
  }

  private openGate(config: RuntimeConfig, region: string, tick: HoldfastFunction): { host: string; path: string } {
    // The random part of the stack's id: nobody can guess it, no template or parameter contains it, and it stays for the stack's life.
    const token = Fn.select(2, Fn.split('/', Aws.STACK_ID));
    const gate = new HoldfastFunction(this, {
      config,
      region,
      name: 'gate',
      environment: { HOLDFAST_GATE_TOKEN: token, HOLDFAST_TICK_FUNCTION_NAME: tick.function.functionName },
      statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [tick.function.functionArn] })],
    });
    const url = gate.function.addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
    return { host: Fn.select(2, Fn.split('/', url.url)), path: `/gate/${token}` };
  }
}

/** What the CDK's `enforceSSL` does, with the actions named one by one. */
export function onlyByTls(resource: string, actions: string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.DENY, principals: [new AnyPrincipal()], actions, resources: [resource], conditions: { Bool: { 'aws:SecureTransport': 'false' } } });
}
