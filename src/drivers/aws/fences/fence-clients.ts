// Clients for fences: the caller's signal ends a call, and a region that hangs ends an attempt before that.
import { EC2Client } from '@aws-sdk/client-ec2';
import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const [connectTimeoutMs, requestTimeoutMs] = [2000, 5000];

/** One attempt a call: whoever asks looks again before it asks again. */
function settings(region: string, endpoint: string | undefined) {
  const requestHandler = new NodeHttpHandler({ connectionTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true });
  return { region, maxAttempts: 1, requestHandler, ...(endpoint === undefined ? {} : { endpoint }) };
}

export const createEc2 = (region: string, endpoint: string | undefined) => new EC2Client(settings(region, endpoint));
export const createElb = (region: string, endpoint: string | undefined) => new ElasticLoadBalancingV2Client(settings(region, endpoint));
export const createFenceDynamoDb = (region: string, endpoint: string | undefined) => new DynamoDBClient(settings(region, endpoint));
export const createFenceKms = (region: string, endpoint: string | undefined) => new KMSClient(settings(region, endpoint));
export const createFenceS3 = (region: string, endpoint: string | undefined) => new S3Client({ ...settings(region, endpoint), ...(endpoint === undefined ? {} : { forcePathStyle: true }) });
