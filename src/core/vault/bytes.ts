// Bytes and text without a platform: hex, base64 and comparison, for layouts that must stay pure.
import { MalformedError } from '../errors.ts';

const digits = '0123456789abcdef';

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (digits[byte >> 4] ?? '') + (digits[byte & 15] ?? '');
  return text;
}

export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) throw new MalformedError(`'${text.slice(0, 80)}' is not lower-case hex.`);
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    const left = bytes.length - i;
    parts.push((alphabet[a >> 2] ?? '') + (alphabet[((a & 3) << 4) | (b >> 4)] ?? '') + (left > 1 ? (alphabet[((b & 15) << 2) | (c >> 6)] ?? '') : '=') + (left > 2 ? (alphabet[c & 63] ?? '') : '='));
  }
  return parts.join('');
}

const values = new Map(Array.from({ length: alphabet.length }, (_, value) => [alphabet.charAt(value), value]));

export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new MalformedError(`'${text.slice(0, 80)}' is not base64.`);
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    const of = (k: number) => values.get(text[i + k] ?? '') ?? 0;
    const three = (of(0) << 18) | (of(1) << 12) | (of(2) << 6) | of(3);
    for (const byte of [three >> 16, (three >> 8) & 255, three & 255]) if (at < bytes.length) bytes[at++] = byte;
  }
  return bytes;
}

export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** As in the format page: seven letters or fewer, zeros, the format's number. */
export function magicOf(word: string): Uint8Array {
  const magic = new Uint8Array(8);
  for (let i = 0; i < word.length; i += 1) magic[i] = word.charCodeAt(i);
  magic[7] = 1;
  return magic;
}
