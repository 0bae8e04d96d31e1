// Conditions and updates as DynamoDB judges and makes them, for the table in memory. What it does not know it refuses, it never guesses.
import { RefusedError } from '../../core/errors.ts';
import { Tokens, type Placeholders } from './expression-tokens.ts';
import { compared, isSame, valueAt, withValueAt, type Item, type Value } from './item-values.ts';

/** @param item undefined where there is none: it has no attribute then. */
export function isTrue(condition: string, item: Item | undefined, placeholders: Placeholders): boolean {
  const tokens = new Tokens(condition, placeholders);
  const result = either(tokens, item ?? {});
  if (!tokens.isAtEnd) throw tokens.wrong('its end');
  return result;
}

function either(tokens: Tokens, item: Item): boolean {
  let result = both(tokens, item);
  while (tokens.take('OR') !== undefined) result = both(tokens, item) || result;
  return result;
}

function both(tokens: Tokens, item: Item): boolean {
  let result = negated(tokens, item);
  while (tokens.take('AND') !== undefined) result = negated(tokens, item) && result;
  return result;
}

function negated(tokens: Tokens, item: Item): boolean {
  if (tokens.take('NOT') !== undefined) return !negated(tokens, item);
  if (tokens.take('(') === undefined) return predicate(tokens, item);
  const result = either(tokens, item);
  tokens.must(')');
  return result;
}

function predicate(tokens: Tokens, item: Item): boolean {
  const name = tokens.call();
  if (name !== undefined && name !== 'size') return called(name, tokens, item);
  const left = name === 'size' ? size(tokens, item) : operand(tokens, item);
  if (tokens.take('BETWEEN') !== undefined) {
    const low = compared(left, operand(tokens, item));
    tokens.must('AND');
    const high = compared(left, operand(tokens, item));
    return low !== undefined && high !== undefined && low >= 0 && high <= 0;
  }
  if (tokens.take('IN') !== undefined) {
    tokens.must('(');
    let isIn = isSame(left, operand(tokens, item));
    while (tokens.take(',') !== undefined) isIn = isSame(left, operand(tokens, item)) || isIn;
    tokens.must(')');
    return isIn;
  }
  const operator = tokens.take('=', '<>', '<=', '>=', '<', '>');
  if (operator === undefined) throw tokens.wrong('a comparison');
  const right = operand(tokens, item);
  if (operator === '=') return isSame(left, right);
  if (operator === '<>') return !isSame(left, right);
  const order = compared(left, right);
  if (order === undefined) return false;
  return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;
}

function called(name: string, tokens: Tokens, item: Item): boolean {
  const value = valueAt(item, tokens.path());
  const argument = tokens.take(',') === undefined ? undefined : operand(tokens, item);
  tokens.must(')');
  if (name === 'attribute_exists') return value !== undefined;
  if (name === 'attribute_not_exists') return value === undefined;
  if (name === 'attribute_type') return value !== undefined && Object.keys(value)[0] === argument?.['S'];
  if (name === 'begins_with') return typeof value?.['S'] === 'string' && value['S'].startsWith(String(argument?.['S']));
  if (name === 'contains') return contains(value, argument);
  throw new RefusedError(`The table in memory does not know the function '${name}'.`);
}

function contains(value: Value | undefined, argument: Value | undefined): boolean {
  if (typeof value?.['S'] === 'string') return value['S'].includes(String(argument?.['S']));
  const [type = '', content] = Object.entries(value ?? {})[0] ?? [];
  if (!Array.isArray(content)) return false;
  const parts: readonly unknown[] = content;
  return parts.some((part) => isSame(type === 'L' ? partOf(part) : { [type.charAt(0)]: part }, argument));
}

function partOf(part: unknown): Value | undefined {
  return typeof part === 'object' && part !== null ? Object.fromEntries(Object.entries(part)) : undefined;
}

function size(tokens: Tokens, item: Item): Value | undefined {
  const value = valueAt(item, tokens.path());
  tokens.must(')');
  const [type, content] = Object.entries(value ?? {})[0] ?? [];
  if (type === undefined) return undefined;
  if (type === 'S') return { N: String(Buffer.byteLength(String(content))) };
  if (Array.isArray(content)) return { N: String(content.length) };
  if (typeof content === 'object' && content !== null) return { N: String(Object.keys(content).length) };
  throw new RefusedError(`The table in memory does not know the size of a ${type}.`);
}

function operand(tokens: Tokens, item: Item): Value | undefined {
  return tokens.value() ?? valueAt(item, tokens.path());
}

/** All right-hand sides see the item as it was, as in DynamoDB. */
export function updated(expression: string, item: Item, placeholders: Placeholders): Item {
  const tokens = new Tokens(expression, placeholders);
  let result = item;
  while (!tokens.isAtEnd) {
    const clause = tokens.take('SET', 'REMOVE', 'ADD', 'DELETE');
    if (clause === undefined) throw tokens.wrong('SET, REMOVE, ADD or DELETE');
    do {
      const path = tokens.path();
      if (clause === 'REMOVE') result = withValueAt(result, path, undefined);
      else if (clause === 'SET') {
        tokens.must('=');
        result = withValueAt(result, path, sum(tokens, item));
      } else result = withValueAt(result, path, clause === 'ADD' ? added(valueAt(item, path), tokens.value()) : withoutMembers(valueAt(item, path), tokens.value()));
    } while (tokens.take(',') !== undefined);
  }
  return result;
}

function sum(tokens: Tokens, item: Item): Value {
  const first = term(tokens, item);
  const operator = tokens.take('+', '-');
  if (operator === undefined) return first;
  const second = term(tokens, item);
  if (first['N'] === undefined || second['N'] === undefined) throw new RefusedError('An operand in the update expression has an incorrect data type');
  return { N: String(Number(first['N']) + (operator === '+' ? 1 : -1) * Number(second['N'])) };
}

function term(tokens: Tokens, item: Item): Value {
  const name = tokens.call();
  if (name === undefined) return operand(tokens, item) ?? missing();
  if (name !== 'if_not_exists' && name !== 'list_append') throw new RefusedError(`The table in memory does not know the function '${name}'.`);
  const first = operand(tokens, item);
  tokens.must(',');
  const second = term(tokens, item);
  tokens.must(')');
  if (name === 'if_not_exists') return first ?? second;
  const [a, b] = [first?.['L'], second['L']];
  return Array.isArray(a) && Array.isArray(b) ? { L: [...a, ...b] } : missing();
}

function added(old: Value | undefined, value: Value | undefined): Value {
  const [type = '', content] = Object.entries(value ?? {})[0] ?? [];
  if (type === 'N') return { N: String(Number(old?.['N'] ?? 0) + Number(content)) };
  const before: unknown = old?.[type] ?? [];
  return Array.isArray(content) && Array.isArray(before) && type.endsWith('S') ? { [type]: [...new Set([...before, ...content])] } : missing();
}

function withoutMembers(old: Value | undefined, value: Value | undefined): Value | undefined {
  const [type = '', content] = Object.entries(value ?? {})[0] ?? [];
  const before: unknown = old?.[type] ?? [];
  if (!Array.isArray(content) || !Array.isArray(before)) return missing();
  const left = before.filter((member) => !content.includes(member));
  return left.length === 0 ? undefined : { [type]: left };
}

function missing(): never {
  throw new RefusedError('The provided expression refers to an attribute that does not exist in the item, or has an incorrect data type');
}
