// Ships the data table's stream to every other region. A batch that reached no region is thrown back, and the stream
// delivers it again: nothing is skipped.
import { logStoreOf, otherLogsOf } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { MalformedError } from '../src/core/errors.ts';
import { toChangeRecord, type StreamEntry } from '../src/core/log/change-record.ts';
import { sha256 } from '../src/drivers/aws/system-environment.ts';
import { shipLog } from '../src/operations/ship-log.ts';

type StreamRecord = {
  readonly eventSourceARN?: string;
  readonly eventID?: string;
  readonly dynamodb?: {
    readonly Keys?: Readonly<Record<string, { readonly S?: string }>>;
    readonly NewImage?: Readonly<Record<string, unknown>>;
    readonly OldImage?: Readonly<Record<string, unknown>>;
    /** Seconds since the epoch. */
    readonly ApproximateCreationDateTime?: number;
    readonly SequenceNumber?: string;
  };
};

export async function handler(event: { readonly Records: readonly StreamRecord[] }): Promise<void> {
  const records = event.Records.map(toEntry).flatMap((entry) => toChangeRecord(entry, environment.region) ?? []);
  if (records.length === 0) return;
  const shipped = await shipLog(own, records, destinations, sha256);
  const failed = shipped.filter((s) => s.outcome === 'failed');
  if (failed.length > 0) console.warn(JSON.stringify({ shipped }));
}

function toEntry(record: StreamRecord): StreamEntry {
  const { Keys, NewImage, OldImage, ApproximateCreationDateTime, SequenceNumber } = record.dynamodb ?? {};
  const key = Keys?.[environment.config.dataKey]?.S;
  if (key === undefined || SequenceNumber === undefined) {
    throw new MalformedError(
      `A stream record of ${environment.config.tables.data} has no text key '${environment.config.dataKey}' or no sequence number: 'table.partitionKey' in holdfast.config.ts must name the table's partition key, of type String.`,
    );
  }
  return { key, newImage: NewImage ?? null, oldImage: OldImage ?? null, atMs: (ApproximateCreationDateTime ?? 0) * 1000, sequenceNumber: SequenceNumber };
}

const environment = readEnvironment();
const own = logStoreOf(environment, environment.region);
const destinations = otherLogsOf(environment);
