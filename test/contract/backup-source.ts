// The contract of a backup source, as one suite for every kind of source.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { addDigests, ContentSum, emptyDigest } from '../../src/core/vault/content-digest.ts';
import type { ContentDigest } from '../../src/core/vault/recovery-point.ts';
import type { BackupSource, SourceEntry } from '../../src/ports/backup-source.ts';

export type SourceUnderTest<Target> = {
  readonly source: BackupSource<Target>;
  /** What is protected now, as a target: `digest` of it is what the source says of itself. */
  readonly itself: Target;
  /** A fresh, empty target. */
  readonly target: () => Promise<Target>;
  /** Puts so many things into what is protected, some large enough to be read in pieces; another number, other things. */
  readonly fill: (count: number) => Promise<void>;
  /** Changes one of them, removes one, and adds one. */
  readonly change: () => Promise<void>;
};

export type ReadEntry = { readonly meta: SourceEntry['meta']; readonly content: Uint8Array };

export async function readAll(entries: AsyncIterable<SourceEntry>): Promise<ReadEntry[]> {
  const read: ReadEntry[] = [];
  for await (const { meta, content } of entries) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content ?? []) pieces.push(piece.slice());
    read.push({ meta, content: Buffer.concat(pieces) });
  }
  return read;
}

export async function* replay(entries: readonly ReadEntry[], failAfter = Number.POSITIVE_INFINITY): AsyncIterable<SourceEntry> {
  let left = failAfter;
  async function* pieces(content: Uint8Array): AsyncIterable<Uint8Array> {
    for (let i = 0; i < content.length; i += 1000) {
      if ((left -= 1) < 0) throw new Error('killed');
      yield content.subarray(i, i + 1000);
    }
  }
  for (const { meta, content } of entries) yield { meta, content: pieces(content) };
}

/** @param digestOf what was read, summed up as the source's own digest is */
export function backupSourceContract<Target>(name: string, create: () => Promise<SourceUnderTest<Target>>, digestOf: (entries: readonly ReadEntry[]) => ContentDigest): void {
  async function pieces(source: BackupSource<Target>, piecesMax: number): Promise<ReadEntry[]> {
    const all: ReadEntry[] = [];
    for (const piece of await source.list(piecesMax)) all.push(...(await readAll(source.read(piece))));
    return all;
  }

  describe(`backup source contract: ${name}`, () => {
    test.each([0, 1, 7, 150])('of %d things, any number of pieces gives all of them, each once', async (count) => {
      const t = await create();
      await t.fill(count);
      const itself = await t.source.digest(t.itself);
      for (const piecesMax of [1, 2, 5]) {
        expect((await t.source.list(piecesMax)).length).toBeLessThanOrEqual(piecesMax);
        expect(digestOf(await pieces(t.source, piecesMax))).toEqual(itself);
      }
    });

    test('written back, it is the same; and again, and after a writing that was killed', async () => {
      const t = await create();
      await t.fill(60);
      const read = await pieces(t.source, 3);
      const itself = await t.source.digest(t.itself);
      const target = await t.target();
      for (const failAfter of [1, 3]) await t.source.writeBack(target, replay(read, failAfter)).catch(() => undefined);
      const written = await t.source.writeBack(target, replay(read));
      expect(written.items).toBe(itself.items);
      expect(await t.source.digest(target)).toEqual(itself);
      await t.source.writeBack(target, replay(read));
      expect(await t.source.digest(target)).toEqual(itself);
    });

    test('the digest knows one thing more, one less, one changed', async () => {
      const t = await create();
      const seen = new Set<string>();
      for (const count of [5, 6]) {
        await t.fill(count);
        seen.add((await t.source.digest(t.itself)).sum);
      }
      await t.change();
      seen.add((await t.source.digest(t.itself)).sum);
      expect(seen.size).toBe(3);
    });

    test('a position taken before reading, and the changes from it, miss nothing that happened meanwhile', async () => {
      const t = await create();
      await t.fill(20);
      const before = await t.source.position();
      expect(JSON.parse(JSON.stringify(before))).toEqual(before);
      expect(await readAll(t.source.changes(before))).toEqual([]);
      await t.change();
      const changes = await readAll(t.source.changes(before));
      expect(changes.length).toBeGreaterThan(0);
      const after = await t.source.position();
      expect(await readAll(t.source.changes(after))).toEqual([]);
      expect(await readAll(t.source.changes(before))).toEqual(changes);
    });
  });
}

/** Where contents are lines. */
export function digestOfLines(entries: readonly ReadEntry[]): ContentDigest {
  return entries
    .map(({ content }) => {
      const sum = new ContentSum();
      for (const line of Buffer.from(content).toString('utf8').split('\n').slice(0, -1)) sum.addLine(createHash('sha256').update(line).digest(), Buffer.byteLength(line));
      return sum.toJSON();
    })
    .reduce(addDigests, emptyDigest);
}
