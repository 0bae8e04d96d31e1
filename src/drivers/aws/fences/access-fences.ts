// Tables and buckets that deny the service's principals everything, by their own resource policies: it needs nothing of the service or of IAM.
import { DeleteResourcePolicyCommand, type DynamoDBClient, GetResourcePolicyCommand, PutResourcePolicyCommand } from '@aws-sdk/client-dynamodb';
import { DeleteBucketPolicyCommand, GetBucketPolicyCommand, PutBucketPolicyCommand, type S3Client } from '@aws-sdk/client-s3';
import { isDenied, withDeny, withoutDeny, type Denied } from './access-statement.ts';
import { ReadBackFence } from './read-back-fence.ts';

const triesMax = 3;

/** @param tables their ARNs. A policy that somebody else writes between reading and writing is not written over: it is read again. */
export function tableAccessFence(client: DynamoDBClient, tables: readonly string[], principals: readonly string[]): ReadBackFence {
  const deniedOf = (arn: string): Denied => ({ principals, action: 'dynamodb:*', resources: [arn, `${arn}/index/*`] });
  const read = async (arn: string, signal: AbortSignal) =>
    client.send(new GetResourcePolicyCommand({ ResourceArn: arn }), { abortSignal: signal }).then(
      ({ Policy = null, RevisionId }) => ({ policy: Policy, revision: RevisionId }),
      (error: unknown) => (nameOf(error) === 'PolicyNotFoundException' ? { policy: null, revision: undefined } : Promise.reject(error)),
    );
  const change = async (arn: string, signal: AbortSignal, to: (policy: string | null) => string | null, triesLeft = triesMax): Promise<void> => {
    const { policy, revision } = await read(arn, signal);
    const next = to(policy);
    if (next === null && policy === null) return;
    const write: Promise<unknown> =
      next === null
        ? client.send(new DeleteResourcePolicyCommand({ ResourceArn: arn, ExpectedRevisionId: revision }), { abortSignal: signal })
        : client.send(new PutResourcePolicyCommand({ ResourceArn: arn, Policy: next, ExpectedRevisionId: revision ?? 'NO_POLICY' }), { abortSignal: signal });
    // By this name DynamoDB says too that another revision stands there by now.
    const isChanged = await write.then(
      () => false,
      (error: unknown) => (nameOf(error) === 'PolicyNotFoundException' && triesLeft > 0 ? true : Promise.reject(error)),
    );
    if (isChanged) await change(arn, signal, to, triesLeft - 1);
  };
  return new ReadBackFence({
    acting: async (signal) => actingOf(tables, async (arn) => isDenied((await read(arn, signal)).policy, deniedOf(arn))),
    stop: async (acting, signal) => void (await Promise.all(acting.map(async (arn) => change(arn, signal, (policy) => withDeny(policy, deniedOf(arn)))))),
    restore: async (stopped, signal) => void (await Promise.all(stopped.map(async (arn) => change(arn, signal, withoutDeny)))),
  });
}

/** S3 knows no condition on a policy: whoever else writes it at the very moment may lose their change, or this its own, which is then asked for again. */
export function bucketAccessFence(client: S3Client, buckets: readonly string[], partition: string, principals: readonly string[]): ReadBackFence {
  const deniedOf = (bucket: string): Denied => ({ principals, action: 's3:*', resources: [`arn:${partition}:s3:::${bucket}`, `arn:${partition}:s3:::${bucket}/*`] });
  const read = async (bucket: string, signal: AbortSignal) =>
    client.send(new GetBucketPolicyCommand({ Bucket: bucket }), { abortSignal: signal }).then(
      ({ Policy = null }) => Policy,
      (error: unknown) => (nameOf(error) === 'NoSuchBucketPolicy' ? null : Promise.reject(error)),
    );
  const change = async (bucket: string, signal: AbortSignal, to: (policy: string | null) => string | null) => {
    const next = to(await read(bucket, signal));
    if (next === null) await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }), { abortSignal: signal });
    else await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: next }), { abortSignal: signal });
  };
  return new ReadBackFence({
    acting: async (signal) => actingOf(buckets, async (bucket) => isDenied(await read(bucket, signal), deniedOf(bucket))),
    stop: async (acting, signal) => void (await Promise.all(acting.map(async (bucket) => change(bucket, signal, (policy) => withDeny(policy, deniedOf(bucket)))))),
    restore: async (stopped, signal) => void (await Promise.all(stopped.map(async (bucket) => change(bucket, signal, withoutDeny)))),
  });
}

async function actingOf(all: readonly string[], isStopped: (one: string) => Promise<boolean>): Promise<string[]> {
  const stopped = await Promise.all(all.map(isStopped));
  return all.filter((_, i) => stopped[i] !== true);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
