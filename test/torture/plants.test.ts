// A planted bug that no longer fits the source would make a run that proves nothing.
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plants, sourceOf } from './plants.ts';

test.each(Object.entries(plants))('%s is one sentence of the copy, and the copy is gone afterwards', async (name, { edits }) => {
  const source = await sourceOf(name);
  try {
    for (const { file, from, to } of edits) {
      const text = await readFile(join(source.directory, file), 'utf8');
      expect(text).toContain(to);
      expect(text).not.toContain(from);
    }
  } finally {
    await source.remove();
  }
  await expect(access(source.directory)).rejects.toThrow(/ENOENT/);
});

test('without a name it is the product itself; a name that is none is refused with the list', async () => {
  expect((await sourceOf(undefined)).directory).toBe(join(import.meta.dirname, '..', '..', 'src'));
  await expect(sourceOf('no-such-bug')).rejects.toThrow(/no planted bug 'no-such-bug'; there are shared-ballot, /);
});
