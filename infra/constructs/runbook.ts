// Why: a runbook's machine is the file in statemachines/, as the Step Functions console shows it; this adds only the functions that it names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { DefinitionBody, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';
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
  /** Of a machine with WriteBackupParts; otherwise INLINE, as the file says. */
  readonly partsMode?: NonNullable<HoldfastConfig['vault']>['partsMode'];
};

const inlineParts = `"MaxConcurrency": 4,
      "ItemProcessor": {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "WriteBackupPart",`;
/** At 10 MiB/s each (assumed), what the default quota of a table lets itself be read by. */
const distributedPartsMax = 16;

/** The one substitution by which WriteBackupParts becomes a Distributed Map, each piece an execution of its own. Unproven on AWS. */
export function withDistributedParts(definition: string): string {
  const [before, after, ...more] = definition.split(inlineParts);
  if (before === undefined || after === undefined || more.length > 0) throw new Error("a machine without 'WriteBackupParts' as backup.asl.json has it cannot have its parts distributed");
  const distributed = inlineParts.replace('{"Mode": "INLINE"}', '{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}').replace('"MaxConcurrency": 4', `"MaxConcurrency": ${distributedPartsMax}`);
  return `${before}${distributed}${after}`;
}

/** Puts `Role` and `Machine` into `scope`. */
export function addRunbook(scope: Construct, props: RunbookProps): StateMachine {
  const steps = Object.entries(props.steps);
  const name = `holdfast-${props.group}-${props.name}`;
  const file = readFileSync(join(DEFINITIONS, `${props.name}.asl.json`), 'utf8');
  const isDistributed = props.partsMode === 'DISTRIBUTED';
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } } }),
    inlinePolicies: {
      exactly: new PolicyDocument({
        statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: steps.map(([, step]) => step.functionArn) }), ...(isDistributed ? childStatements(name) : [])],
      }),
    },
  });
  if (isDistributed)
    acknowledge(
      role,
      `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:${name}:*]`,
      'A Distributed Map names its own executions; the machine is named.',
    );
  const machine = new StateMachine(scope, 'Machine', {
    stateMachineName: name,
    comment: props.comment,
    definitionBody: DefinitionBody.fromString(isDistributed ? withDistributedParts(file) : file),
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

/** What a Distributed Map needs: its pieces are executions of its own machine (AWS, *IAM policies for using Distributed Map states*). */
function childStatements(name: string): PolicyStatement[] {
  const arn = (kind: string) => `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:${kind}:${name}`;
  return [
    new PolicyStatement({ actions: ['states:StartExecution'], resources: [arn('stateMachine')] }),
    new PolicyStatement({ actions: ['states:DescribeExecution', 'states:StopExecution'], resources: [`${arn('execution')}:*`] }),
  ];
}
