// The order of entries, on which comparing two trees side by side rests; what is selected; and attributes as getfattr writes them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNames, comparePaths, joinPath, partsOf, textOrBytes, treeRoot, type EntryName } from '../../src/files/entry-name.ts';
import { EntryStreamWriter, rawEntries, type RawEntry, type StreamChunk } from '../../src/files/entry-stream.ts';
import { parseDump } from '../../src/files/extended-attributes.ts';
import { ExtentList } from '../../src/files/extent-list.ts';
import { Selection } from '../../src/files/selection.ts';

/** Characters beside the slash, of one and two code units, and bytes that are no text. */
const name = fc.oneof(
  fc.array(fc.constantFrom('a', 'b', '.', '-', '!', '0', '\u00e9', '\uffee', '\u{1f4be}'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
  fc.constantFrom(Buffer.of(0xff), Buffer.of(0x61, 0xfe), Buffer.of(0xed, 0xa0, 0x80)),
);

type Tree = { readonly name: EntryName; readonly children: readonly Tree[] };
const part = name.filter((n) => n !== '.' && n !== '..');
const withChildren = (children: fc.Arbitrary<Tree>) => fc.record({ name: part, children: fc.array(children, { maxLength: 4 }) });
const tree = withChildren(withChildren(withChildren(fc.record({ name: part, children: fc.constant([]) }))));

/** As the walk lists it. */
function listed(trees: readonly Tree[], folder: EntryName): EntryName[] {
  const distinct = trees.filter((t, i) => trees.findIndex((other) => Buffer.from(other.name).equals(Buffer.from(t.name))) === i);
  return distinct
    .toSorted((a, b) => compareNames(a.name, b.name))
    .flatMap((t) => {
      const path = joinPath(folder, t.name);
      return [path, ...listed(t.children, path)];
    });
}

describe('names', () => {
  it('are listed in the order in which they are compared', () => {
    fc.assert(
      fc.property(fc.array(tree, { maxLength: 5 }), (trees) => {
        const names = [treeRoot, ...listed(trees, '')];
        for (const [i, each] of names.entries()) {
          for (const [k, other] of names.entries()) expect(Math.sign(comparePaths(each, other))).toBe(Math.sign(i - k));
        }
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('are text only where their bytes are UTF-8, and come apart as they were put together', () => {
    expect(textOrBytes(Buffer.from('ü\ufffd'))).toBe('ü\ufffd');
    expect(textOrBytes(Buffer.of(0x61, 0xff))).toEqual(Buffer.of(0x61, 0xff));
    expect(partsOf(joinPath('a', Buffer.of(0xff)))).toEqual(['a', Buffer.of(0xff)]);
  });
});

async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<StreamChunk> {
  for (const [i, piece] of pieces.entries()) yield { bytes: Buffer.from(piece), reference: Uint8Array.of(i) };
}

async function entriesOf(pieces: readonly Uint8Array[]): Promise<RawEntry[]> {
  const found: RawEntry[] = [];
  for await (const batch of rawEntries(streamOf(pieces))) found.push(...batch);
  return found;
}

describe('the entry stream', () => {
  it('gives every entry as it was written, whatever its length, and refuses one that ends too early', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ json: fc.constantFrom('x', 'x'.repeat(100), 'ü'.repeat(5000), 'ü'.repeat(150_000)).map((text) => `"${text}"`), extents: fc.constantFrom(0, 1, 2, 30_000) }), {
          maxLength: 30,
        }),
        fc.integer({ min: 1, max: 5_000_000 }),
        async (entries, cut) => {
          const chunks: Uint8Array[] = [];
          const writer = new EntryStreamWriter({ store: (chunk) => chunks.push(new Uint8Array(chunk)), repeat: () => {} });
          for (const [i, { json, extents }] of entries.entries()) {
            const list = new ExtentList();
            for (let k = 0; k < extents; k++) list.add(new Uint8Array(32).fill(i), new Uint8Array(16), { pack: new Uint8Array(8), offset: k, storedBytes: 20, rawBytes: 4, codec: 0 }, 0, 4);
            writer.add(json, list.bytes);
          }
          writer.cut();
          const whole = Buffer.concat(chunks);
          expect(writer).toMatchObject({ count: entries.length, bytes: whole.length });
          const found = await entriesOf([whole.subarray(0, cut), whole.subarray(cut)]);
          expect(found.map(({ json, extents }) => [json.toString(), extents.length / 80])).toEqual(entries.map(({ json, extents }) => [json, extents]));
          if (whole.length > 1) await expect(entriesOf([whole.subarray(0, -1)])).rejects.toThrow('in the middle');
        },
      ),
      { seed: 6, numRuns: 30 },
    );
  });
});

describe('an entry stream that repeats another', () => {
  const entry = (name: number, change: number) => `{"n":"some folder/file ${name}","t":"f","change":"${change}${'-'.repeat(100)}"}`;
  const extents = (name: number) => new Uint8Array(name % 3 === 0 ? 80 : 0).fill(name);

  function written(write: (writer: EntryStreamWriter) => void, repeated: readonly Uint8Array[] = []) {
    const chunks: Uint8Array[] = [];
    let stored = 0;
    const store = (chunk: Uint8Array) => {
      stored += 1;
      chunks.push(new Uint8Array(chunk));
    };
    const writer = new EntryStreamWriter({ store, repeat: ([index = -1]) => chunks.push(repeated[index] ?? new Uint8Array(0)) });
    write(writer);
    writer.cut();
    return { chunks, stored, count: writer.count, bytes: writer.bytes };
  }

  const old = written((writer) => {
    for (let i = 0; i < 12_000; i += 1) writer.add(entry(i, 0), extents(i));
  });

  it('is, chunk for chunk, what it is when every entry is written anew', async () => {
    const entries = await entriesOf(old.chunks);
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat({ max: 11_999 }), does: fc.constantFrom('change', 'remove', 'insert', 'cut') }), { maxLength: 6 }),
        fc.option(fc.record({ from: fc.nat({ max: 11_999 }), entries: fc.nat({ max: 6000 }) }), { nil: null }),
        (edits, gap) => {
          const at = new Map(edits.map(({ at: where, does }) => [where, does]));
          const isGone = (i: number) => at.get(i) === 'remove' || (gap !== null && i >= gap.from && i < gap.from + gap.entries);
          const play = (writer: EntryStreamWriter, same: (i: number, raw: RawEntry) => void) => {
            for (const [i, raw] of entries.entries()) {
              if (at.get(i) === 'cut') writer.cut();
              if (at.get(i) === 'insert') writer.add(entry(i, 7), extents(1));
              if (at.get(i) === 'change') writer.add(entry(i, 8), extents(i));
              else if (!isGone(i)) same(i, raw);
            }
          };
          const anew = written((writer) => play(writer, (i) => writer.add(entry(i, 0), extents(i))));
          const repeated = written((writer) => play(writer, (_, raw) => writer.repeat(raw)), old.chunks);
          expect({ count: repeated.count, bytes: repeated.bytes, chunks: repeated.chunks.map((chunk) => Buffer.from(chunk).toString('latin1')) }).toEqual({
            count: anew.count,
            bytes: anew.bytes,
            chunks: anew.chunks.map((chunk) => Buffer.from(chunk).toString('latin1')),
          });
        },
      ),
      { seed: 7, numRuns: 25 },
    );
  });

  it('has no more of a chunk than was repeated, wherever that ends', async () => {
    const entries = await entriesOf(old.chunks.slice(0, 1));
    for (let count = 1; count < entries.length; count += 1) {
      const repeated = written((writer) => {
        for (const raw of entries.slice(0, count)) writer.repeat(raw);
      }, old.chunks);
      expect([repeated.count, repeated.bytes]).toEqual([count, entries[count - 1]?.end]);
    }
  });

  it('stores nothing but its last chunk where nothing changed, which ends by chance', async () => {
    const entries = await entriesOf(old.chunks);
    const repeated = written((writer) => {
      for (const raw of entries) writer.repeat(raw);
    }, old.chunks);
    expect(old.chunks.length).toBeGreaterThan(5);
    expect([repeated.stored, repeated.count, repeated.bytes]).toEqual([1, old.count, old.bytes]);
    expect(Buffer.concat(repeated.chunks).equals(Buffer.concat(old.chunks))).toBe(true);
  });
});

describe('a selection', () => {
  it('has what is named, what is below, and the folders on the way', () => {
    const selection = new Selection(['/a/b/', 'c']);
    expect(['.', 'a', 'a/b', 'a/b/x', 'c', 'c/d'].every((each) => selection.has(each))).toBe(true);
    expect(['a/bc', 'a/x', 'cc', 'b'].some((each) => selection.has(each))).toBe(false);
    expect(new Selection(['a', 'nothing']).unseen).toEqual(['a', 'nothing']);
    expect(() => new Selection(['../x'])).toThrow('Nothing was restored');
  });
});

describe('what getfattr prints', () => {
  it('is read, with names that it escapes', () => {
    const text = '# file: /a/with\\012newline\nuser.one=0sAQI=\nuser.two=0s\n\n# file: /a/b\nsecurity.selinux=0sAA==\n\n';
    expect(parseDump(text)).toEqual(
      new Map([
        ['/a/with\nnewline', { 'user.one': 'AQI=', 'user.two': '' }],
        ['/a/b', { 'security.selinux': 'AA==' }],
      ]),
    );
  });
});
