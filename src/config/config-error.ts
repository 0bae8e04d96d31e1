// Why: a wrong setting is the owner's to correct, so its error must say which field, what it is and what it may be, in one line each.
import type * as z from 'zod';
import { InvalidConfigError } from '../core/errors.ts';

/** Turns what zod found into one error: a line a field, each with the field's path. */
export function configError(subject: string, error: z.ZodError): InvalidConfigError {
  const lines = error.issues.map((issue) => `  ${pathOf(issue.path)}: ${issue.message}`);
  return new InvalidConfigError([`${subject} is not valid:`, ...lines].join('\n'));
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return '(whole)';
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
