// Why: the machine of a planned switch-over into this region, with a function for each of its steps. What it sets going is the failover machine.
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { SWITCH_STEPS } from './permissions.ts';
import { addRunbook } from './runbook.ts';

export type SwitchOverRunbookProps = {
  readonly config: RuntimeConfig;
  readonly region: string;
  /** The failover runbook's. */
  readonly notify: IFunction;
  /** The ARN of this region's failover machine. */
  readonly failover: string;
};

export class SwitchOverRunbook extends Construct {
  constructor(scope: Construct, id: string, props: SwitchOverRunbookProps) {
    super(scope, id);
    const { config, region, notify, failover } = props;
    const step = (name: (typeof SWITCH_STEPS)[number]): IFunction => {
      const starts = name === 'start-runbook';
      return new HoldfastFunction(this, {
        config,
        region,
        name,
        environment: starts ? { HOLDFAST_STATE_MACHINE_ARN: failover } : {},
        statements: starts ? [new PolicyStatement({ actions: ['states:StartExecution'], resources: [failover] })] : [],
      }).function;
    };
    addRunbook(this, {
      group: config.group,
      name: 'switch-over',
      comment: 'Planned switch-over of a recovery group into this region',
      steps: { ...Object.fromEntries(SWITCH_STEPS.map((name) => [name, step(name)])), notify },
    });
  }
}
