// KMS clients for wrapping data keys: no retries of the SDK's own, a time limit that aborts.
import { KMSClient } from '@aws-sdk/client-kms';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** A region that hangs must not hold up a backup in the others. */
export const kmsTimeoutMs = 3_000;
const connectTimeoutMs = 1_000;

export function createKms(region: string, endpoint: string | undefined): KMSClient {
  return new KMSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ connectionTimeout: connectTimeoutMs, requestTimeout: kmsTimeoutMs, throwOnRequestTimeout: true }),
  });
}
