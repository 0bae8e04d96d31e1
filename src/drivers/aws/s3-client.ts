// S3 clients for a vault, on AWS or any S3 server: no retries of the SDK's own (s3-calls.ts has them, with a limit on all of
// them together), and no hashing that the vault has done already.
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import type { AgentOptions } from 'node:http';

const connectTimeoutMs = 2_000;
const idleSocketsMax = 32;

type Agents = NonNullable<NodeHttpHandlerOptions['httpAgent']>;

/**
 * @param endpoint where it is not AWS's own: the bucket is then in the path, as S3 servers without wildcard names want it. Credentials come by the SDK's chain.
 * @param agentOf makes the agent for plain HTTP; otherwise Node's
 */
export function createS3(region: string, endpoint: string | undefined, agentOf: (options: AgentOptions) => Agents = (options) => options): S3Client {
  const sockets = { keepAlive: true, maxSockets: idleSocketsMax };
  return new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts: 1,
    // Every put carries the SHA-256 that is the object's name anyway, and every reader checks it: a CRC32 beside it costs 0.3 s of CPU a GB.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With it each put would open a connection of its own, and an abort would wait 6 s for a server that has stopped.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      httpAgent: agentOf(sockets),
      httpsAgent: sockets,
    }),
  });
}
