// A table as a source of backups, over any database that has the TableStore port, and the change logs of its regions.
import type { SealedImage } from '../core/backup/subject-lines.ts';
import { changesName, itemLine, itemsName, parseItemLine, recordLine, sealedItemLine } from '../core/backup/table-lines.ts';
import { isPositions } from '../core/backup/payload.ts';
import { spansOf } from '../core/backup/settle.ts';
import { MalformedError } from '../core/errors.ts';
import type { ChangeRecord, Image } from '../core/log/change-record.ts';
import { requireChain, type LogHead } from '../core/log/segment.ts';
import { addDigests, ContentSum } from '../core/vault/content-digest.ts';
import type { ContentDigest, LogPositions } from '../core/vault/recovery-point.ts';
import type { BackupSource, Piece, SourceEntry, SourcePosition, WrittenBack } from '../ports/backup-source.ts';
import { bytesOf, linesOf } from './backup-lines.ts';
import { readScanPositions, type BackupPorts } from './backup-ports.ts';

/** null: the item is about nobody, and stays as it is. */
export type SealImage = (image: Image) => Promise<SealedImage | null>;

export type TableTarget = { readonly table: string };

export type SourcePorts = Pick<BackupPorts, 'me' | 'settings' | 'own' | 'log' | 'tables' | 'digest' | 'sha256'>;

/** Items that one call of the driver is given to write; it cuts them as its database wants. */
const itemsPerWrite = 100;
const segmentsPerPage = 20;
/** Items whose persons' keys are asked for side by side. */
const sealsAtOnce = 16;
/** Segments that a digest reads side by side. */
const digestSegments = 4;

export class TableSource implements BackupSource<TableTarget> {
  readonly kind = 'dynamodb';
  readonly name: string;
  readonly #ports: SourcePorts;
  readonly #seal: SealImage | null;

  /** @param seal of images that are about a person, before anything of them is written; null: none are */
  constructor(ports: SourcePorts, seal: SealImage | null = null) {
    this.name = ports.settings.source;
    this.#ports = ports;
    this.#seal = seal;
  }

  async list(piecesMax: number): Promise<readonly Piece[]> {
    return Array.from({ length: piecesMax }, (_, segment) => ({ id: `items/${segment}/${piecesMax}` }));
  }

  async *read(piece: Piece): AsyncIterable<SourceEntry> {
    const [, segment, segments] = /^items\/(\d+)\/(\d+)$/.exec(piece.id) ?? [];
    if (segment === undefined || segments === undefined) throw new MalformedError(`'${piece.id}' is no piece of a table: the plan was altered. Nothing was read.`);
    yield { meta: { n: itemsName(Number(segment)) }, content: this.#itemLines(this.#ports.settings.table, Number(segment), Number(segments)) };
  }

  async *#itemLines(table: string, segment: number, segments: number): AsyncIterable<Uint8Array> {
    for await (const page of this.#ports.tables.scan(table, segment, segments)) if (page.length > 0) yield bytesOf(await this.#linesOf(page));
  }

  async #linesOf(page: readonly Image[]): Promise<string[]> {
    const seal = this.#seal;
    if (seal === null) return page.map(itemLine);
    const lines: string[] = [];
    for (let i = 0; i < page.length; i += sealsAtOnce)
      lines.push(
        ...(await Promise.all(
          page.slice(i, i + sealsAtOnce).map(async (image) => {
            const sealed = await seal(image);
            return sealed === null ? itemLine(image) : sealedItemLine(image, sealed, this.#ports.settings.keyName);
          }),
        )),
      );
    return lines;
  }

  async #recordLine(record: ChangeRecord, sequence: number): Promise<string> {
    const sealed = record.image === null ? null : ((await this.#seal?.(record.image)) ?? null);
    return recordLine(record, sequence, sealed);
  }

  async position(): Promise<SourcePosition> {
    return { since: await readScanPositions(this.#ports) };
  }

  /** `{since, until?}`, each the positions of logs; without `until`, to where the logs end now. Of one origin where `origin` names it. */
  async *changes(position: SourcePosition): AsyncIterable<SourceEntry> {
    const { since, until, origin } = position;
    if (!isPositions(since) || (until !== undefined && !isPositions(until))) throw new MalformedError("The position of a table's source is not what `position` gave. Nothing was read.");
    const spans = spansOf(since, until ?? (await this.#heads())).filter((span) => origin === undefined || origin === span.origin);
    for (const span of spans) yield { meta: { n: changesName(span.origin, span.first, span.last) }, content: this.#recordLines(span.origin, span.first, span.last) };
  }

  async #heads(): Promise<LogPositions> {
    const { settings, log } = this.#ports;
    return Object.fromEntries(await Promise.all(settings.origins.map(async (origin) => [origin, (await log.head(origin)).sequence] as const)));
  }

  /** @throws MalformedError when a record of the span is gone or was altered. */
  async *#recordLines(origin: string, first: number, last: number): AsyncIterable<Uint8Array> {
    let before: LogHead | undefined;
    for (let position = first - 1; position < last; ) {
      const segments = await this.#ports.log.read(origin, position, segmentsPerPage);
      requireChain(before, segments, this.#ports.digest);
      for (const segment of segments) {
        const start = segment.sequence - segment.records.length + 1;
        if (start > position + 1) break;
        const lines: string[] = [];
        for (const [i, record] of segment.records.entries()) if (start + i > position && start + i <= last) lines.push(await this.#recordLine(record, start + i));
        if (lines.length > 0) yield bytesOf(lines);
        position = Math.min(segment.sequence, last);
        before = { sequence: segment.sequence, hash: segment.hash };
      }
      const isMissing = segments.length === 0 || position < Math.min(last, segments.at(-1)?.sequence ?? 0);
      if (isMissing)
        throw new MalformedError(
          `Record ${position + 1} of ${origin}'s change log is not there in ${this.#ports.log.region}: it has expired. Nothing was committed; a full backup begins a new chain.`,
        );
    }
  }

  async writeBack(target: TableTarget, entries: AsyncIterable<SourceEntry>): Promise<WrittenBack> {
    let [items, bytes] = [0, 0];
    for await (const entry of entries) {
      let batch: Image[] = [];
      for await (const line of linesOf(entry.content ?? nothing())) {
        batch.push(parseItemLine(line, this.#ports.settings.keyName).image);
        items += 1;
        bytes += Buffer.byteLength(line) + 1;
        if (batch.length < itemsPerWrite) continue;
        await this.#ports.tables.write(target.table, batch);
        batch = [];
      }
      if (batch.length > 0) await this.#ports.tables.write(target.table, batch);
    }
    return { items, bytes };
  }

  async digest(target: TableTarget): Promise<ContentDigest> {
    const segments = Array.from({ length: digestSegments }, async (_, segment) => {
      const sum = new ContentSum();
      for await (const page of this.#ports.tables.scan(target.table, segment, digestSegments)) for (const image of page) addLine(sum, itemLine(image), this.#ports.sha256);
      return sum.toJSON();
    });
    return (await Promise.all(segments)).reduce(addDigests);
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

/** A line counts without its newline. */
export function addLine(sum: ContentSum, line: string, sha256: (bytes: Uint8Array) => Uint8Array): void {
  const bytes = Buffer.from(line, 'utf8');
  sum.addLine(sha256(bytes), bytes.length);
}
