// Why: a runbook's machine is the file in statemachines/, as the Step Functions console shows it; this adds only the functions that it names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { constructIdOf } from './holdfast-function.ts';
import { acknowledge } from './nag-exceptions.ts';
import type { FunctionName } from './permissions.ts';

const DEFINITIONS = join(import.meta.dirname, '../../statemachines');

export type RunbookProps = {
  readonly group: string;
  /** `statemachines/<name>.asl.json`; the machine is `holdfast-<group>-<name>`. */
  readonly name: string;
  readonly comment: string;
  readonly steps: Readonly<Partial<Record<FunctionName, IFunction>>>;
  readonly substitutions?: Readonly<Record<string, string>>;
};

/** Puts `Role` and `Machine` into `scope`. */
export function addRunbook(scope: Construct, props: RunbookProps): StateMachine {
  const steps = Object.entries(props.steps);
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
    inlinePolicies: {
      exactly: new PolicyDocument({ statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: steps.map(([, step]) => step.functionArn) })] }),
    },
  });
  const machine = new StateMachine(scope, 'Machine', {
    stateMachineName: `holdfast-${props.group}-${props.name}`,
    comment: props.comment,
    definitionBody: DefinitionBody.fromString(readFileSync(join(DEFINITIONS, `${props.name}.asl.json`), 'utf8')),
    definitionSubstitutions: { ...Object.fromEntries(steps.map(([name, step]) => [`${constructIdOf(name)}FunctionArn`, step.functionArn])), ...props.substitutions },
    role,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  acknowledge(
    machine,
    'AwsSolutions-SF1',
    'Step Functions keeps the history of each execution for 90 days and the report row keeps its figures; sending it to CloudWatch Logs as well needs rights on every log group of the account.',
  );
  acknowledge(machine, 'AwsSolutions-SF2', 'The history shows each step and its duration; X-Ray adds cost, and a right on every resource, to a machine that runs rarely.');
  return machine;
}
