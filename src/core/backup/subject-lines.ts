// Lines of items that are about a person: sealed under that person's own key (docs/vault-format.md, *Subjects*).
import type { Image } from '../log/change-record.ts';
import { isFields } from './payload.ts';

export type SealedImage = { readonly sealed: string; readonly subject: string };

/** The person that an item is about; null: nobody, so that it stays readable. */
export function subjectOf(image: Image, attribute: string): string | null {
  const value: unknown = image[attribute];
  if (!isFields(value)) return null;
  const name = value['S'] ?? value['N'];
  return typeof name === 'string' && name !== '' ? name : null;
}

/** Every attribute of an item is an object, so that one whose `sealed` is a text is no item. */
export function sealedOf(image: unknown): SealedImage | null {
  if (!isFields(image)) return null;
  const { sealed, subject } = image;
  return typeof sealed === 'string' && typeof subject === 'string' && /^[0-9a-f]{32}$/.test(subject) ? { sealed, subject } : null;
}
