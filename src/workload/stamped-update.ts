// An update must leave the marks of this epoch on the item: else the change log takes it for the echo of another region's write and
// never ships it. The caller's own expression is kept word for word; the marks are put in front of its clauses.
import type { AttributeValue, Update } from '@aws-sdk/client-dynamodb';
import { marks } from '../core/log/change-record.ts';

/** A clause's keyword, where it stands by itself: not within a name, a placeholder or a path. */
const clause = (keyword: string): RegExp => new RegExp(`(^|[\\s)\\]])(${keyword})(?=\\s)`, 'i');

/** What another region's log left on an item; a write of our own takes it away. */
export const foreignMarks: readonly string[] = [marks.sequence, marks.removing];

export function stampedUpdate(update: Update, stamp: Readonly<Record<string, AttributeValue>>): Update {
  const names: Record<string, string> = { ...update.ExpressionAttributeNames };
  const values: Record<string, AttributeValue> = { ...update.ExpressionAttributeValues };
  const nameOf = (attribute: string): string => {
    const placeholder = unused(names, `#${attribute}`);
    names[placeholder] = attribute;
    return placeholder;
  };
  const sets = Object.entries(stamp).map(([attribute, value]) => {
    const placeholder = unused(values, `:${attribute}`);
    values[placeholder] = value;
    return `${nameOf(attribute)} = ${placeholder}`;
  });
  const removals = foreignMarks.map((attribute) => nameOf(attribute));
  const expression = withClause(withClause(update.UpdateExpression ?? '', 'SET', sets), 'REMOVE', removals);
  return { ...update, UpdateExpression: expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values };
}

function withClause(expression: string, keyword: 'SET' | 'REMOVE', parts: readonly string[]): string {
  const list = parts.join(', ');
  if (!clause(keyword).test(expression)) return `${expression} ${keyword} ${list}`.trim();
  return expression.replace(clause(keyword), (_, before: string, found: string) => `${before}${found} ${list},`);
}

function unused(taken: Readonly<Record<string, unknown>>, wanted: string): string {
  let placeholder = wanted;
  for (let n = 2; placeholder in taken; n += 1) placeholder = `${wanted}${n}`;
  return placeholder;
}
