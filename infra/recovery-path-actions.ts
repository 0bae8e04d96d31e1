// Why: a recovery must not need what may be down at the same time. What is not on this list is on no recovery path: test/infra/recovery-path.test.ts
// holds state machines, bundled code and roles against it, the local regions refuse the rest in `npm run demo -- --no-control-plane`, and
// docs/no-control-plane.md shows it.
import type { FunctionName } from './constructs/permissions.ts';

/**
 * `failover`: from a lapsed lease to a served request, and what runs all the time for that; it has no exceptions.
 * `switch-over`: a person moves the group while both regions are well; what it sets going is on the failover path.
 * `vault`: backup, restore, the checks of the vault.
 * `fence`: stops a region that lost the lease, by its control planes too; beside a failover, which starts it and waits for nothing of it.
 * `deployment`: runs while CloudFormation does, and never else.
 */
export type RecoveryPath = 'failover' | 'switch-over' | 'vault' | 'fence' | 'deployment';

/** A function of the sample service is on the path too: it is what must answer in the new region. */
export type JudgedFunction = FunctionName | 'orders';

export const PATH_OF: Readonly<Record<JudgedFunction, RecoveryPath>> = {
  'schedule-slots': 'failover',
  tick: 'failover',
  gate: 'failover',
  'take-lease': 'failover',
  synchronise: 'failover',
  'await-approval': 'failover',
  'open-gate': 'failover',
  'await-dns': 'failover',
  'validate-service': 'failover',
  report: 'failover',
  'abandon-attempt': 'failover',
  notify: 'failover',
  'ship-log': 'failover',
  'apply-log': 'failover',
  maintenance: 'failover',
  orders: 'failover',
  'check-switch': 'switch-over',
  revoke: 'switch-over',
  'start-runbook': 'switch-over',
  'await-outcome': 'switch-over',
  'report-switch': 'switch-over',
  'plan-backup': 'vault',
  'write-backup-part': 'vault',
  'commit-point': 'vault',
  'verify-point': 'vault',
  'archive-log': 'vault',
  'keep-retention': 'vault',
  'rotate-keys': 'vault',
  'plan-restore': 'vault',
  'create-target': 'vault',
  'restore-part': 'vault',
  'restore-in-place': 'vault',
  'validate-restore': 'vault',
  'report-restore': 'vault',
  'drop-target': 'vault',
  'record-restore-test': 'vault',
  scrub: 'vault',
  'compare-sites': 'vault',
  'check-schedules': 'vault',
  fence: 'fence',
  'create-rows': 'deployment',
};

/** Which path a state machine of statemachines/ is on. */
export const PATH_OF_MACHINE: Readonly<Record<string, RecoveryPath>> = { failover: 'failover', 'switch-over': 'switch-over', backup: 'vault', restore: 'vault' };

export type Source = { readonly title: string; readonly url: string };

