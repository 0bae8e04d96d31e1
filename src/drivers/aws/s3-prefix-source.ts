// The objects under a prefix of a bucket, as a source of backups: read by version, so that what is overwritten meanwhile is
// still the object that was listed; changes come from the bucket's own versions.
import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { canonicalJson } from '../../core/vault/canonical-json.ts';
import { ContentSum } from '../../core/vault/content-digest.ts';
import type { ContentDigest } from '../../core/vault/recovery-point.ts';
import { MalformedError } from '../../core/errors.ts';
import type { BackupSource, Piece, SourceEntry, SourcePosition, WrittenBack } from '../../ports/backup-source.ts';
import { readBody } from './s3-body.ts';
import { callS3, usualLimits } from './s3-calls.ts';
import { createHash } from 'node:crypto';

/** Where to write back to; the client reaches that bucket. */
export type PrefixTarget = { readonly client: S3Client; readonly bucket: string; readonly prefix: string };

/** Most that is held of an object while it is read. */
const rangeBytes = 8 * 1024 * 1024;
/** One PUT takes 5 GB on AWS; what is held in memory here is less. */
const objectBytesMax = 256 * 1024 * 1024;
/** S3 stamps versions with its own clock, in whole seconds: changes are asked for from so much earlier, and read twice rather than missed. */
const clockMarginMs = 60_000;
/** Where the names are cut into pieces: after these characters, which is where most names differ first. */
const cuts = '/02468:ACEGIKMOQSUWY_acegikmoqsuwy';

type Found = { readonly key: string; readonly versionId: string | undefined; readonly isMarker: boolean; readonly bytes: number; readonly modifiedAtMs: number };

export class S3PrefixSource implements BackupSource<PrefixTarget> {
  readonly kind = 's3';
  readonly name: string;
  readonly #from: PrefixTarget;
  readonly #nowMs: () => number;

  constructor(options: { readonly name: string; readonly from: PrefixTarget; readonly nowMs: () => number }) {
    this.name = options.name;
    this.#from = options.from;
    this.#nowMs = options.nowMs;
  }

  async list(piecesMax: number): Promise<readonly Piece[]> {
    const pieces = Math.max(1, Math.min(piecesMax, cuts.length + 1));
    const bounds = Array.from({ length: pieces - 1 }, (_, i) => cuts.charAt(Math.floor(((i + 1) * cuts.length) / pieces)));
    return [...bounds, ''].map((to, i) => ({ id: `${i === 0 ? '' : (bounds[i - 1] ?? '')}..${to}` }));
  }

