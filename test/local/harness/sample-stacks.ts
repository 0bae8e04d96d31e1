// A small service of the harness's own tests, deployed by CloudFormation as the real stacks are: a function that is gate, writer and traveller,
// a table, and DESIGN's record shape with health checks. It knows nothing of the product.
import type { Deployed } from '../../../local/harness.ts';

const CODE = `
const dynamo = async (operation, body) => {
  const answer = await fetch(process.env.AWS_ENDPOINT_URL_DYNAMODB, { method: 'POST', body: JSON.stringify(body), headers: {
    'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'DynamoDB_20120810.' + operation,
    authorization: 'AWS4-HMAC-SHA256 Credential=111111111111/20260101/' + process.env.AWS_REGION + '/dynamodb/aws4_request, SignedHeaders=host, Signature=0' } });
  return { status: answer.status, json: await answer.json() };
};
exports.handler = async (event) => {
  const [, what, detail] = event.rawPath.split('/');
  if (what === 'gate') {
    const { json } = await dynamo('GetItem', { TableName: 'orders', Key: { id: { S: 'open' } } });
    return { statusCode: json.Item ? 200 : 503, body: process.env.AWS_REGION };
  }
  if (what === 'write') {
    const { status, json } = await dynamo('PutItem', { TableName: detail, Item: { id: { S: 'written' } } });
    return { statusCode: status, body: JSON.stringify(json) };
  }
  try {
    const answer = await fetch(process.env['HOLDFAST_ENDPOINT_' + detail.toUpperCase().replaceAll('-', '_')] + '/_ministack/ready', { signal: AbortSignal.timeout(1500) });
    return { statusCode: answer.status, body: 'reached' };
  } catch (error) {
    return { statusCode: 504, body: error.name };
  }
};`;

const table = {
  Type: 'AWS::DynamoDB::Table',
  Properties: { BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }], KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] },
};
const named = (TableName: string) => ({ ...table, Properties: { ...table.Properties, TableName } });

const lambda = (FunctionName: string, more: object) => ({
  Type: 'AWS::Lambda::Function',
  Properties: { FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 5, Role: { 'Fn::GetAtt': ['Role', 'Arn'] }, Code: { ZipFile: CODE }, ...more },
});
const url = (of: string) => ({ Type: 'AWS::Lambda::Url', Properties: { AuthType: 'NONE', TargetFunctionArn: { 'Fn::GetAtt': [of, 'Arn'] } } });

const REGION_TEMPLATE = {
  Resources: {
    Orders: named('orders'),
    Fence: named('fence'),
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] } },
    },
    // A slow moment must not start a worker a probe: the gate has a limit, and a function of its own, so that the limit is its alone.
    Gate: lambda('gate', { ReservedConcurrentExecutions: 2 }),
    GateUrl: url('Gate'),
    Sample: lambda('sample', {}),
    SampleUrl: url('Sample'),
  },
  Outputs: { Gate: { Value: { 'Fn::GetAtt': ['GateUrl', 'FunctionUrl'] } }, Sample: { Value: { 'Fn::GetAtt': ['SampleUrl', 'FunctionUrl'] } } },
};

const SERVICE = 'api.orders.example';

