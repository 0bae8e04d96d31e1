// The layouts of docs/vault-format.md: what is written is read again, byte by byte as the page says, and at each limit what is one too many is refused.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReference, decodeReferences, encodeReferences, referenceBytes } from '../../../src/core/vault/chunk-reference.ts';
import { encodeEntry, EntryDecoder, extentBytes } from '../../../src/core/vault/entry-codec.ts';
import { decodeManifest, encodeManifest, encodeManifestHead } from '../../../src/core/vault/manifest-layout.ts';
import { decodeIndex, decodePackFooter, decodePackHeader, encodeIndexRow, encodePackFooter, encodePackHeader, indexRowBytes, nonceAt } from '../../../src/core/vault/pack-layout.ts';
import type { ChunkReference, Entry, Extent, PointHeader } from '../../../src/core/vault/recovery-point.ts';
import { always, around } from '../property.ts';

const MiB = 1024 * 1024;
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

const reference: fc.Arbitrary<ChunkReference> = fc
  .record({
    id: bytesOf(32),
    tag: bytesOf(16),
    pack: bytesOf(8),
    offset: fc.integer({ min: 32, max: 48 * MiB }),
    storedBytes: fc.integer({ min: 16, max: 16 * MiB }),
    rawBytes: fc.integer({ min: 0, max: 16 * MiB }),
  })
  .chain((fields) => fc.constantFrom(0 as const, 1 as const).map((codec) => ({ ...fields, codec })));

const fixed: ChunkReference = { id: new Uint8Array(32).fill(1), tag: new Uint8Array(16).fill(2), pack: new Uint8Array(8).fill(3), offset: 32, storedBytes: 100, rawBytes: 200, codec: 1 };

describe('references', () => {
  it('are 72 bytes as the page says, and are read again', () => {
    const bytes = Buffer.from(encodeReferences([{ ...fixed, offset: 0x01020304, storedBytes: 0x00010203, rawBytes: 0x00040506 }]));
    expect(bytes.toString('hex')).toBe(`${'01'.repeat(32)}${'02'.repeat(16)}${'03'.repeat(8)}${'04030201'}${'03020100'}${'06050400'}${'01'}000000`);
    always(
      fc.property(fc.array(reference, { maxLength: 5 }), (references) => {
        expect(decodeReferences(encodeReferences(references))).toEqual(references);
      }),
    );
  });

  it('are refused one beyond a limit', () => {
    const tries = (change: Partial<ChunkReference>) => {
      try {
        decodeReference(encodeReferences([{ ...fixed, ...change }]), 0);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ name: 'MalformedError' });
        return false;
      }
    };
    always(
      fc.property(around(16 * MiB), (rawBytes) => {
        expect(tries({ rawBytes })).toBe(rawBytes <= 16 * MiB);
      }),
    );
    always(
      fc.property(around(16), (storedBytes) => {
        expect(tries({ storedBytes })).toBe(storedBytes >= 16);
      }),
    );
    always(
      fc.property(around(32), (offset) => {
        expect(tries({ offset })).toBe(offset >= 32);
      }),
    );
    always(
      fc.property(around(64 * MiB), (end) => {
        expect(tries({ offset: end - 100 })).toBe(end <= 64 * MiB && end >= 132);
      }),
    );
    const padded = encodeReferences([fixed]);
    for (const at of [69, 70, 71]) expect(() => decodeReferences(Uint8Array.from(padded, (byte, i) => (i === at ? 1 : byte)))).toThrow(/codec/);
    for (const length of [71, 73]) expect(() => decodeReferences(new Uint8Array(length))).toThrow(/whole number/);
  });
});

