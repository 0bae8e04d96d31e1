// Rows with the keys of persons, in the region table of every region: `SUBJECT#<subject>`. A row that was erased stays, empty: no late
// write brings a key back.
import type { Row, RowChange, RowKey } from '../rows/row.ts';

export type SubjectRow = { readonly isErased: boolean; readonly wrapped: Readonly<Record<string, string>> };

/** What the names of these rows begin with, and no others. */
export const subjectRows = 'SUBJECT#';

const prefix = 'key_';

export function subjectKey(subject: string): RowKey {
  return { table: 'region', pk: `${subjectRows}${subject}`, sk: 'KEY' };
}

/** Two writers each add their own key: neither is in the other's way. */
export function holdKey(subject: string, name: string, wrapped: string): RowChange {
  return { key: subjectKey(subject), set: { state: 'held', [`${prefix}${name}`]: wrapped }, when: [{ attribute: 'state', is: '=', value: 'held' }], mayCreate: true };
}

/** From here on no key is added. */
export function eraseSubjectRow(subject: string, atMs: number): RowChange {
  return { key: subjectKey(subject), set: { state: 'erased', erasedAtMs: atMs }, when: [], mayCreate: true };
}

export function emptyKeys(subject: string, names: readonly string[]): RowChange {
  return { key: subjectKey(subject), set: Object.fromEntries(names.map((name) => [`${prefix}${name}`, ''])), when: [{ attribute: 'state', is: '=', value: 'erased' }], mayCreate: false };
}

export function parseSubjectRow(row: Row | undefined): SubjectRow {
  const wrapped = Object.entries(row ?? {}).flatMap(([name, value]) => (name.startsWith(prefix) && typeof value === 'string' && value !== '' ? [[name.slice(prefix.length), value] as const] : []));
  return { isErased: row?.['state'] === 'erased', wrapped: Object.fromEntries(wrapped) };
}
