// Rows and their conditional changes as data. The conditions that keep the protocol safe are written once, here in core;
// a driver only translates them (to a DynamoDB expression, or to a comparison in memory).

export type Attribute = string | number;
export type Row = Readonly<Record<string, Attribute>>;
export type TableName = 'register' | 'region' | 'fence';
export type RowKey = { readonly table: TableName; readonly pk: string; readonly sk?: string };

/** `attribute op value`, as DynamoDB compares: numbers as numbers, strings by their bytes. `to` names another attribute of the row. */
export type Condition = { readonly attribute: string; readonly is: '=' | '<' | '>' | '<='; readonly value: Attribute } | { readonly attribute: string; readonly is: '>'; readonly to: string };

export type RowChange = {
  readonly key: RowKey;
  readonly set: Row;
  /** All must hold; an attribute that is missing makes a condition false. */
  readonly when: readonly Condition[];
  /** True: a missing row is created (its conditions then do not apply). Never for register, lease and fence rows. */
  readonly mayCreate: boolean;
};

/** Must hold for the changes of one transaction. */
export type RowCheck = { readonly key: RowKey; readonly when: readonly Condition[] };

export function holds(condition: Condition, row: Row): boolean {
  const left = row[condition.attribute];
  const right = 'to' in condition ? row[condition.to] : condition.value;
  if (left === undefined || right === undefined || typeof left !== typeof right) return false;
  if (condition.is === '=') return left === right;
  if (condition.is === '<') return left < right;
  if (condition.is === '<=') return left <= right;
  return left > right;
}
