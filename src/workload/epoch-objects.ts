// Objects in S3 under the fence. S3 knows no condition on another thing, so a region that lost the lease can still put objects: they lie under
// its own epoch's prefix, and nobody sees them. Seen is what the manifest names, an item of a fenced table, written only after the bytes.
import { GetItemCommand, PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { MalformedError, RefusedError } from '../core/errors.ts';
import { permitToWrite, type Fence } from './fence.ts';

export type EpochObjectsOptions = {
  readonly s3: S3Client;
  readonly bucket: string;
  /** Ends with '/', or is empty. */
  readonly prefix: string;
  /** A client under `withEpoch`: this is what makes the manifest refuse an old epoch. */
  readonly dynamoDb: DynamoDBClient;
  readonly table: string;
  readonly partitionKey: string;
  readonly fence: Fence;
  /** A name never given before; random unless given. */
  readonly newId?: () => string;
};

/** What the manifest says of a name: give it to the next `put` of that name. */
export type ObjectVersion = { readonly key: string; readonly etag: string; readonly epoch: number };

export class EpochObjects {
  readonly #options: EpochObjectsOptions;

  constructor(options: EpochObjectsOptions) {
    if (options.prefix !== '' && !options.prefix.endsWith('/')) throw new RefusedError(`The prefix '${options.prefix}' must end with '/': epochs lie beside each other under it.`);
    this.#options = options;
  }

  /**
   * Puts the bytes, then makes them visible. @param over the version that it replaces; undefined: the name is new.
   * @throws ConditionalCheckFailedException where another version is the visible one; FenceClosedError, StaleEpochError: surely not visible;
   * WriteUnknownError: perhaps. Bytes that never became visible are left lying: a lifecycle rule takes them.
   */
  async put(name: string, body: Uint8Array, over: ObjectVersion | undefined): Promise<ObjectVersion> {
    const { s3, bucket, prefix, dynamoDb, table, partitionKey, fence, newId = () => crypto.randomUUID() } = this.#options;
    const { epoch } = await permitToWrite(fence);
    const key = `${prefix}${String(epoch).padStart(epochDigits, '0')}/${name}/${newId()}`;
    const { ETag: etag } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, IfNoneMatch: '*' }));
    if (etag === undefined) throw new MalformedError(`S3 gave no ETag for ${key}: it was put, and is not made visible.`);
    const condition =
      over === undefined
        ? { ConditionExpression: 'attribute_not_exists(#name)', ExpressionAttributeNames: { '#name': partitionKey } }
        : { ConditionExpression: 'objectKey = :over', ExpressionAttributeValues: { ':over': { S: over.key } } };
    await dynamoDb.send(
      new PutItemCommand({ TableName: table, Item: { [partitionKey]: { S: name }, objectKey: { S: key }, objectEtag: { S: etag }, objectEpoch: { N: String(epoch) } }, ...condition }),
    );
    return { key, etag, epoch };
  }

  /** The visible version; undefined where there is none. */
  async version(name: string): Promise<ObjectVersion | undefined> {
    const { dynamoDb, table, partitionKey } = this.#options;
    const { Item: item } = await dynamoDb.send(new GetItemCommand({ TableName: table, Key: { [partitionKey]: { S: name } }, ConsistentRead: true }));
    if (item === undefined) return undefined;
    const [key, etag, epoch] = [item['objectKey']?.S, item['objectEtag']?.S, item['objectEpoch']?.N];
    if (key === undefined || etag === undefined || epoch === undefined) throw new MalformedError(`The item '${name}' of ${table} names no object: it was not written by EpochObjects.`);
    return { key, etag, epoch: Number(epoch) };
  }

  /** The bytes that the manifest means, and no others. @throws S3's NoSuchKey where they have not come to this region yet, its PreconditionFailed where they are others */
  async get(name: string): Promise<{ readonly body: Uint8Array; readonly version: ObjectVersion } | undefined> {
    const version = await this.version(name);
    if (version === undefined) return undefined;
    const { s3, bucket } = this.#options;
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: version.key, IfMatch: version.etag }));
    if (Body === undefined) throw new MalformedError(`S3 gave no body for ${version.key}.`);
    return { body: await Body.transformToByteArray(), version };
  }
}

const epochDigits = 8;
