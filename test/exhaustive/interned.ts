// Everything a state is made of is written down once and then named by a small number: equal contents have equal numbers, so
// that states are compared, hashed and kept as a few integers.

export class Interned<T> {
  readonly #ids = new Map<string, number>();
  readonly #items: T[] = [];

  idOf(item: T, key: string = JSON.stringify(item)): number {
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#items.length);
    return this.#items.push(item) - 1;
  }

  at(id: number): T {
    const item = this.#items[id];
    if (item === undefined) throw new RangeError(`Nothing has the number ${id}: there are ${this.#items.length}.`);
    return item;
  }

  get size(): number {
    return this.#items.length;
  }
}

/** JSON whose keys are in order, so that equal contents have equal texts. */
export function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_name, part: unknown) =>
      typeof part === 'object' && part !== null && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
    ) ?? 'undefined'
  );
}
