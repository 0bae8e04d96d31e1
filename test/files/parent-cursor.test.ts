// The cursor over the parent's entries skips parsing where names agree: with names made to look like the JSON around them.
import fc from 'fast-check';
import { lstatSync } from 'node:fs';
import { expect, test } from 'vitest';
import { comparePaths } from '../../src/files/entry-name.ts';
import { RawEntry } from '../../src/files/entry-stream.ts';
import { metaJson } from '../../src/files/file-meta.ts';
import { ParentCursor } from '../../src/files/parent-cursor.ts';

const stat = lstatSync(import.meta.filename, { bigint: true });
const json = (name: string, bytes: number) => metaJson({ name, type: 'f', stat, target: null, attributes: undefined }, bytes);

function rawOf(text: string): RawEntry {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(text), Buffer.alloc(4)]);
  return new RawEntry({ bytes, reference: null }, 0, bytes.length - 4, bytes.length);
}

const names = fc.uniqueArray(
  fc.array(fc.constantFrom('a', 'b', '"', '\\', '","t":"', '\\","t":"f', 'ä', '.'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
  { maxLength: 12 },
);

test('finds each old entry by its name, and says whether it is the same', async () => {
  await fc.assert(
    fc.asyncProperty(names, names, fc.func(fc.boolean()), fc.func(fc.boolean()), async (old, now, isChanged, isLookedAtFirst) => {
      const sorted = (list: readonly string[]) => [...list].sort(comparePaths);
      async function* entries() {
        for (const name of sorted(old)) yield [rawOf(json(name, isChanged(name) ? 1 : 2))];
      }
      const cursor = new ParentCursor(entries());
      for (const name of sorted(now)) {
        if (cursor.isUsedUp) await cursor.more();
        const expected = Buffer.from(`in front${json(name, 2)}behind`);
        const taken = isLookedAtFirst(name) ? cursor.takeSame(expected, 8, expected.length - 6) : null;
        const found = taken === null ? await cursor.find(name, json(name, 2)) : { entry: taken, isSame: true };
        const bytes = isChanged(name) ? 1 : 2;
        expect(found === null ? null : { json: found.entry.json.toString(), isSame: found.isSame }).toEqual(old.includes(name) ? { json: json(name, bytes), isSame: bytes === 2 } : null);
      }
    }),
    { numRuns: 300 },
  );
});
