// DynamoDB's expressions as tokens, with placeholders looked up: what conditions and updates of the table in memory are read from.
import { RefusedError } from '../../core/errors.ts';
import { isRecord, itemOf, type Item, type Path, type Value } from './item-values.ts';

export type Placeholders = { readonly names: Readonly<Record<string, unknown>>; readonly values: Item };

export function placeholdersOf(names: unknown, values: unknown): Placeholders {
  return { names: isRecord(names) ? names : {}, values: values === undefined || values === null ? {} : itemOf(values) };
}

export class Tokens {
  readonly #text: string;
  readonly #tokens: readonly string[];
  readonly #placeholders: Placeholders;
  #at = 0;

  constructor(text: string, placeholders: Placeholders) {
    this.#text = text;
    this.#tokens = text.match(/[:#]?[A-Za-z_][\w-]*|:\d\w*|#\d\w*|\d+|<>|<=|>=|[=<>(),.+\-[\]]|\S/g) ?? [];
    this.#placeholders = placeholders;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The next token, if it is one of these (keywords in any case); it is taken then. */
  take(...wanted: readonly string[]): string | undefined {
    const found = this.peek(...wanted);
    if (found !== undefined) this.#at += 1;
    return found;
  }

  peek(...wanted: readonly string[]): string | undefined {
    const next = this.#tokens[this.#at]?.toUpperCase();
    return wanted.find((token) => token.toUpperCase() === next);
  }

  /** A function's name, if one is called here; its opening parenthesis is taken too. */
  call(): string | undefined {
    const name = this.#tokens[this.#at];
    if (name === undefined || this.#tokens[this.#at + 1] !== '(' || !/^[a-z_]+$/.test(name)) return undefined;
    this.#at += 2;
    return name;
  }

  must(wanted: string): void {
    if (this.take(wanted) === undefined) throw this.wrong(`'${wanted}'`);
  }

  value(): Value | undefined {
    const token = this.#tokens[this.#at];
    if (token?.startsWith(':') !== true) return undefined;
    this.#at += 1;
    const value = this.#placeholders.values[token];
    if (value === undefined) throw new RefusedError(`An expression attribute value used in expression is not defined: ${token}`);
    return value;
  }

  path(): Path {
    const path: (string | number)[] = [this.#name()];
    for (;;) {
      if (this.take('.') !== undefined) path.push(this.#name());
      else if (this.take('[') !== undefined) {
        path.push(Number(this.#tokens[this.#at]));
        this.#at += 1;
        this.must(']');
      } else return path;
    }
  }

  wrong(expected: string): RefusedError {
    return new RefusedError(`Invalid expression '${this.#text}': ${expected} expected, '${this.#tokens[this.#at] ?? 'its end'}' found. The table in memory may not know it: see docs/workload.md.`);
  }

  #name(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined || !/^[#A-Za-z_]/.test(token)) throw this.wrong('an attribute');
    this.#at += 1;
    if (!token.startsWith('#')) return token;
    const name = this.#placeholders.names[token];
    if (typeof name !== 'string') throw new RefusedError(`An expression attribute name used in the document path is not defined: ${token}`);
    return name;
  }
}
