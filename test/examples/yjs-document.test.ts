// The documented merge by Yjs: a merge function that keeps its promises on random documents, and what a person gets who decides by it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { mergeDocuments, yjsAttribute } from '../../examples/merge/yjs-document.ts';
import { contentLine } from '../../src/core/backup/in-place.ts';
import type { Image } from '../../src/core/log/change-record.ts';
import { findDivergentKey, resolveAll, undoDecision } from '../../src/operations/resolve-divergence.ts';
import { always } from '../core/property.ts';
import { createDivergence, east } from '../operations/divergence-world.ts';

const body = yjsAttribute('body');

type Edit = { readonly kind: 'insert' | 'delete' | 'set'; readonly at: number; readonly text: string };
const edit = fc.record({ kind: fc.constantFrom('insert', 'insert', 'delete', 'set'), at: fc.nat({ max: 20 }), text: fc.constantFrom('a', 'bc', 'ö€', '😀') });
const edits = fc.array(edit, { maxLength: 6 });

function open(client: number, from: Uint8Array | null): Y.Doc {
  const document = new Y.Doc();
  document.clientID = client;
  if (from !== null) Y.applyUpdate(document, from);
  return document;
}

/** As a service would: opened, edited, stored. */
function written(client: number, from: Uint8Array | null, made: readonly Edit[]): Uint8Array {
  const document = open(client, from);
  const [text, map] = [document.getText('t'), document.getMap('m')];
  for (const { kind, at, text: more } of made) {
    if (kind === 'insert') text.insert(Math.min(at, text.length), more);
    if (kind === 'delete' && text.length > 0) text.delete(at % text.length, 1);
    if (kind === 'set') map.set(String(at % 3), more);
  }
  return Y.encodeStateAsUpdate(document);
}

const textOf = (update: Uint8Array) => open(99, update).getText('t').toJSON();
const item = (update: Uint8Array, more: Image = {}): Image => ({ id: { S: 'k' }, body: { B: Buffer.from(update).toString('base64') }, ...more });
const updateOf = (image: Image) => Buffer.from(String(Object(image['body'])['B']), 'base64');

/** Three regions' versions of one document. */
const versions = fc.tuple(edits, edits, edits, edits).map(([shared, ...own]) => {
  const base = written(1, null, shared);
  const [a = base, b = base, c = base] = own.map((made, i) => written(i + 2, base, made));
  return { base, a, b, c };
});

describe('documents that were written on both sides', () => {
  test('merge to the same bytes in any order and grouping, and again to themselves', () => {
    always(
      fc.property(versions, ({ a, b, c }) => {
        const merge = (x: Uint8Array, y: Uint8Array) => Buffer.from(mergeDocuments([x, y])).toString('hex');
        const raw = (x: Uint8Array, y: Uint8Array) => mergeDocuments([x, y]);
        expect(merge(a, a)).toBe(Buffer.from(a).toString('hex'));
        expect(merge(a, b)).toBe(merge(b, a));
        expect(merge(raw(a, b), c)).toBe(merge(a, raw(b, c)));
        expect(merge(a, raw(a, b))).toBe(merge(a, b));
      }),
    );
  });

  test('keep every insertion of either side that neither deleted', () => {
    const base = written(1, null, [{ kind: 'insert', at: 0, text: 'shared ' }]);
    const theirs = written(2, base, [{ kind: 'insert', at: 7, text: 'theirs ' }]);
    const ours = written(3, base, [{ kind: 'insert', at: 0, text: 'ours ' }]);
    expect(textOf(mergeDocuments([theirs, ours]))).toBe('ours shared theirs ');
  });

  test('as items are one attribute of many', () => {
    always(
      fc.property(versions, fc.subarray(['x', 'y', 'z'], { minLength: 1 }), ({ a, b, base }, tags) => {
        const [theirs, ours] = [item(a, { tags: { SS: tags }, n: { N: '1' } }), item(b, { tags: { SS: ['w'] } })];
        const merged = body.merge(theirs, ours, item(base));
        expect(Object.keys(merged).toSorted((x, y) => (x < y ? -1 : 1))).toEqual(['body', 'id', 'n', 'tags']);
        expect(merged['tags']).toEqual({ SS: ['w', ...tags] });
        expect(contentLine(body.merge(ours, theirs, item(base)))).toBe(contentLine(merged));
        expect(contentLine(body.merge(theirs, theirs, item(base)))).toBe(contentLine(theirs));
      }),
    );
    const { id } = item(new Uint8Array());
    expect(body.merge({ id }, item(written(1, null, [])), null)).toHaveProperty('body');
    expect(() => body.merge({ id, body: { S: 'text' } }, { id, body: { S: 'other' } }, null)).toThrow(/'body' is not binary/);
  });
});

test('a person who decides by it gets both texts in both regions, can undo it, and is asked where it is no document', async () => {
  const t = await createDivergence();
  const base = written(1, null, [{ kind: 'insert', at: 0, text: 'shared' }]);
  const stored = (update: Uint8Array): Image => ({ body: { B: Buffer.from(update).toString('base64') } });
  for (const key of ['doc', 'torn']) t.a.write(key, 1, stored(base));
  await t.a.ship(t.b);
  await t.lose();
  t.a.write('doc', 1, stored(written(2, base, [{ kind: 'insert', at: 6, text: ' theirs' }])));
  t.b.write('doc', 2, stored(written(3, base, [{ kind: 'insert', at: 0, text: 'ours ' }])));
  t.a.write('torn', 1, { body: { S: 'no document' } });
  t.b.write('torn', 2, stored(base));
  await t.exchange();
  const before = t.b.table.items.get('doc');
  const asked = { by: 'grace', reason: 'looked' };
  const done = await resolveAll(t.home, east, { ...asked, rule: 'merge', merge: body });
  expect(done).toMatchObject({ decided: 1, asked: 1, left: [{ key: 'torn', because: expect.stringMatching(/^yjs body, union-of-sets failed: 'body' is not binary/) }] });
  await t.exchange();
  for (const side of [t.a, t.b]) expect(textOf(updateOf(side.table.items.get('doc') ?? {}))).toBe('ours shared theirs');
  expect(await undoDecision(t.home, await findDivergentKey(t.home, east, 'doc'), asked)).toMatchObject({ kind: 'decided' });
  expect(contentLine(t.b.table.items.get('doc') ?? null)).toBe(contentLine(before ?? null));
});