describe('packs', () => {
  it('begin and end as the page says', () => {
    const bytes = new Uint8Array(56);
    encodePackHeader({ packId: new Uint8Array(16).fill(0xaa), keyId: new Uint8Array(8).fill(0xbb) }, bytes);
    encodePackFooter({ indexOffset: 0x30, indexBytes: 0x50, chunks: 1 }, bytes, 32);
    expect(Buffer.from(bytes).toString('hex')).toBe(`48465041434b0001${'aa'.repeat(16)}${'bb'.repeat(8)}${'30000000'}${'50000000'}${'01000000'}${'00000000'}484650454e440001`);
    expect(decodePackHeader(bytes)).toEqual({ packId: new Uint8Array(16).fill(0xaa), keyId: new Uint8Array(8).fill(0xbb) });
    expect(Buffer.from(nonceAt(0x01020304)).toString('hex')).toBe('040302010000000000000000');
  });

  it('with another magic, or a footer that does not fit, are refused', () => {
    const footer = (chunks: number, indexBytes: number, indexOffset: number, packBytes: number) => {
      const bytes = new Uint8Array(24);
      encodePackFooter({ indexOffset, indexBytes, chunks }, bytes, 0);
      return () => decodePackFooter(bytes, packBytes);
    };
    expect(footer(2, 144, 100, 268)()).toEqual({ indexOffset: 100, indexBytes: 144, chunks: 2 });
    for (const off of [-1, 1]) {
      expect(footer(2 + off, 144, 100, 268)).toThrow(/does not fit/);
      expect(footer(2, 144 + off, 100, 268)).toThrow(/does not fit/);
      expect(footer(2, 144, 100 + off, 268)).toThrow(/does not fit/);
      expect(footer(2, 144, 100, 268 + off)).toThrow(/does not fit/);
    }
    expect(footer(0, 16, 31, 71)).toThrow(/does not fit/);
    for (const packBytes of [64 * MiB - 1, 64 * MiB]) expect(footer(1, 80, packBytes - 104, packBytes)()).toMatchObject({ chunks: 1 });
    expect(footer(1, 80, 64 * MiB + 1 - 104, 64 * MiB + 1)).toThrow(/does not fit/);
    expect(() => decodePackFooter(new Uint8Array(23), 23)).toThrow(/no end/);
    expect(() => decodePackHeader(new Uint8Array(32))).toThrow(/no pack of format 1/);
    const second = new Uint8Array(32);
    encodePackHeader({ packId: new Uint8Array(16), keyId: new Uint8Array(8) }, second);
    second[7] = 2;
    expect(() => decodePackHeader(second)).toThrow(/format 1/);
  });

  it('have an index whose rows lie one after the other', () => {
    const packId = new Uint8Array(16).fill(3);
    const rows = [
      { ...fixed, offset: 32, storedBytes: 100 },
      { ...fixed, offset: 132, storedBytes: 50, codec: 0 as const },
    ];
    const index = new Uint8Array(2 * indexRowBytes);
    rows.forEach((row, i) => encodeIndexRow(row, index, i * indexRowBytes));
    expect(decodeIndex(index, packId, 182)).toEqual(rows);
    expect(() => decodeIndex(index, packId, 183)).toThrow(/index begins at 183/);
    for (const change of [{ offset: 131 }, { offset: 133 }, { storedBytes: 51 }, { rawBytes: 16 * MiB + 1 }]) {
      encodeIndexRow({ ...rows[1]!, ...change }, index, indexRowBytes);
      expect(() => decodeIndex(index, packId, 182)).toThrow();
    }
  });
});

const header: PointHeader = {
  format: 1,
  vault: 'ab'.repeat(16),
  source: 'orders',
  chain: 'orders.20260101T000000Z.00112233',
  point: '20260101T000000000Z-full-0011223344556677',
  type: 'full',
  key: 'cd'.repeat(8),
  salt: 'ef'.repeat(16),
  parent: null,
  createdAtMs: 1,
  class: 'daily',
  lockedUntilMs: null,
};
const row = (n: number, bytes = 1000) => ({ packId: n.toString(16).padStart(32, '0'), sha256: n.toString(16).padStart(64, '0'), bytes });

describe('manifests', () => {
  it('lie as the page says, rows in order, and are read again', () => {
    const json = JSON.stringify(header);
    const head = encodeManifestHead(header, [row(2), row(1)]);
    const expected = Buffer.concat([
      Buffer.from('4846504f494e5401', 'hex'),
      u32(json.length),
      Buffer.from(json),
      u32(2),
      ...[1, 2].map((n) => Buffer.concat([Buffer.from(row(n).packId, 'hex'), Buffer.from(row(n).sha256, 'hex'), u32(1000)])),
    ]);
    expect(Buffer.from(head).equals(expected)).toBe(true);
    const bytes = encodeManifest(head, new Uint8Array([7, 8, 9]), sha256);
    const before = Buffer.concat([expected, u32(3), Buffer.from([7, 8, 9])]);
    expect(Buffer.from(bytes).equals(Buffer.concat([before, sha256(before)]))).toBe(true);
    expect(decodeManifest(bytes, sha256)).toMatchObject({ header, packs: [row(1), row(2)], sealedBody: new Uint8Array([7, 8, 9]), head, sha256: Buffer.from(sha256(before)).toString('hex') });
  });

  it('cut anywhere, or with any bit changed, are refused', () => {
    const bytes = encodeManifest(encodeManifestHead(header, [row(1)]), new Uint8Array(20), sha256);
    for (let end = 0; end < bytes.length; end += 1) expect(() => decodeManifest(bytes.subarray(0, end), sha256)).toThrow();
    always(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        expect(() =>
          decodeManifest(
            Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ (1 << bit) : byte)),
            sha256,
          ),
        ).toThrow();
      }),
    );
  });

  it('are refused where their hash is right and what they say is not', () => {
    const made = (change: Record<string, unknown>, packs = [row(1)]) => {
      const json = Buffer.from(JSON.stringify({ ...header, ...change }));
      const table = encodeManifestHead(header, packs).subarray(12 + Buffer.byteLength(JSON.stringify(header)));
      return () => decodeManifest(encodeManifest(Buffer.concat([Buffer.from('HFPOINT\u0001', 'latin1'), u32(json.length), json, table]), new Uint8Array(16), sha256), sha256);
    };
    expect(made({ more: 'of a later version' })()).toMatchObject({ header });
    expect(made({ format: 2 })).toThrow(/of format 2; this version reads format 1/);
    for (const change of [
      { vault: 'AB'.repeat(16) },
      { key: 'c' },
      { salt: null },
      { type: 'other' },
      { class: 'never' },
      { parent: {} },
      { parent: undefined },
      { createdAtMs: -1 },
      { createdAtMs: 0.5 },
      { lockedUntilMs: '1' },
      { source: 'a'.repeat(65) },
      { source: '' },
    ])
      expect(made(change)).toThrow(/fields of format 1/);
    expect(made({ source: 'a'.repeat(64), lockedUntilMs: 5 })()).toMatchObject({ packs: [row(1)] });
    expect(made({}, [row(1), row(1)])).toThrow(/not in order/);
    for (const bytes of [64 * MiB - 1, 64 * MiB]) expect(made({}, [row(1, bytes)])()).toMatchObject({ packs: [row(1, bytes)] });
    expect(made({}, [row(1, 64 * MiB + 1)])).toThrow(/too large/);
  });

  it('whose table or body says more than there is are refused', () => {
    const head = Buffer.from(encodeManifestHead(header, [row(1)]));
    const at = 12 + Buffer.byteLength(JSON.stringify(header));
    for (const rows of [0, 2, 2 ** 24, 2 ** 24 + 1, 2 ** 32 - 1]) {
      head.writeUInt32LE(rows, at);
      expect(() => decodeManifest(encodeManifest(head, new Uint8Array(16), sha256), sha256)).toThrow(/does not fit|not in order/);
    }
  });
});

