// What a recovery point is: the header that anyone may read, the body that needs the key, and the parts that workers
// make of it side by side. The bytes are docs/vault-format.md.

export const pointTypes = ['full', 'incremental', 'differential', 'snapshot', 'log', 'checkpoint'] as const;
export type PointType = (typeof pointTypes)[number];

export const retentionClasses = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type RetentionClass = (typeof retentionClasses)[number];

export type PointName = { readonly chain: string; readonly point: string };

export type PointHeader = PointName & {
  readonly format: 1;
  /** 32 hex. */
  readonly vault: string;
  readonly source: string;
  readonly type: PointType;
  /** Id of the data key, 16 hex. */
  readonly key: string;
  /** 32 hex. */
  readonly salt: string;
  /** null: the point stands alone. Without its parent a point with one cannot be restored. */
  readonly parent: { readonly point: string; readonly sha256: string } | null;
  readonly createdAtMs: number;
  readonly class: RetentionClass;
  readonly lockedUntilMs: number | null;
};

/** A pack that a point needs. */
export type PackRow = {
  /** 16 bytes, 32 hex. */
  readonly packId: string;
  /** Of the pack's bytes, 64 hex: its name. */
  readonly sha256: string;
  readonly bytes: number;
};

/** Where a chunk is and what it is. */
export type ChunkReference = {
  /** 32 bytes. */
  readonly id: Uint8Array;
  /** 16 bytes. */
  readonly tag: Uint8Array;
  /** First 8 bytes of the pack's id. */
  readonly pack: Uint8Array;
  readonly offset: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly codec: 0 | 1;
};

/** A piece of an entry's content: bytes of a chunk, or zeros that are not stored. */
export type Extent = { readonly kind: 'chunk'; readonly reference: ChunkReference; readonly offset: number; readonly bytes: number } | { readonly kind: 'hole'; readonly bytes: number };

/** The JSON of an entry (docs/vault-format.md, *Entries*). Unknown fields are kept. */
export type EntryMeta = Readonly<Record<string, unknown>> & { readonly n?: string; readonly nb?: string };

export type Entry = { readonly meta: EntryMeta; readonly extents: readonly Extent[] };

/** Order-free sum of a content: lines, their bytes, and the sum of their SHA-256 modulo 2^256 (64 hex). */
export type ContentDigest = { readonly items: number; readonly bytes: number; readonly sum: string };

/** What one worker made of a point: whole entries, in packs that a majority of the sites has. Plain JSON, so that it travels. */
export type Part = {
  /** `bytes` are those of the entry stream; `references` is base64, 72 bytes each. */
  readonly entries: { readonly count: number; readonly bytes: number; readonly references: string };
  /** Every pack that this part needs, new and old. */
  readonly packs: readonly PackRow[];
  /** The packs that it wrote: site → pack's SHA-256 → version id. */
  readonly packVersions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly storedBytes: number;
  readonly digest: ContentDigest | null;
};

/** Numbers of the last record of each origin's log that a point holds. */
export type LogPositions = Readonly<Record<string, number>>;

/** A region opened in `epoch` having applied so much of the others' logs: what they made beyond it did not survive. */
export type Cut = { readonly epoch: number; readonly region: string; readonly openedAtMs: number; readonly positions: LogPositions };

export type PointBody = {
  readonly entries: Part['entries'];
  readonly source: Readonly<Record<string, unknown>> & { readonly kind: string };
  readonly digest: ContentDigest | null;
  /** What the point covers; equal for one instant. */
  readonly fromMs: number;
  readonly throughMs: number;
  readonly positions?: LogPositions;
  readonly cuts?: readonly Cut[];
  readonly packVersions: Part['packVersions'];
};