const PLANES: Source = {
  title: 'AWS Fault Isolation Boundaries, Control planes and data planes',
  url: 'https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/control-planes-and-data-planes.html',
};
const GLOBAL_SERVICES: Source = {
  title: 'AWS Fault Isolation Boundaries, Appendix A',
  url: 'https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/appendix-a---partitional-service-guidance.html',
};
const DYNAMODB: Source = { title: 'DynamoDB API', url: 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.API.html' };
const SQS: Source = { title: 'Logging Amazon SQS API calls', url: 'https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/logging-using-cloudtrail.html' };
const SNS: Source = { title: 'Logging AWS SNS API calls', url: 'https://docs.aws.amazon.com/sns/latest/dg/logging-using-cloudtrail.html' };
const DATA_EVENTS: Source = { title: 'CloudTrail, DataResource', url: 'https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DataResource.html' };
const S3_EXPRESS: Source = { title: 'Directory bucket API operations', url: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-APIs.html' };
const KMS: Source = { title: 'Resilience in AWS KMS', url: 'https://docs.aws.amazon.com/kms/latest/developerguide/disaster-recovery-resiliency.html' };
const SQS_POLLER: Source = { title: 'Using Lambda with Amazon SQS', url: 'https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html' };
const STREAM_POLLER: Source = { title: 'Using AWS Lambda with Amazon DynamoDB', url: 'https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html' };
const FUNCTION_LOGS: Source = { title: 'Sending Lambda function logs to CloudWatch Logs', url: 'https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html' };

export type AllowedActions = {
  /** `service:Name`, as the API calls it and, where IAM calls it otherwise, as IAM does. */
  readonly actions: readonly string[];
  readonly paths: readonly RecoveryPath[];
  /**
   * Who says that it is no control plane. `aws`: the source, in words. `definition`: AWS divides no planes for this service; by the whitepaper's
   * definition it is what the service is for. `poller`: AWS's own event source or log delivery needs the right, and calls it; our code does not.
   */
  readonly by: 'aws' | 'definition' | 'poller';
  readonly because: string;
  readonly source: Source;
};

export const ALLOWED: readonly AllowedActions[] = [
  {
    actions: ['GetItem', 'UpdateItem', 'TransactWriteItems'].map((name) => `dynamodb:${name}`),
    paths: ['failover', 'switch-over', 'vault', 'fence', 'deployment'],
    by: 'aws',
    because: 'Reads and writes of items in tables that exist',
    source: DYNAMODB,
  },
  {
    actions: ['DeleteItem', 'ConditionCheckItem'].map((name) => `dynamodb:${name}`),
    paths: ['failover', 'vault'],
    by: 'aws',
    because: 'Reads and writes of items in tables that exist',
    source: DYNAMODB,
  },
  { actions: ['dynamodb:Query'], paths: ['failover', 'switch-over', 'vault', 'fence'], by: 'aws', because: 'Reads of items in tables that exist', source: DYNAMODB },
  { actions: ['dynamodb:PutItem'], paths: ['failover', 'deployment'], by: 'aws', because: 'Writes of items in tables that exist', source: DYNAMODB },
  { actions: ['dynamodb:Scan', 'dynamodb:BatchWriteItem'], paths: ['vault'], by: 'aws', because: 'Reads and writes of items in tables that exist', source: DYNAMODB },
  {
    actions: ['DescribeStream', 'GetRecords', 'GetShardIterator'].map((name) => `dynamodb:${name}`),
    paths: ['failover'],
    by: 'definition',
    because: "Reads a stream that exists: Lambda's event source mapping for the change log, the tick of a region that hands over",
    source: DYNAMODB,
  },
  { actions: ['dynamodb:ListStreams'], paths: ['failover'], by: 'poller', because: "Lambda's event source mapping wants the right", source: STREAM_POLLER },
  { actions: ['lambda:InvokeFunction'], paths: ['failover', 'switch-over', 'vault'], by: 'aws', because: 'Runs a function that exists', source: DATA_EVENTS },
  { actions: ['lambda:Invoke', 'lambda:InvokeFunctionUrl'], paths: ['failover'], by: 'aws', because: 'The same: as the API calls it, and by a URL', source: DATA_EVENTS },
  { actions: ['execute-api:Invoke'], paths: ['failover'], by: 'definition', because: 'Uses an API that exists, as every client does', source: PLANES },
  { actions: ['states:StartExecution'], paths: ['failover', 'switch-over', 'vault'], by: 'definition', because: 'Runs a state machine that exists', source: PLANES },
  { actions: ['sqs:SendMessage', 'sqs:SendMessageBatch'], paths: ['failover'], by: 'aws', because: 'Puts messages on a queue that exists', source: SQS },
  { actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], paths: ['failover'], by: 'aws', because: "Lambda's event source mapping takes the messages with them", source: SQS },
  { actions: ['sqs:GetQueueAttributes'], paths: ['failover'], by: 'poller', because: "Lambda's event source mapping wants the right", source: SQS_POLLER },
  { actions: ['sns:Publish'], paths: ['failover', 'switch-over', 'vault', 'fence'], by: 'aws', because: 'Publishes to a topic that exists', source: SNS },
  {
    actions: ['sts:AssumeRole'],
    paths: ['failover', 'switch-over', 'vault', 'fence', 'deployment'],
    by: 'aws',
    because: 'STS has a data plane only; Lambda, Step Functions and Scheduler take on roles that exist',
    source: GLOBAL_SERVICES,
  },
  {
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    paths: ['failover', 'switch-over', 'vault', 'fence', 'deployment'],
    by: 'poller',
    because: 'Lambda delivers logs with them; a function runs without',
    source: FUNCTION_LOGS,
  },
  {
    actions: ['GetObject', 'GetObjectVersion', 'HeadObject', 'PutObject', 'ListObjectsV2', 'ListObjectVersions', 'ListBucket', 'ListBucketVersions', 'HeadBucket'].map((name) => `s3:${name}`),
    paths: ['vault'],
    by: 'aws',
    because: 'Reads, writes and listings of objects in buckets that exist',
    source: S3_EXPRESS,
  },
  {
    actions: ['PutObjectRetention', 'GetObjectRetention', 'PutObjectLegalHold', 'GetObjectLegalHold', 'PutObjectTagging', 'PutObjectVersionTagging'].map((name) => `s3:${name}`),
    paths: ['vault'],
    by: 'aws',
    because: 'Sub-resources of one object: object-level, as GetObject is',
    source: DATA_EVENTS,
  },
  { actions: ['kms:Encrypt'], paths: ['vault'], by: 'definition', because: 'Uses a key that exists, as Decrypt does', source: KMS },
  { actions: ['kms:Decrypt'], paths: ['vault', 'fence'], by: 'definition', because: 'Uses a key that exists; KMS promises 99.999 % for it, from hosts that need nothing else', source: KMS },
];

export type DeclaredException = {
  readonly actions: readonly string[];
  /** Whose roles may. In the bundles of other functions of the same path the call may lie, as a method that they do not use. */
  readonly functions: readonly JudgedFunction[];
  readonly because: string;
  readonly source: Source;
};

const EC2_API = { title: 'Amazon EC2 API', url: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Operations.html' };
const ELB_API = { title: 'Elastic Load Balancing API', url: 'https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html' };

/** Each fence by what it calls in the region that it stops. */
const FENCE_CALLS = [
  { actions: ['ec2:DescribeInstances', 'ec2:StopInstances', 'ec2:StartInstances'], what: 'Stops instances', api: EC2_API },
  { actions: ['ec2:DescribeVolumes', 'ec2:DetachVolume', 'ec2:AttachVolume'], what: 'Detaches volumes', api: EC2_API },
  {
    // And `ec2:DescribeInstances`, which stands above.
    actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSecurityGroups', 'ec2:ModifyNetworkInterfaceAttribute'],
    what: 'Puts the network interfaces of instances into a security group that lets nothing through',
    api: EC2_API,
  },
  {
    actions: ['elasticloadbalancing:DescribeTargetHealth', 'elasticloadbalancing:DeregisterTargets', 'elasticloadbalancing:RegisterTargets'],
    what: 'Takes targets from a load balancer',
    api: ELB_API,
  },
  { actions: ['kms:ListGrants', 'kms:RevokeGrant', 'kms:CreateGrant'], what: 'Revokes grants of a key', api: KMS },
  { actions: ['dynamodb:GetResourcePolicy', 'dynamodb:PutResourcePolicy', 'dynamodb:DeleteResourcePolicy'], what: "Denies the service's roles a table", api: DYNAMODB },
  { actions: ['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy'], what: "Denies the service's roles a bucket", api: S3_EXPRESS },
] as const;

/** Calls to a control plane, each with why it stands; none on the failover path. */
export const EXCEPTIONS: readonly DeclaredException[] = [
  {
    actions: ['dynamodb:DescribeTable'],
    functions: ['plan-backup', 'archive-log', 'plan-restore', 'create-target', 'validate-restore', 'drop-target', 'create-rows'],
    because: 'A full backup and a restore ask for the key and the size of a table; the first rows ask for its age. Without it a full backup, a restore and a restore test wait',
    source: DYNAMODB,
  },
  { actions: ['dynamodb:CreateTable'], functions: ['create-target'], because: 'A restore beside the live table needs a table; a restore in place needs none', source: DYNAMODB },
  { actions: ['dynamodb:DeleteTable'], functions: ['drop-target'], because: 'What a restore test filled is dropped after it', source: DYNAMODB },
  {
    actions: ['s3:GetBucketObjectLockConfiguration', 's3:GetObjectLockConfiguration'],
    functions: ['plan-backup', 'write-backup-part', 'commit-point', 'archive-log', 'keep-retention', 'rotate-keys', 'scrub', 'record-restore-test'],
    because: 'Who makes locks asks once whether the bucket locks at all, so that it says so in a sentence; where it may not ask, it stores all the same',
    source: S3_EXPRESS,
  },
  ...FENCE_CALLS.map(({ actions, what, api }) => ({
    actions,
    functions: ['fence' as const],
    because: `${what}: only a region that lost the lease, beside the failover; where it does not answer, the outcome is unknown and the failover goes on`,
    source: { title: api.title, url: api.url },
  })),
];

/** Commands that a client of the SDK carries for itself: in every bundle of that client, called by nothing of ours. */
export const CARRIED_BY_THE_SDK: readonly { readonly action: string; readonly because: string }[] = [
  { action: 'dynamodb:DescribeEndpoints', because: 'Endpoint discovery: off unless a configuration or AWS_ENABLE_ENDPOINT_DISCOVERY switches it on' },
  { action: 's3:CreateSession', because: 'Sessions of directory buckets: only for bucket names that end in --x-s3' },
];

/** The SDK's names of services where IAM has others. */
export const IAM_SERVICE: Readonly<Record<string, string>> = { sfn: 'states', 'route-53': 'route53', 'dynamodb-streams': 'dynamodb', 'elastic-load-balancing-v2': 'elasticloadbalancing' };