const extent: fc.Arbitrary<Extent> = fc.oneof(
  reference.chain((of) =>
    fc.tuple(fc.nat(of.rawBytes), fc.nat(of.rawBytes)).map(([a, b]): Extent => ({ kind: 'chunk', reference: of, offset: Math.min(a, b), bytes: Math.max(a, b) - Math.min(a, b) })),
  ),
  fc.integer({ min: 1, max: 2 ** 32 - 1 }).map((bytes): Extent => ({ kind: 'hole', bytes })),
);
const entry: fc.Arbitrary<Entry> = fc.record({ meta: fc.record({ n: fc.string({ unit: 'grapheme' }), x: fc.jsonValue() }), extents: fc.array(extent, { maxLength: 4 }) });
const plain = (entries: readonly Entry[]): unknown => JSON.parse(JSON.stringify(entries, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)));

describe('entries', () => {
  it('come out whole, in whatever pieces the stream comes', () => {
    always(
      fc.property(fc.array(entry, { maxLength: 6 }), fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 }), (entries, cuts) => {
        const bytes = Buffer.concat(entries.map(encodeEntry));
        const decoder = new EntryDecoder();
        const found: Entry[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          found.push(...decoder.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        decoder.end();
        expect(plain(found)).toEqual(plain(entries));
      }),
    );
  });

  it('cut anywhere are missed at the end', () => {
    const bytes = encodeEntry({ meta: { n: 'a' }, extents: [{ kind: 'hole', bytes: 5 }] });
    for (let end = 1; end < bytes.length; end += 1) {
      const decoder = new EntryDecoder();
      expect(decoder.push(bytes.subarray(0, end))).toEqual([]);
      expect(() => decoder.end()).toThrow(/middle of one/);
    }
  });

  it('have JSON of at most 1 MiB', () => {
    const of = (jsonBytes: number) => () => encodeEntry({ meta: { n: 'a'.repeat(jsonBytes - '{"n":""}'.length) }, extents: [] });
    for (const bytes of [MiB - 1, MiB]) expect(new EntryDecoder().push(of(bytes)()).length).toBe(1);
    expect(of(MiB + 1)).toThrow(/the most is 1048576/);
    expect(() => new EntryDecoder().push(Buffer.concat([u32(MiB + 1)]))).toThrow(/the most is 1048576/);
    expect(new EntryDecoder().push(u32(MiB))).toEqual([]);
  });

  it('are refused where an extent is outside its chunk, a hole has an offset, or there is no name', () => {
    const one = (from: number, bytes: number) => new EntryDecoder().push(encodeEntry({ meta: { n: 'a' }, extents: [{ kind: 'chunk', reference: fixed, offset: from, bytes }] }));
    for (const [from, bytes] of [
      [0, 200],
      [199, 1],
      [200, 0],
    ] as const)
      expect(one(from, bytes).length).toBe(1);
    for (const [from, bytes] of [
      [0, 201],
      [200, 1],
      [201, 0],
    ] as const)
      expect(() => one(from, bytes)).toThrow(/of a chunk of 200/);
    const hole = Buffer.from(encodeEntry({ meta: { n: 'a' }, extents: [{ kind: 'hole', bytes: 5 }] }));
    hole.writeUInt32LE(1, hole.length - extentBytes + referenceBytes);
    expect(() => new EntryDecoder().push(hole)).toThrow(/hole/);
    for (const json of ['{}', '[]', 'null', '{"n":1}', '{', '"n"']) expect(() => new EntryDecoder().push(Buffer.concat([u32(json.length), Buffer.from(json), u32(0)]))).toThrow(/no name/);
  });
});

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
