// Why: the failover machine of a candidate, with a function for each of its steps.
import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import type { FenceSettings } from '../../src/config/fences.ts';
import { acknowledgeFences, fenceStatements } from './fence-access.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { FAILOVER_STEPS } from './permissions.ts';
import { addRunbook } from './runbook.ts';

export type FailoverRunbookProps = {
  readonly config: RuntimeConfig;
  readonly region: string;
  readonly topic: Topic;
  readonly serviceUrl: string;
  /** The host name that the service's name must answer with. */
  readonly serviceTarget: string;
  /** Of the whole group; this region runs those of the others. */
  readonly fences: readonly FenceSettings[];
};

export class FailoverRunbook extends Construct {
  readonly machine: StateMachine;
  /** Tells people; the other runbooks use it too. */
  readonly notify: IFunction;

  constructor(scope: Construct, id: string, props: FailoverRunbookProps) {
    super(scope, id);
    const steps = FAILOVER_STEPS.map((name) => [name, this.step(name, props).function] as const);
    const notify = steps.find(([name]) => name === 'notify')?.[1];
    if (notify === undefined) throw new Error("FAILOVER_STEPS has no 'notify'");
    this.notify = notify;
    this.machine = addRunbook(this, {
      group: props.config.group,
      name: 'failover',
      comment: 'Failover of a recovery group into this region',
      steps: Object.fromEntries(steps),
      substitutions: { ApprovalTimeoutSeconds: String(props.config.policy.approvalTimeoutSeconds) },
    });
  }

  private step(name: (typeof FAILOVER_STEPS)[number], props: FailoverRunbookProps): HoldfastFunction {
    const { config, region, topic, serviceUrl, serviceTarget } = props;
    const publishes = name === 'notify' || name === 'fence';
    const fences = name === 'fence' ? props.fences.filter((fence) => fence.region !== region) : [];
    const step = new HoldfastFunction(this, {
      config,
      region,
      name,
      environment: {
        ...(publishes ? { HOLDFAST_TOPIC_ARN: topic.topicArn } : {}),
        ...(name === 'open-gate' || name === 'validate-service' ? { HOLDFAST_SERVICE_URL: serviceUrl } : {}),
        ...(name === 'await-dns' ? { HOLDFAST_SERVICE_TARGET: serviceTarget } : {}),
        ...(name === 'fence' ? { HOLDFAST_FENCES: JSON.stringify(fences), HOLDFAST_ACCOUNT: Aws.ACCOUNT_ID } : {}),
      },
      statements: [...(publishes ? [new PolicyStatement({ actions: ['sns:Publish'], resources: [topic.topicArn] })] : []), ...fenceStatements(config, region, fences)],
    });
    acknowledgeFences(step, fences);
    return step;
  }
}