function recordsTemplate(gateHosts: ReadonlyMap<string, string>) {
  const candidates = [...gateHosts];
  const zone = { Ref: 'Zone' };
  const ids = candidates.map(([region]) => region.replaceAll('-', ''));
  return {
    Resources: {
      Zone: { Type: 'AWS::Route53::HostedZone', Properties: { Name: 'orders.example' } },
      ...Object.fromEntries(
        candidates.map(([, host], index) => [
          `Check${ids[index]}`,
          // One second: the tests wait for it. Route 53 itself takes 10 or 30.
          {
            Type: 'AWS::Route53::HealthCheck',
            Properties: {
              HealthCheckConfig: {
                Type: 'HTTPS',
                FullyQualifiedDomainName: host,
                Port: 443,
                ResourcePath: '/gate',
                RequestInterval: 1,
                FailureThreshold: 1,
                Regions: ['eu-west-1', 'us-west-1', 'sa-east-1'],
              },
            },
          },
        ]),
      ),
      ...Object.fromEntries(
        candidates.map(([region], index) => [
          `Active${ids[index]}`,
          {
            Type: 'AWS::Route53::RecordSet',
            Properties: {
              HostedZoneId: zone,
              Name: `_active.${SERVICE}`,
              Type: 'CNAME',
              TTL: '15',
              SetIdentifier: region,
              Weight: 1,
              HealthCheckId: { 'Fn::GetAtt': [`Check${ids[index]}`, 'HealthCheckId'] },
              ResourceRecords: [`d-abc.execute-api.${region}.amazonaws.com`],
            },
          },
        ]),
      ),
      Primary: {
        Type: 'AWS::Route53::RecordSet',
        DependsOn: ids.map((id) => `Active${id}`),
        Properties: {
          HostedZoneId: zone,
          Name: SERVICE,
          Type: 'CNAME',
          SetIdentifier: 'active',
          Failover: 'PRIMARY',
          AliasTarget: { DNSName: `_active.${SERVICE}`, HostedZoneId: zone, EvaluateTargetHealth: true },
        },
      },
      Secondary: {
        Type: 'AWS::Route53::RecordSet',
        Properties: {
          HostedZoneId: zone,
          Name: SERVICE,
          Type: 'CNAME',
          TTL: '15',
          SetIdentifier: 'maintenance',
          Failover: 'SECONDARY',
          ResourceRecords: ['d-abc.execute-api.eu-west-1.amazonaws.com'],
        },
      },
    },
  };
}

async function cloudFormation(endpoint: string, region: string, parameters: Record<string, string>): Promise<string> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `AWS4-HMAC-SHA256 Credential=111111111111/20260101/${region}/cloudformation/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: new URLSearchParams({ Version: '2010-05-15', ...parameters }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`CloudFormation in ${region}: ${answer.status} ${text}`);
  return text;
}

async function createStack(endpoint: string, region: string, name: string, template: object): Promise<string> {
  await cloudFormation(endpoint, region, { Action: 'CreateStack', StackName: name, TemplateBody: JSON.stringify(template) });
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const text = await cloudFormation(endpoint, region, { Action: 'DescribeStacks', StackName: name });
    if (text.includes('<StackStatus>CREATE_COMPLETE')) return text;
    if (/<StackStatus>\w*(FAILED|ROLLBACK)/.test(text)) throw new Error(`stack ${name} in ${region} failed: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`stack ${name} in ${region} is not complete after 10 s`);
}

function output(text: string, name: string): string {
  const found = new RegExp(`<OutputKey>${name}</OutputKey>\\s*<OutputValue>([^<]+)<`).exec(text)?.[1];
  if (found === undefined) throw new Error(`no output ${name} in: ${text}`);
  return found;
}

/** Deploys into every region, and the records into eu-west-1. `sampleUrls` as AWS would name them. */
export async function deploySample(endpoints: Readonly<Record<string, string>>): Promise<Deployed & { readonly sampleUrls: Readonly<Record<string, string>> }> {
  const outputs = await Promise.all(
    Object.entries(endpoints).map(async ([region, endpoint]) => {
      const text = await createStack(endpoint, region, 'sample', REGION_TEMPLATE);
      return { region, gate: output(text, 'Gate'), sample: output(text, 'Sample') };
    }),
  );
  const candidates = outputs.filter(({ region }) => region !== 'eu-west-1');
  await createStack(endpoints['eu-west-1'] ?? '', 'eu-west-1', 'records', recordsTemplate(new Map(candidates.map(({ region, gate }) => [region, new URL(gate).hostname]))));
  return {
    gateUrls: Object.fromEntries(candidates.map(({ region, gate }) => [region, `${gate}gate`])),
    sampleUrls: Object.fromEntries(outputs.map(({ region, sample }) => [region, sample])),
    zoneRegion: 'eu-west-1',
  };
}