  async *read(piece: Piece): AsyncIterable<SourceEntry> {
    const [from, to, more] = piece.id.split('..');
    if (from === undefined || to === undefined || more !== undefined || from.length > 1 || to.length > 1) throw new MalformedError(`'${piece.id}' is no piece of a prefix. Nothing was read.`);
    for await (const found of newest(this.#from, from)) {
      const rest = found.key.slice(this.#from.prefix.length);
      if (to !== '' && rest > to) return;
      if (!found.isMarker) yield this.#entry(found);
    }
  }

  async position(): Promise<SourcePosition> {
    return { atMs: this.#nowMs() - clockMarginMs };
  }

  /** What became of every name that was written or removed since; `removed` in the entry says that there is none any more. */
  async *changes(since: SourcePosition): AsyncIterable<SourceEntry> {
    const { atMs } = since;
    if (typeof atMs !== 'number') throw new MalformedError('The position of an S3 source is not what `position` gave. Nothing was read.');
    for await (const found of newest(this.#from, '')) {
      if (found.modifiedAtMs < atMs) continue;
      yield found.isMarker ? { meta: { n: found.key.slice(this.#from.prefix.length), removed: true }, content: null } : await this.#entry(found);
    }
  }

  async writeBack(target: PrefixTarget, entries: AsyncIterable<SourceEntry>): Promise<WrittenBack> {
    let [items, bytes] = [0, 0];
    for await (const { meta, content } of entries) {
      if (content === null || meta.n === undefined) continue;
      const body = await whole(meta.n, content);
      const text = (field: string) => (typeof meta[field] === 'string' ? meta[field] : undefined);
      await callS3(usualLimits, { what: `put of ${meta.n} in ${target.bucket}`, bodyBytes: body.length, isRepeatable: true }, async ({ signal }) =>
        target.client.send(
          new PutObjectCommand({
            Bucket: target.bucket,
            Key: `${target.prefix}${meta.n}`,
            Body: body,
            ContentType: text('contentType'),
            ContentEncoding: text('contentEncoding'),
            CacheControl: text('cacheControl'),
            Metadata: textsOf(meta['metadata']),
          }),
          { abortSignal: signal },
        ),
      );
      items += 1;
      bytes += body.length;
    }
    return { items, bytes };
  }

  /** One line an object: its name and the SHA-256 of its content. */
  async digest(target: PrefixTarget): Promise<ContentDigest> {
    const sum = new ContentSum();
    for await (const found of newest(target, '')) {
      if (found.isMarker) continue;
      const hash = createHash('sha256');
      for await (const piece of ranges(target, found)) hash.update(piece);
      const line = Buffer.from(canonicalJson({ n: found.key.slice(target.prefix.length), sha256: hash.digest('hex') }));
      sum.addLine(createHash('sha256').update(line).digest(), line.length);
    }
    return sum.toJSON();
  }

  /** The first range brings the object's metadata along. */
  async #entry(found: Found): Promise<SourceEntry> {
    const first = await getRange(this.#from, found, 0);
    const { contentType, contentEncoding, cacheControl, metadata } = first;
    const optional = { contentType, contentEncoding, cacheControl, metadata, versionId: found.versionId };
    const kept = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
    const meta = { n: found.key.slice(this.#from.prefix.length), s: found.bytes, mt: String(BigInt(found.modifiedAtMs) * 1_000_000n), ...kept };
    return { meta, content: ranges(this.#from, found, first.bytes) };
  }
}

/** The newest version or delete marker of each name under the target's prefix whose rest is greater than `after`, ascending. */
async function* newest({ client, bucket, prefix }: PrefixTarget, after: string): AsyncIterable<Found> {
  let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = after === '' ? {} : { KeyMarker: `${prefix}${after}` };
  while (marker !== undefined) {
    const from: { KeyMarker?: string; VersionIdMarker?: string } = marker;
    const page = await callS3(usualLimits, { what: `list of ${prefix} in ${bucket}`, bodyBytes: 0, isRepeatable: true }, async ({ signal }) =>
      client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...from }), { abortSignal: signal }),
    );
    const found = [
      ...(page.Versions ?? []).map((v) => ({
        key: v.Key ?? '',
        versionId: v.VersionId,
        isMarker: false,
        isLatest: v.IsLatest === true,
        bytes: v.Size ?? 0,
        modifiedAtMs: v.LastModified?.getTime() ?? 0,
      })),
      ...(page.DeleteMarkers ?? []).map((v) => ({ key: v.Key ?? '', versionId: v.VersionId, isMarker: true, isLatest: v.IsLatest === true, bytes: 0, modifiedAtMs: v.LastModified?.getTime() ?? 0 })),
    ];
    yield* found.filter((f) => f.isLatest && f.key !== '').sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = page;
    marker = IsTruncated === true && NextKeyMarker !== undefined ? { KeyMarker: NextKeyMarker, ...(NextVersionIdMarker === undefined ? {} : { VersionIdMarker: NextVersionIdMarker }) } : undefined;
  }
}

/** @param first what was read of it already, from its beginning */
async function* ranges(from: PrefixTarget, found: Found, first: Uint8Array = new Uint8Array(0)): AsyncIterable<Uint8Array> {
  if (first.length > 0) yield first;
  for (let offset = first.length; offset < found.bytes; ) {
    const { bytes } = await getRange(from, found, offset);
    yield bytes;
    offset += bytes.length;
  }
}

async function getRange({ client, bucket }: PrefixTarget, found: Found, offset: number) {
  const end = Math.min(offset + rangeBytes, found.bytes);
  return callS3(usualLimits, { what: `get of ${found.key} in ${bucket}`, bodyBytes: end - offset, isRepeatable: true }, async ({ signal }) => {
    // A range of an empty object is refused.
    const range = found.bytes === 0 ? {} : { Range: `bytes=${offset}-${end - 1}` };
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: found.key, VersionId: found.versionId, ...range }), { abortSignal: signal });
    const bytes = await readBody(answer.Body, answer.ContentLength);
    if (bytes.length !== end - offset) throw new MalformedError(`${found.key} in ${bucket} gave ${bytes.length} bytes at ${offset} where ${end - offset} were listed. Nothing of it was kept.`);
    return { bytes, contentType: answer.ContentType, contentEncoding: answer.ContentEncoding, cacheControl: answer.CacheControl, metadata: answer.Metadata };
  });
}

async function whole(name: string, content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.length;
    if (bytes > objectBytesMax)
      throw new MalformedError(`${name} is larger than ${objectBytesMax} bytes, which is the most that is written back as one object. Restore it as a file and upload it in parts.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function textsOf(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])));
}
