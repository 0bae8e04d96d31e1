// Which entries of a point a restore is about: paths and what is below them, with the folders on the way.
import { RefusedError } from '../core/errors.ts';
import type { EntryName } from './entry-name.ts';
import { treeRoot } from './entry-name.ts';

export class Selection {
  readonly #paths: readonly string[];
  readonly #unseen: Set<string>;

  constructor(paths: readonly string[]) {
    this.#paths = paths.map((path) => path.replace(/^(\.?\/+)+/, '').replace(/\/+$/, ''));
    if (this.#paths.some((path) => path === '' || path.split('/').includes('..')))
      throw new RefusedError(`'${paths.join("', '")}': paths to restore are those of the point, as 'inspect' lists them; none is empty or has '..'. Nothing was restored`);
    this.#unseen = new Set(this.#paths);
  }

  get isAll(): boolean {
    return this.#paths.length === 0;
  }

  has(name: EntryName): boolean {
    if (this.isAll || name === treeRoot) return true;
    const text = name.toString();
    const found = this.#paths.find((path) => text === path || text.startsWith(`${path}/`));
    if (found !== undefined) this.#unseen.delete(found);
    return found !== undefined || this.#paths.some((path) => path.startsWith(`${text}/`));
  }

  /** Paths that no entry was of. */
  get unseen(): readonly string[] {
    return [...this.#unseen];
  }
}
