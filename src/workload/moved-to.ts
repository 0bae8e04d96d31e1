// Where the service goes on while this region is closed, as the fence rows say it: a hint for clients, never a right to write.
import { GetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** Nobody waits for a hint: without it the client asks the service's own name again. */
const readTimeoutMs = 500;

/** Asked at most once each `gateCacheMs`. @returns the URL of the other region's service; null where it is not known, or cannot be read */
export function movedToReader(
  client: Pick<DynamoDBClient, 'send'>,
  { tables, timing }: { readonly tables: { readonly fence: string }; readonly timing: { readonly gateCacheMs: number } },
  nowMs: () => number,
): () => Promise<string | null> {
  let cached: { readonly movedTo: Promise<string | null>; readonly askedAtMs: number } | undefined;
  const ask = async (): Promise<string | null> => {
    // Every fence row carries it.
    const command = new GetItemCommand({ TableName: tables.fence, Key: { pk: { S: 'FENCE#0' } }, ConsistentRead: true });
    const { Item } = await client.send(command, { abortSignal: AbortSignal.timeout(readTimeoutMs) });
    const url = Item?.['movedTo']?.S ?? '';
    return URL.canParse(url) ? url : null;
  };
  return async () => {
    const ageMs = cached === undefined ? Number.POSITIVE_INFINITY : nowMs() - cached.askedAtMs;
    if (cached === undefined || ageMs < 0 || ageMs > timing.gateCacheMs) cached = { movedTo: ask().catch(() => null), askedAtMs: nowMs() };
    return cached.movedTo;
  };
}
