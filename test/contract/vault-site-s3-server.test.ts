// Any S3 server keeps the contract of a vault site, or shows where it does not: HOLDFAST_TEST_S3=http://127.0.0.1:7070 vitest run test/contract/vault-site-s3-server.test.ts,
// with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. It makes buckets holdfast-test-… and leaves them, with objects that are locked for three hours.
import { describe } from 'vitest';
import { createS3 } from '../../src/drivers/aws/s3-client.ts';
import { steadyAgent } from '../../src/drivers/aws/steady-agent.ts';
import { s3SiteInFreshBucket } from './s3-sites.ts';
import { vaultSiteContract } from './vault-site.ts';

const endpoint = process.env['HOLDFAST_TEST_S3'];
const region = process.env['AWS_REGION'] ?? 'us-east-1';

describe.skipIf(endpoint === undefined)(`an S3 server at ${endpoint}`, () => {
  for (const kind of ['locks', 'versions', 'plain'] as const) vaultSiteContract(`S3 bucket (${kind})`, async () => s3SiteInFreshBucket(createS3(region, endpoint, steadyAgent), kind));
});
