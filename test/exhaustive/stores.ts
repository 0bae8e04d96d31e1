// The rows of the regions as numbers. Every change is made by the real memory driver, once for each pair of contents and
// request; after that the answer is known.
import type { Row, RowChange, RowCheck, RowKey } from '../../src/core/rows/row.ts';
import type { ChangeAnswer } from '../../src/ports/row-store.ts';
import type { Product } from '../simulation/product.ts';
import { canonical, Interned } from './interned.ts';

export type Request =
  | { readonly kind: 'get'; readonly key: RowKey }
  | { readonly kind: 'change'; readonly change: RowChange }
  | { readonly kind: 'together'; readonly changes: readonly RowChange[]; readonly checks: readonly RowCheck[] };

export type Answer =
  | { readonly kind: 'row'; readonly row: Row | undefined }
  | { readonly kind: 'changed'; readonly answer: ChangeAnswer }
  | { readonly kind: 'together'; readonly outcome: 'done' | 'refused' };

export type Changed = { readonly change: RowChange; readonly row: Row };
export type Effect = { readonly contents: number; readonly answer: number; readonly changed: readonly Changed[] };
type Contents = readonly { readonly key: RowKey; readonly row: Row }[];

const requestsMax = 2 ** 22;

export function nameOf(key: RowKey): string {
  return `${key.table}|${key.pk}|${key.sk ?? ''}`;
}

export class Stores {
  readonly requests = new Interned<Request>();
  readonly answers = new Interned<Answer>();
  readonly #contents = new Interned<Contents>();
  readonly #effects = new Map<number, Effect>();
  readonly #product: Product;

  constructor(product: Product) {
    this.#product = product;
  }

  contentsOf(rows: Contents): number {
    const sorted = rows.toSorted((a, b) => (nameOf(a.key) < nameOf(b.key) ? -1 : 1));
    return this.#contents.idOf(sorted, sorted.map(({ key, row }) => `${nameOf(key)} ${canonical(row)}`).join('\n'));
  }

  row(contents: number, key: RowKey): Row | undefined {
    const name = nameOf(key);
    return this.#contents.at(contents).find((entry) => nameOf(entry.key) === name)?.row;
  }

  act(contents: number, request: number): Effect | Promise<Effect> {
    return this.#effects.get(contents * requestsMax + request) ?? this.#carryOut(contents, request);
  }

  async #carryOut(contents: number, id: number): Promise<Effect> {
    if (id >= requestsMax) throw new RangeError(`More than ${requestsMax} different requests: bound the scenario more tightly.`);
    const before = this.#contents.at(contents);
    const store = new this.#product.rows.MemoryRowStore('here', before);
    const request = this.requests.at(id);
    let answer: Answer;
    let changes: readonly RowChange[] = [];
    if (request.kind === 'get') answer = { kind: 'row', row: await store.get(request.key) };
    else if (request.kind === 'change') {
      answer = { kind: 'changed', answer: await store.change(request.change) };
      if (answer.answer.kind === 'done') changes = [request.change];
    } else {
      answer = { kind: 'together', outcome: await store.changeTogether(request.changes, request.checks) };
      if (answer.outcome === 'done') changes = request.changes;
    }
    const keys = new Map([...before.map((entry) => entry.key), ...changes.map((c) => c.key)].map((key) => [nameOf(key), key]));
    const after: { key: RowKey; row: Row }[] = [];
    for (const key of keys.values()) {
      const row = await store.get(key);
      if (row !== undefined) after.push({ key, row });
    }
    const changed = changes.map((change) => ({ change, row: after.find((entry) => nameOf(entry.key) === nameOf(change.key))?.row ?? {} }));
    const effect = { contents: this.contentsOf(after), answer: this.answers.idOf(answer, canonical(answer)), changed };
    this.#effects.set(contents * requestsMax + id, effect);
    return effect;
  }

  get size(): number {
    return this.#contents.size;
  }
}
