// The rule that first rows are written once belongs to a custom resource (lambdas/create-rows.ts), which the simulation has not: a table
// that is emptied has no rows. This makes it a table that a later deployment fills with its first rows again.
import type { Edit } from '../planted-source.ts';

const store = 'drivers/memory/memory-row-store.ts';

export function firstRowsAgain(...tables: readonly ('register' | 'region' | 'fence')[]): readonly Edit[] {
  return [
    { file: store, from: '  readonly #rows = new Map<string, Row>();', to: '  readonly #rows = new Map<string, Row>();\n  #first: ReadonlyMap<string, Row> = new Map();' },
    {
      file: store,
      from: '    for (const { key, row } of first) this.#rows.set(nameOf(key), row);',
      to: '    for (const { key, row } of first) this.#rows.set(nameOf(key), row);\n    this.#first = new Map(this.#rows);',
    },
    {
      file: store,
      from: '    for (const [name, row] of snapshot) if (isOfTable(name)) this.#rows.set(name, row);',
      to: `    for (const [name, row] of snapshot) if (isOfTable(name)) this.#rows.set(name, row);\n    if ('${tables.join(' ')}'.includes(table) && snapshot.size === 0) for (const [name, row] of this.#first) if (isOfTable(name)) this.#rows.set(name, row);`,
    },
  ];
}
