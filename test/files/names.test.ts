// The order of entries, on which comparing two trees side by side rests; what is selected; and attributes as getfattr writes them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNames, comparePaths, joinPath, partsOf, textOrBytes, treeRoot, type EntryName } from '../../src/files/entry-name.ts';
import { EntryStreamWriter, rawEntries, type RawEntry } from '../../src/files/entry-stream.ts';
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

async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
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
          const writer = new EntryStreamWriter((chunk) => chunks.push(new Uint8Array(chunk)));
          for (const [i, { json, extents }] of entries.entries()) {
            const list = new ExtentList();
            for (let k = 0; k < extents; k++) list.add(new Uint8Array(32).fill(i), new Uint8Array(16), { pack: new Uint8Array(8), offset: k, storedBytes: 20, rawBytes: 4, codec: 0 }, 0, 4);
            writer.add(json, json, list.bytes);
          }
          writer.cut();
          const whole = Buffer.concat(chunks);
          expect(writer).toMatchObject({ count: entries.length, bytes: whole.length });
          const read = async (...pieces: Uint8Array[]) => {
            const found: RawEntry[] = [];
            for await (const batch of rawEntries(streamOf(pieces))) found.push(...batch);
            return found;
          };
          const found = await read(whole.subarray(0, cut), whole.subarray(cut));
          expect(found.map(({ json, extents }) => [json.toString(), extents.length / 80])).toEqual(entries.map(({ json, extents }) => [json, extents]));
          if (whole.length > 1) await expect(read(whole.subarray(0, -1))).rejects.toThrow('in the middle');
        },
      ),
      { seed: 6, numRuns: 30 },
    );
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
