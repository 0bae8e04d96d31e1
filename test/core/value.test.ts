// The register's value is read strictly: one wrong field refuses the whole, by name; fields of a newer version are kept.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pause } from '../../src/core/failover/register-changes.ts';
import { genesisValue } from '../../src/core/register/genesis.ts';
import { isSameValue, parseRegisterValue, reservedEpoch, serializeRegisterValue } from '../../src/core/register/value.ts';
import { anyValue, east, ireland, policy, reservedValue, valueOf, west } from './fixtures.ts';
import { always } from './property.ts';

describe('parseRegisterValue', () => {
  test('reads back what was written, every shape of it', () => {
    always(
      fc.property(anyValue, (value) => {
        expect(parseRegisterValue(serializeRegisterValue(value))).toEqual(value);
      }),
    );
  });

  test('fields that this version does not know survive a read, a change and a write', () => {
    const read = parseRegisterValue(JSON.stringify({ ...valueOf(), colour: { deep: [1] } }));
    const changed = pause(read, 'anna', 'tea', 1);
    expect(changed.kind === 'set' && JSON.parse(serializeRegisterValue(changed.value))).toMatchObject({ colour: { deep: [1] }, paused: { by: 'anna' } });
  });

  // Each field of a good value, replaced by each of these, except where that is good too.
  const bad = [undefined, null, 'text', -1, 1.5, true, [], {}, 2 ** 60];
  const good: Record<string, readonly unknown[]> = {
    group: ['text'],
    holder: ['text'],
    renewal: ['text'],
    because: ['text'],
    evidence: ['text'],
    auditHead: ['text'],
    renewable: [true],
    released: [true],
    successor: [null, 'text'],
    paused: [null],
    regions: [{}],
    transitions: [[]],
  };
  const cases = Object.keys(valueOf()).flatMap((field) => bad.filter((b) => !(good[field] ?? []).some((g) => isSameValue(g, b))).map((wrong) => [field, wrong] as const));

  test.each(cases)("refuses a wrong '%s': %j", (field, wrong) => {
    expect(() => parseRegisterValue(JSON.stringify({ ...valueOf(), [field]: wrong }))).toThrow(expect.objectContaining({ name: 'MalformedError', message: expect.stringContaining(`'${field}'`) }));
  });

  test.each([
    ['config', { id: 'c1', acceptors: [{ region: 'a' }] }],
    ['config', { id: 'c1', acceptors: {} }],
    ['config', { acceptors: [] }],
    ['paused', { by: 'anna', reason: 'x' }],
    ['paused', { by: 'anna', reason: 'x', atMs: -1 }],
    ['regions', { 'us-east-1': { reconciled: 'yes' } }],
    ['regions', { 'us-east-1': true }],
    ['transitions', [{ from: 'normal' }]],
    ['state', 'NORMAL'],
  ])("refuses what is wrong inside '%s'", (field, wrong) => {
    expect(() => parseRegisterValue(JSON.stringify({ ...valueOf(), [field]: wrong }))).toThrow(`'${field}'`);
  });

  test.each(['', 'null', '[]', '"text"', '7', '{', '{"version":1'])('refuses %j, and says not to edit it', (json) => {
    expect(() => parseRegisterValue(json)).toThrow(/do not edit the register table/);
  });

  test('a value that asks for a newer reader says: deploy, also where that version changed a field', () => {
    expect(() => parseRegisterValue(JSON.stringify({ ...valueOf(), minReaderVersion: 2 }))).toThrow(/reader version 2, this is 1: deploy the newer version/);
    expect(() => parseRegisterValue(JSON.stringify({ ...valueOf(), version: 2, minReaderVersion: 2, transitions: 'elsewhere' }))).toThrow(/reader version 2, this is 1: deploy the newer version/);
  });
});

describe('isSameValue', () => {
  test('is equality of JSON, whatever the order of names', () => {
    always(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 1 }), (a, b) => {
        const clean = (v: unknown): unknown => JSON.parse(JSON.stringify(v));
        expect(isSameValue(clean(a), reversed(clean(a)))).toBe(true);
        expect(isSameValue(clean(a), clean(b))).toBe(sorted(clean(a)) === sorted(clean(b)));
      }),
    );
  });

  test.each([
    [{ a: 1 }, { a: 1, b: undefined }],
    [{ a: undefined }, { b: undefined }],
    [{}, []],
    [null, {}],
    [[1], { 0: 1 }],
    [0, false],
    ['1', 1],
    [
      [1, 2],
      [2, 1],
    ],
  ])('%j is not %j', (a, b) => {
    expect(isSameValue(a, b)).toBe(false);
    expect(isSameValue(b, a)).toBe(false);
  });
});

function reversed(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(reversed);
  return typeof v === 'object' && v !== null
    ? Object.fromEntries(
        Object.entries(v)
          .toReversed()
          .map(([n, x]) => [n, reversed(x)]),
      )
    : v;
}

function sorted(v: unknown): string {
  if (Array.isArray(v)) return `[${v.map(sorted).join()}]`;
  return typeof v === 'object' && v !== null
    ? `{${Object.entries(v)
        .map(([n, x]) => `${JSON.stringify(n)}:${sorted(x)}`)
        .toSorted()
        .join()}}`
    : JSON.stringify(v);
}

describe('genesis', () => {
  test('reaches for epoch 1 by the ordinary runbook, paused, every candidate reconciled, no witness among them', () => {
    const value = genesisValue(policy, east);
    expect(parseRegisterValue(serializeRegisterValue(value))).toEqual(value);
    expect(value).toMatchObject({ state: 'failing-over', holder: east, epoch: 1, attempt: 1, renewable: true, released: false, successor: null });
    expect(value.paused?.reason).toMatch(/holdfast resume/);
    expect(value.regions).toEqual({ [east]: { reconciled: true }, [west]: { reconciled: true } });
    expect(value.config).toEqual({ id: 'c1', acceptors: [east, west, ireland].map((region) => ({ region, table: 'register-1' })) });
  });

  test('is the same bytes in every region: all acceptors are born with one value', () => {
    expect(serializeRegisterValue(genesisValue(policy, east))).toBe(serializeRegisterValue(genesisValue({ ...policy }, east)));
  });
});

test('the epoch that is reached for: the next one while a successor is named, else the one that is held', () => {
  expect(reservedEpoch(valueOf({ epoch: 4 }))).toBe(4);
  expect(reservedEpoch(reservedValue({ epoch: 4 }))).toBe(5);
});
