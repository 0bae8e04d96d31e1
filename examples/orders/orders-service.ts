// Why: the sample service as its team would have written it without Holdfast: one table, one function. New are only the stream, which the
// change log is made from, and that the table cannot be deleted by accident.
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, StreamViewType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { ApplicationLogLevel, Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime, SystemLogLevel } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { codeDirectory } from '../../infra/constructs/holdfast-function.ts';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';

export class OrdersService extends Construct {
  readonly table: Table;
  readonly handler: LambdaFunction;

  constructor(scope: Construct, id: string, config: HoldfastConfig) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      tableName: config.table.name,
      partitionKey: { name: config.table.partitionKey, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      stream: StreamViewType.NEW_AND_OLD_IMAGES,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RemovalPolicy.RETAIN,
      deletionProtection: true,
    });
    const logGroup = new LogGroup(this, 'Logs', { logGroupName: `/aws/lambda/${config.group}`, retention: RetentionDays.ONE_MONTH, removalPolicy: RemovalPolicy.DESTROY });
    const statements = [
      new PolicyStatement({ actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'], resources: [this.table.tableArn] }),
      new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] }),
    ];
    this.handler = new LambdaFunction(this, 'Handler', {
      functionName: config.group,
      description: 'PUT, GET and DELETE /orders/{id}',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(codeDirectory(this, 'orders')),
      handler: 'index.handler',
      timeout: Duration.seconds(10),
      memorySize: 512,
      reservedConcurrentExecutions: 8,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.WARN,
      systemLogLevelV2: SystemLogLevel.WARN,
      role: new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com'), inlinePolicies: { exactly: new PolicyDocument({ statements }) } }),
    });
  }
}
