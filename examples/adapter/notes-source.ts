// Why: what a team writes to have a resource of its own in the vault: here an SQLite table of notes. Everything that is about notes is in this
// file; cutting, encryption, sites, locks and restores are Holdfast's.
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { canonicalJson } from '../../src/core/vault/canonical-json.ts';
import { ContentSum } from '../../src/core/vault/content-digest.ts';
import type { ContentDigest } from '../../src/core/vault/recovery-point.ts';
import { linesOf } from '../../src/operations/backup-lines.ts';
import type { BackupSource, Piece, SourceEntry, SourcePosition, WrittenBack } from '../../src/ports/backup-source.ts';

const rowsPerRead = 500;

/** One entry a piece, one line of JSON a note. `changed` is a counter that the application raises with each write; a removed note has `text` null. */
export class NotesSource implements BackupSource<DatabaseSync> {
  readonly kind = 'notes';
  readonly name = 'notes';
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Cut where they can be read side by side: here by the remainder of the id. */
  async list(piecesMax: number): Promise<readonly Piece[]> {
    return Array.from({ length: piecesMax }, (_, i) => ({ id: `${i}/${piecesMax}` }));
  }

  async *read(piece: Piece): AsyncIterable<SourceEntry> {
    const [remainder, pieces] = piece.id.split('/').map(Number);
    yield { meta: { n: `notes/${remainder}` }, content: this.#lines('id % ? = ? AND text IS NOT NULL', [pieces ?? 1, remainder ?? 0]) };
  }

  /** Asked before reading: what is written meanwhile is then in the changes, perhaps a second time, never not at all. */
  async position(): Promise<SourcePosition> {
    return { changed: Number(this.#database.prepare('SELECT coalesce(max(changed), 0) AS changed FROM notes').get()?.['changed']) };
  }

  async *changes(since: SourcePosition): AsyncIterable<SourceEntry> {
    const [from, { changed }] = [Number(since['changed']), await this.position()];
    if (changed !== from) yield { meta: { n: 'changes' }, content: this.#lines('changed > ?', [from]) };
  }

  /** Idempotent: a note that is there is written over, by its id. */
  async writeBack(target: DatabaseSync, entries: AsyncIterable<SourceEntry>): Promise<WrittenBack> {
    const put = target.prepare('INSERT INTO notes (id, text, changed) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text, changed = excluded.changed');
    let [items, bytes] = [0, 0];
    for await (const { content } of entries) {
      if (content === null) continue;
      for await (const line of linesOf(content)) {
        const { id, text, changed } = JSON.parse(line);
        put.run(id, text, changed);
        items += 1;
        bytes += line.length;
      }
    }
    return { items, bytes };
  }

  async digest(target: DatabaseSync): Promise<ContentDigest> {
    const sum = new ContentSum();
    for await (const page of new NotesSource(target).#lines('text IS NOT NULL', [])) {
      for (const line of Buffer.from(page).toString().trimEnd().split('\n')) sum.addLine(createHash('sha256').update(line).digest(), Buffer.byteLength(line));
    }
    return sum.toJSON();
  }

  /** A bounded number of notes at a time, by id. */
  async *#lines(where: string, values: readonly number[]): AsyncIterable<Uint8Array> {
    const select = this.#database.prepare(`SELECT id, text, changed FROM notes WHERE id > ? AND ${where} ORDER BY id LIMIT ${rowsPerRead}`);
    for (let last = -1; ; ) {
      const rows = select.all(last, ...values);
      if (rows.length === 0) return;
      yield Buffer.from(rows.map((row) => `${canonicalJson(row)}\n`).join(''));
      last = Number(rows.at(-1)?.['id']);
    }
  }
}
