// The cursor over the parent's entries skips parsing where names agree: with names made to look like the JSON around them.
import fc from 'fast-check';
import { lstatSync } from 'node:fs';
import { expect, test } from 'vitest';
import { comparePaths } from '../../src/files/entry-name.ts';
import { metaJson } from '../../src/files/file-meta.ts';
import { ParentCursor } from '../../src/files/parent-cursor.ts';

const stat = lstatSync(import.meta.filename, { bigint: true });
const json = (name: string, bytes: number) => metaJson({ name, type: 'f', stat, target: null, attributes: undefined }, bytes);

const names = fc.uniqueArray(
  fc.array(fc.constantFrom('a', 'b', '"', '\\', '","t":"', '\\","t":"f', 'ä', '.'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
  { maxLength: 12 },
);

test('finds each old entry by its name, and says whether it is the same', async () => {
  await fc.assert(
    fc.asyncProperty(names, names, fc.func(fc.boolean()), async (old, now, isChanged) => {
      const sorted = (list: readonly string[]) => [...list].sort(comparePaths);
      async function* entries() {
        for (const name of sorted(old)) yield [{ json: Buffer.from(json(name, isChanged(name) ? 1 : 2)), extents: new Uint8Array(0) }];
      }
      const cursor = new ParentCursor(entries());
      for (const name of sorted(now)) {
        const found = await cursor.find(name, json(name, 2));
        const bytes = isChanged(name) ? 1 : 2;
        expect(found === null ? null : { json: found.entry.json.toString(), isSame: found.isSame }).toEqual(old.includes(name) ? { json: json(name, bytes), isSame: bytes === 2 } : null);
      }
    }),
    { numRuns: 300 },
  );
});
