// What is done with the keys of persons: their names, their wraps, what is sealed under them (docs/vault-format.md, *Subjects*).
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { toHex } from '../core/vault/bytes.ts';
import { hmacOf32, sha256 } from './chunk-crypto.ts';
import { deriveKeys, type DataKey } from './data-key.ts';
import type { Random } from './pack-builder.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** Of each data key another one: whoever has no data key cannot tell whether a person is in a vault. */
export function subjectId(key: DataKey, name: string): string {
  return toHex(hmacOf32(deriveKeys(key).idKey, sha256(Buffer.from(`subject:${name}`, 'utf8'))).subarray(0, 16));
}

export function sealItem(subjectKey: Uint8Array, subject: string, item: string, random: Random): string {
  return seal(subjectKey, Buffer.from(item, 'utf8'), `holdfast/1/subject/${subject}`, random);
}

/** null: it is another key's, or was changed. */
export function openItem(subjectKey: Uint8Array, subject: string, sealed: string): string | null {
  return open(subjectKey, sealed, `holdfast/1/subject/${subject}`)?.toString('utf8') ?? null;
}

/** Under a key that comes from the data key: a row alone, or a vault alone, opens nothing. */
export function wrapSubjectKey(key: DataKey, subject: string, bytes: Uint8Array, random: Random): string {
  return seal(wrappingKey(key), bytes, `holdfast/1/subject-key/${subject}`, random);
}

export function unwrapSubjectKey(key: DataKey, subject: string, wrapped: string): Uint8Array | null {
  return open(wrappingKey(key), wrapped, `holdfast/1/subject-key/${subject}`);
}

function wrappingKey({ bytes }: DataKey): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', bytes, new Uint8Array(0), Buffer.from('holdfast/1/subject-key'), 32));
}

function seal(key: Uint8Array, plain: Uint8Array, bound: string, random: Random): string {
  const nonce = random(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(bound));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

function open(key: Uint8Array, sealed: string, bound: string): Buffer | null {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < nonceBytes + tagBytes) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes }).setAAD(Buffer.from(bound));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    return null;
  }
}
