// Why: every function of Holdfast is made the same way: its own role with exact permissions, its own log group with an end to it, its code
// as one built file, and nothing that the CDK would add unasked.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { ApplicationLogLevel, Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime, SystemLogLevel } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type RuntimeConfig } from '../../src/config/runtime-config.ts';
import { acknowledge } from './nag-exceptions.ts';
import { FUNCTIONS, type FunctionName, type FunctionSpec } from './permissions.ts';
import { subjectStatements, tableStatements } from './table-access.ts';
import { targetStatements, testTargetStatements, vaultStatements, wildcardsOf } from './vault-access.ts';

export type HoldfastFunctionProps = {
  readonly config: RuntimeConfig;
  readonly region: string;
  readonly name: FunctionName;
  /** Beyond HOLDFAST_CONFIG. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Beyond the tables of `permissions.ts`. */
  readonly statements?: readonly PolicyStatement[];
};

export class HoldfastFunction extends Construct {
  readonly function: LambdaFunction;

  constructor(scope: Construct, props: HoldfastFunctionProps) {
    super(scope, constructIdOf(props.name));
    const spec: FunctionSpec = FUNCTIONS[props.name];
    const functionName = `holdfast-${props.config.group}-${props.name}`;
    const logGroup = new LogGroup(this, 'Logs', { logGroupName: `/aws/lambda/${functionName}`, retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    const { vault, targets = [], testTargets = [] } = spec;
    const ofVault = [
      ...(vault === undefined ? [] : vaultStatements(props.config, vault)),
      ...targetStatements(props.config, props.region, targets),
      ...testTargetStatements(props.config, props.region, testTargets),
    ];
    const statements = [...tableStatements(props.config, props.region, spec.tables), ...subjectStatements(props.config, spec.subjects), ...ofVault, ...(props.statements ?? []), writeLogs(logGroup)];
    for (const { rule, reason } of wildcardsOf(ofVault)) acknowledge(this, rule, reason);
    this.function = new LambdaFunction(this, 'Function', {
      functionName,
      description: spec.does,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(codeDirectory(this, props.name)),
      handler: 'index.handler',
      timeout: Duration.seconds(spec.timeoutSeconds),
      memorySize: spec.memoryMb,
      role: roleWith(this, statements),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.WARN,
      systemLogLevelV2: SystemLogLevel.WARN,
      environment: { HOLDFAST_CONFIG: JSON.stringify(props.config), ...(vault === undefined ? {} : { HOLDFAST_ACCOUNT: Aws.ACCOUNT_ID }), ...props.environment },
      ...(spec.reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: spec.reservedConcurrency }),
    });
  }
}

/** `take-lease` → `TakeLease`: the state, the construct and the log carry one name. */
export function constructIdOf(name: string): string {
  return name
    .split('-')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}

/** Where `scripts/build-lambdas.ts` put a function; the context key `holdfast:lambdas` names another place. */
export function codeDirectory(scope: Construct, name: string): string {
  const context: unknown = scope.node.tryGetContext('holdfast:lambdas');
  const root = typeof context === 'string' ? context : join(import.meta.dirname, '../../dist/lambdas');
  const directory = join(root, name);
  if (!existsSync(join(directory, 'index.mjs'))) throw new Error(`${directory}/index.mjs is not there: build the functions first (node scripts/build-lambdas.ts)`);
  return directory;
}

// The ARN of a log group ends in `:*`, its streams: Lambda names them, so nobody can name them beforehand.
function writeLogs(logGroup: LogGroup): PolicyStatement {
  return new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] });
}

// Inline, so that the permissions stand when the function first runs, and go with it.
function roleWith(scope: Construct, statements: PolicyStatement[]): IRole {
  return new Role(scope, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), inlinePolicies: { exactly: new PolicyDocument({ statements }) } });
}
