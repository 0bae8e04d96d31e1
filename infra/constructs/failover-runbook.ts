// Why: the runbook's machine is the file in statemachines/, as the Step Functions console shows it; this adds only the functions that it names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { constructIdOf, HoldfastFunction } from './holdfast-function.ts';
import { acknowledge } from './nag-exceptions.ts';
import { FAILOVER_STEPS } from './permissions.ts';

const DEFINITION = join(import.meta.dirname, '../../statemachines/failover.asl.json');

export type FailoverRunbookProps = {
  readonly config: RuntimeConfig;
  readonly region: string;
  readonly topic: Topic;
  readonly serviceUrl: string;
  /** The host name that the service's name must answer with. */
  readonly serviceTarget: string;
};

export class FailoverRunbook extends Construct {
  readonly machine: StateMachine;

  constructor(scope: Construct, id: string, props: FailoverRunbookProps) {
    super(scope, id);
    const steps = FAILOVER_STEPS.map((name) => this.step(name, props));
    const substitutions = Object.fromEntries(steps.map(({ name, made }) => [`${constructIdOf(name)}FunctionArn`, made.function.functionArn]));
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
      inlinePolicies: {
        exactly: new PolicyDocument({ statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: steps.map(({ made }) => made.function.functionArn) })] }),
      },
    });
    this.machine = new StateMachine(this, 'Machine', {
      stateMachineName: `holdfast-${props.config.group}-failover`,
      comment: 'Failover of a recovery group into this region',
      definitionBody: DefinitionBody.fromString(readFileSync(DEFINITION, 'utf8')),
      definitionSubstitutions: { ...substitutions, ApprovalTimeoutSeconds: String(props.config.policy.approvalTimeoutSeconds) },
      role,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(
      this.machine,
      'AwsSolutions-SF1',
      'Step Functions keeps the history of each execution for 90 days and the report row keeps its figures; sending it to CloudWatch Logs as well needs rights on every log group of the account.',
    );
    acknowledge(this.machine, 'AwsSolutions-SF2', 'The history shows each step and its duration; X-Ray adds cost, and a right on every resource, to a machine that runs only on a bad day.');
  }

  private step(name: (typeof FAILOVER_STEPS)[number], props: FailoverRunbookProps) {
    const { config, region, topic, serviceUrl, serviceTarget } = props;
    const publishes = name === 'notify';
    const made = new HoldfastFunction(this, {
      config,
      region,
      name,
      environment: {
        ...(publishes ? { HOLDFAST_TOPIC_ARN: topic.topicArn } : {}),
        ...(name === 'open-gate' || name === 'validate-service' ? { HOLDFAST_SERVICE_URL: serviceUrl } : {}),
        ...(name === 'await-dns' ? { HOLDFAST_SERVICE_TARGET: serviceTarget } : {}),
      },
      statements: publishes ? [new PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topicArn] })] : [],
    });
    return { name, made };
  }
}
