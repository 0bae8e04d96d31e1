// Conditional changes, as data, turned into DynamoDB expressions.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Attribute, Condition, Row } from '../../core/rows/row.ts';

type Parts = { readonly names: Record<string, string>; readonly values: Record<string, AttributeValue> };

export type UpdateExpression = {
  readonly UpdateExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues: Record<string, AttributeValue>;
  readonly ConditionExpression?: string;
};

/** @param mayCreate a missing row is created; then conditions are not judged against it. */
export function updateExpression(keyName: string, set: Row, when: readonly Condition[], mayCreate: boolean): UpdateExpression {
  const parts: Parts = { names: {}, values: {} };
  const sets = Object.entries(set).map(([name, value]) => `${nameOf(parts, name)} = ${valueOf(parts, value)}`);
  const conditions = when.map((c) => conditionText(parts, c));
  const exists = `attribute_exists(${nameOf(parts, keyName)})`;
  const condition = mayCreate ? (conditions.length === 0 ? undefined : `(NOT ${exists}) OR (${conditions.join(' AND ')})`) : [exists, ...conditions].join(' AND ');
  if (condition === undefined) {
    // The name placeholder of the key is unused then, and DynamoDB refuses unused names.
    for (const [placeholder, name] of Object.entries(parts.names)) if (name === keyName) delete parts.names[placeholder];
  }
  return {
    UpdateExpression: `SET ${sets.join(', ')}`,
    ExpressionAttributeNames: parts.names,
    ExpressionAttributeValues: parts.values,
    ...(condition === undefined ? {} : { ConditionExpression: condition }),
  };
}

export function checkExpression(when: readonly Condition[]) {
  const parts: Parts = { names: {}, values: {} };
  const text = when.map((c) => conditionText(parts, c)).join(' AND ');
  return { ConditionExpression: text, ExpressionAttributeNames: parts.names, ...(Object.keys(parts.values).length === 0 ? {} : { ExpressionAttributeValues: parts.values }) };
}

function conditionText(parts: Parts, condition: Condition): string {
  const left = nameOf(parts, condition.attribute);
  const right = 'to' in condition ? nameOf(parts, condition.to) : valueOf(parts, condition.value);
  return `${left} ${condition.is} ${right}`;
}

function nameOf(parts: Parts, name: string): string {
  const known = Object.entries(parts.names).find(([, n]) => n === name)?.[0];
  const placeholder = known ?? `#n${Object.keys(parts.names).length}`;
  parts.names[placeholder] = name;
  return placeholder;
}

function valueOf(parts: Parts, value: Attribute): string {
  const placeholder = `:v${Object.keys(parts.values).length}`;
  parts.values[placeholder] = toAttributeValue(value);
  return placeholder;
}

export function toAttributeValue(value: Attribute): AttributeValue {
  return typeof value === 'string' ? { S: value } : { N: String(value) };
}

/** Attributes that are neither text nor number are left out: no row of Holdfast's has any. */
export function toRow(item: Record<string, AttributeValue> | undefined): Row | undefined {
  if (item === undefined) return undefined;
  const row: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries(item)) {
    if (value.S !== undefined) row[name] = value.S;
    else if (value.N !== undefined) row[name] = Number(value.N);
  }
  return row;
}
