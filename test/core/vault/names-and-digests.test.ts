// Names of objects, canonical JSON, digests of content, hex and base64: each against an independent way to say the same.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, fromHex, toBase64, toHex } from '../../../src/core/vault/bytes.ts';
import { canonicalJson } from '../../../src/core/vault/canonical-json.ts';
import { addDigests, ContentSum, emptyDigest, subtractDigests } from '../../../src/core/vault/content-digest.ts';
import { keyName, manifestName, newChain, newPoint, packName, parsePackName, parsePointName } from '../../../src/core/vault/object-names.ts';
import { pointTypes } from '../../../src/core/vault/recovery-point.ts';
import { always, around } from '../property.ts';

const times = fc.oneof(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) }), around(Date.UTC(2024, 1, 29), Date.UTC(2100, 1, 28), Date.UTC(2000, 11, 31, 23, 59, 59, 999)));

describe('names', () => {
  it('say the time as a calendar does, and are read again', () => {
    always(
      fc.property(times, fc.constantFrom(...pointTypes), (atMs, type) => {
        const iso = new Date(atMs).toISOString().replaceAll(/[-:.]/g, '');
        const [chain, point] = [newChain('my_source-1', atMs, '0123abcd'), newPoint(atMs, type, '0123456789abcdef')];
        expect(chain).toBe(`my_source-1.${iso.slice(0, 15)}Z.0123abcd`);
        expect(point).toBe(`${iso}-${type}-0123456789abcdef`);
        expect(parsePointName(manifestName({ chain, point }))).toEqual({ chain, point, source: 'my_source-1', type, atMs });
      }),
    );
  });

  it('take sources of 1 to 64 characters', () => {
    always(
      fc.property(around(0, 1, 64), (length) => {
        const make = () => newChain('a'.repeat(length), 0, '00000000');
        if (length >= 1 && length <= 64) expect(make()).toContain('.19700101T000000Z.');
        else expect(make).toThrow(/cannot be the name of a source/);
      }),
    );
    for (const source of ['A', 'a.b', 'a/b', 'ä', ' ']) expect(() => newChain(source, 0, '00000000')).toThrow(/cannot be the name/);
  });

  it('that are not of the format are no points and no packs', () => {
    const good = 'points/orders.20260101T000000Z.00112233/20260101T000000000Z-full-0011223344556677';
    expect(parsePointName(good)).toBeDefined();
    for (const [from, to] of [
      ['points', 'point'],
      ['full', 'fuller'],
      ['20260101T000000000Z', '20260230T000000000Z'],
      ['20260101T000000000Z', '20260101T240000000Z'],
      ['6677', '667'],
      ['6677', '667g'],
      ['orders.', 'Orders.'],
      ['-full', '-full/'],
    ] as const)
      expect(parsePointName(good.replace(from, to)), `${from} → ${to}`).toBeUndefined();
    expect(parsePackName(packName('ab'.repeat(32)))).toBe('ab'.repeat(32));
    expect(packName('ab'.repeat(32))).toBe(`packs/ab/${'ab'.repeat(32)}`);
    expect(parsePackName(`packs/ac/${'ab'.repeat(32)}`)).toBeUndefined();
    for (const sha256 of ['ab'.repeat(31), 'AB'.repeat(32), `${'ab'.repeat(32)}a`]) expect(() => packName(sha256)).toThrow(/no SHA-256/);
    expect(keyName('00', 7)).toBe('keys/00/00000007');
    expect(() => manifestName({ chain: 'x', point: 'y' })).toThrow(/no name of a recovery point/);
  });
});

describe('canonical JSON', () => {
  it('is one text for one value, in whatever order its keys came', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      return typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, each]) => [key, shuffled(each)]),
          )
        : value;
    };
    always(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(canonicalJson({ b: 1, a: { d: [2, { z: null, y: 'ü' }], c: true } })).toBe('{"a":{"c":true,"d":[2,{"y":"ü","z":null}]},"b":1}');
    expect(canonicalJson(JSON.parse('{"__proto__":{"b":1,"a":2},"10":1,"9":2}'))).toBe('{"10":1,"9":2,"__proto__":{"a":2,"b":1}}');
  });
});

describe('digests of content', () => {
  const line = fc.uint8Array({ maxLength: 50 });
  const of = (lines: readonly Uint8Array[]) => {
    const sum = new ContentSum();
    for (const each of lines) sum.addLine(createHash('sha256').update(each).digest(), each.length);
    return sum.toJSON();
  };

  it('are the sum of the hashes as big numbers, whatever the order', () => {
    always(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const sum = lines.map((each) => BigInt(`0x${createHash('sha256').update(each).digest('hex')}`)).reduce((a, b) => a + b, 0n) % 2n ** 256n;
        const expected = { items: lines.length, bytes: lines.reduce((a, b) => a + b.length, 0), sum: sum.toString(16).padStart(64, '0') };
        expect(of(lines)).toEqual(expected);
        expect(of(lines.toReversed())).toEqual(expected);
        expect(addDigests(of(lines.slice(0, 3)), of(lines.slice(3)))).toEqual(expected);
        expect(subtractDigests(expected, of(lines.slice(3)))).toEqual(of(lines.slice(0, 3)));
      }),
    );
  });

  it('carry through all words, and begin again at 2^256', () => {
    const sum = new ContentSum();
    const [one, most] = [new Uint8Array(32), new Uint8Array(32).fill(255)];
    one[31] = 1;
    sum.addLine(most, 1);
    expect(sum.toJSON().sum).toBe('f'.repeat(64));
    sum.addLine(one, 1);
    expect(sum.toJSON()).toEqual({ items: 2, bytes: 2, sum: '0'.repeat(64) });
    expect(addDigests({ ...emptyDigest, sum: 'f'.repeat(64) }, { ...emptyDigest, sum: '2'.padStart(64, '0') }).sum).toBe('1'.padStart(64, '0'));
    expect(() => sum.addLine(new Uint8Array(31), 1)).toThrow(/32 bytes/);
  });
});

describe('hex and base64', () => {
  it('are what Node says they are', () => {
    always(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect([toHex(bytes), toBase64(bytes)]).toEqual([Buffer.from(bytes).toString('hex'), Buffer.from(bytes).toString('base64')]);
        expect([fromHex(toHex(bytes)), fromBase64(toBase64(bytes))]).toEqual([bytes, bytes]);
      }),
    );
    for (const text of ['a', 'AA', 'zz', '0x']) expect(() => fromHex(text)).toThrow(/lower-case hex/);
    for (const text of ['a', 'YQ=', 'YQ', '=YQ=', 'YQ==YQ==', 'Y-_=']) expect(() => fromBase64(text)).toThrow(/no[t]? base64|is not base64/);
  });
});
