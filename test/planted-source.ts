// Planted bugs: a copy of the product's source with some sentences changed. None lives in the product's code.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Edit = { readonly file: string; readonly from: string; readonly to: string };
export type Source = { readonly directory: string; readonly remove: () => Promise<void> };

export const productSource = join(import.meta.dirname, '..', 'src');

/** The whole of src with the edits made, in a folder of its own; whoever asked removes it. */
export async function plantedSource(name: string, edits: readonly Edit[]): Promise<Source> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-planted-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    // Without core's tsconfig: it extends one that is not copied.
    await cp(productSource, directory, { recursive: true, filter: (path) => !path.endsWith('tsconfig.json') });
    await writeFile(join(directory, 'package.json'), '{"type":"module"}');
    for (const edit of edits) await apply(directory, name, edit);
    return { directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A sentence that is not there exactly once would plant nothing, or something else: then the plant must be written anew. */
async function apply(directory: string, name: string, { file, from, to }: Edit): Promise<void> {
  const path = join(directory, file);
  const parts = (await readFile(path, 'utf8')).split(from);
  if (parts.length !== 2) throw new Error(`Planted bug '${name}': src/${file} has ${parts.length - 1} times '${from}', it must be once. Change the plant along with the source.`);
  await writeFile(path, parts.join(to));
}
