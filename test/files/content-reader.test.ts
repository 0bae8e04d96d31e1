// What a reading worker makes of a file, without threads and without a vault: the extents are the content, whatever was there before.
import { createHash, hash } from 'node:crypto';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extentBytes } from '../../src/core/vault/entry-codec.ts';
import { ChunkTable, newChunkTable, type SharedChunkTable } from '../../src/files/chunk-table.ts';
import { ContentReader, type ChunkSink } from '../../src/files/content-reader.ts';
import { contentLength, readExtent } from '../../src/files/extent-list.ts';
import type { ContentRead, Expected } from '../../src/files/read-task.ts';

const mebibyte = 1024 * 1024;
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'holdfast-reader-'));
  file = path.join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Chunks in memory, by id. */
class Store implements ChunkSink {
  readonly chunks = new Map<string, Buffer>();
  readonly shared: SharedChunkTable = newChunkTable();
  readonly reader = new ContentReader(this, new ChunkTable(this.shared));
  stored = 0;

  readonly idOf = (plain: Uint8Array) => hash('sha256', plain, 'buffer');
  readonly tagOf = (plain: Uint8Array) => hash('md5', plain, 'buffer');
  readonly store = (plain: Uint8Array, id: Uint8Array, tag: Uint8Array) => {
    this.stored += plain.length;
    this.chunks.set(Buffer.from(id).toString('hex'), Buffer.from(plain));
    return { id, tag, pack: new Uint8Array(8).fill(1), offset: this.chunks.size, storedBytes: plain.length, rawBytes: plain.length, codec: 0 as const };
  };

  read(from: number, to: number, old: Uint8Array | null): ContentRead {
    const shared = old === null ? null : new SharedArrayBuffer(old.length);
    if (shared !== null && old !== null) new Uint8Array(shared).set(old);
    const { read } = this.reader.run({ kind: 'segment', path: file, expected: expected(), from, to, old: shared });
    if ('changed' in read) throw new Error('a bundle');
    return read;
  }

  content(extents: Uint8Array): Buffer {
    const parts = Array.from({ length: extents.length / extentBytes }, (_, i) => {
      const extent = readExtent(extents, i);
      if (extent.pack === null) return Buffer.alloc(extent.length);
      const chunk = this.chunks.get(Buffer.from(extent.id).toString('hex'));
      return chunk?.subarray(extent.from, extent.from + extent.length) ?? Buffer.from('missing');
    });
    return Buffer.concat(parts);
  }
}

function expected(): Expected {
  const stat = lstatSync(file, { bigint: true });
  return { device: stat.dev, inode: stat.ino, bytes: Number(stat.size), mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs };
}

/** A stream of bytes by a seed: text lines, noise, or zeros with noise between. */
function bytesOf(kind: 'text' | 'noise' | 'holes', seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length, kind === 'text' ? 'line of a log that is much like the others\n' : 0);
  let state = seed;
  const step = kind === 'text' ? 40 : kind === 'noise' ? 4 : 3 * mebibyte;
  for (let at = 0; at + 4 <= length; at += step) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (kind === 'text') bytes.write(state.toString(16).slice(0, 4).padStart(4, '0'), at);
    else bytes.writeUInt32LE(state, at);
  }
  return bytes;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a reading worker', () => {
  it('gives the content, in any segments, new or beside what was there before', () => {
    const scenario = fc.record({
      kind: fc.constantFrom('text' as const, 'noise' as const, 'holes' as const),
      seed: fc.nat(1_000_000),
      length: fc.constantFrom(1, 4096, mebibyte, 8 * mebibyte - 1, 16 * mebibyte, 16 * mebibyte + 4096, 17 * mebibyte + 3),
      change: fc.constantFrom('nothing', 'insert', 'cut', 'overwrite', 'grow'),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      segment: fc.constantFrom(8 * mebibyte, 32 * mebibyte),
    });
    fc.assert(
      fc.property(scenario, ({ kind, seed, length, change, at, segment }) => {
        const store = new Store();
        const first = bytesOf(kind, seed, length);
        writeFileSync(file, first);
        const whole = store.read(0, length, null);
        expect(whole).toMatchObject({ isChanged: false, error: null });
        expect(digest(store.content(whole.extents))).toBe(digest(first));
        const place = Math.floor(at * length);
        const extra = bytesOf('noise', seed + 1, change === 'nothing' ? 0 : 10_001);
        const tail = change === 'insert' ? first.subarray(place) : change === 'cut' ? Buffer.alloc(0) : change === 'overwrite' ? first.subarray(place + extra.length) : first.subarray(place);
        const second = change === 'grow' ? Buffer.concat([first, extra]) : Buffer.concat([first.subarray(0, place), change === 'cut' ? Buffer.alloc(0) : extra, tail]);
        writeFileSync(file, second);
        const before = store.stored;
        const parts: Buffer[] = [];
        for (let from = 0; from < second.length; from += segment) parts.push(store.content(store.read(from, Math.min(second.length, from + segment), whole.extents).extents));
        expect(digest(Buffer.concat(parts))).toBe(digest(second));
        if (change === 'nothing' && segment >= length) expect(store.stored).toBe(before);
      }),
      { seed: 3, numRuns: 20 },
    );
  }, 120_000);

  it('says that a file became shorter, and gives what is there', () => {
    const store = new Store();
    writeFileSync(file, bytesOf('noise', 1, 3 * mebibyte));
    const was = expected();
    writeFileSync(file, bytesOf('noise', 1, 2 * mebibyte));
    const { read } = store.reader.run({ kind: 'segment', path: file, expected: was, from: 0, to: 3 * mebibyte, old: null });
    expect(read).toMatchObject({ isChanged: true });
    expect(contentLength(read.extents)).toBe(2 * mebibyte);
  });

  it('follows no link, and says what it could not open', () => {
    const store = new Store();
    writeFileSync(file, 'x');
    const was = expected();
    rmSync(file);
    const { read } = store.reader.run({ kind: 'segment', path: file, expected: was, from: 0, to: 1, old: null });
    expect(read).toMatchObject({ error: 'ENOENT' });
  });
});
