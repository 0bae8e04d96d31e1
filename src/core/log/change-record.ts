// The change log: what a data table's stream said, as records in hash-chained segments, one chain for each origin region. The origin
// numbers it; every region that keeps it keeps the same chain.

/** An item as DynamoDB's JSON has it. Opaque here. */
export type Image = Readonly<Record<string, unknown>>;

export type ChangeRecord = {
  /** The value of the data table's partition key. */
  readonly key: string;
  /** null: the item was deleted. */
  readonly image: Image | null;
  /** Of the write, from the item itself (its last image where it was deleted); 0 where it carries none. */
  readonly epoch: number;
  /** Approximate creation time in the origin's stream. */
  readonly atMs: number;
  /** The stream's own number, padded to one length so that it compares as text. For one item it only rises. */
  readonly sequenceNumber: string;
};

/** The marks that Holdfast sets on an item, and their DynamoDB form. */
export const marks = { epoch: 'holdfastEpoch', origin: 'holdfastOrigin', sequence: 'holdfastSequence', removing: 'holdfastRemoving' } as const;

const sequenceNumberLength = 40;

export function padSequenceNumber(text: string): string {
  return text.padStart(sequenceNumberLength, '0');
}

/** One record of a DynamoDB stream, with the images as DynamoDB's JSON has them. */
export type StreamEntry = {
  readonly key: string;
  readonly newImage: Image | null;
  readonly oldImage: Image | null;
  readonly atMs: number;
  readonly sequenceNumber: string;
};

/** In which epoch it was written; 0 where it carries none. */
export function epochOf(image: Image | null): number {
  return Number(attribute(image, marks.epoch, 'N') ?? '0');
}

/** Where it was written; undefined where it does not say. */
export function originOf(image: Image | null): string | undefined {
  return textMark(image, marks.origin);
}

/** By what both say of themselves: false where they do not say it, as of an item that its own region wrote, which has no number. */
export function isLaterWrite(one: Image | null, other: Image | null): boolean {
  const [epoch, before] = [epochOf(one), epochOf(other)];
  if (before === 0 || epoch !== before) return before > 0 && epoch > before;
  const [sequence, sequenceBefore] = [textMark(one, marks.sequence), textMark(other, marks.sequence)];
  return originOf(one) === originOf(other) && sequence !== undefined && sequenceBefore !== undefined && sequence > sequenceBefore;
}

function textMark(image: Image | null, name: string): string | undefined {
  return attribute(image, name, 'S');
}

function attribute(image: Image | null, name: string, type: 'S' | 'N'): string | undefined {
  const value = image?.[name];
  if (typeof value !== 'object' || value === null) return undefined;
  const found = Object.entries(value).find(([t]) => t === type)?.[1];
  return typeof found === 'string' ? found : undefined;
}

/** Whether an item that was applied from a log is what this record of `origin` left; null is what a removal leaves. */
export function isLeftBy(image: Image | null, origin: string, record: ChangeRecord): boolean {
  if (record.image === null || image === null) return record.image === image;
  const isSameWrite = textMark(image, marks.origin) === origin && textMark(image, marks.sequence) === record.sequenceNumber;
  return isSameWrite && attribute(image, marks.epoch, 'N') === String(record.epoch);
}

/**
 * What is shipped from `origin`: its own writes. An item that was applied here from another region's log carries that
 * region's name and is an echo; so is a removal that was applied here (it is marked first, then removed).
 */
export function toChangeRecord(entry: StreamEntry, origin: string): ChangeRecord | undefined {
  const last = entry.newImage ?? entry.oldImage;
  const isApplied = entry.newImage !== null && (textMark(entry.newImage, marks.origin) ?? origin) !== origin;
  const isAppliedRemoval = entry.newImage === null && textMark(entry.oldImage, marks.removing) !== undefined;
  if (isApplied || isAppliedRemoval) return undefined;
  return { key: entry.key, image: entry.newImage, epoch: epochOf(last), atMs: entry.atMs, sequenceNumber: padSequenceNumber(entry.sequenceNumber) };
}
