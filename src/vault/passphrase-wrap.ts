// Wraps data keys under a passphrase: for the plain backup tool, and for a copy in a safe.
import { randomBytes, scrypt } from 'node:crypto';
import { KeyUnavailableError } from '../core/vault/vault-errors.ts';
import type { KeyWrap, Wrap } from '../ports/key-wrap.ts';
import { sealInto, unseal } from './chunk-crypto.ts';

export type ScryptCost = { readonly n: number; readonly r: number; readonly p: number };

/** 128 MiB and some 0.3 s. OWASP's password storage cheat sheet names N = 2^17, r = 8, p = 1 as the first choice of scrypt. */
export const usualCost: ScryptCost = { n: 2 ** 17, r: 8, p: 1 };
/** A key file that asks for more is not ours: it would only stop the machine. */
const memoryBytesMax = 1024 * 1024 * 1024;
const passphraseCharactersMin = 8;

export class PassphraseWrap implements KeyWrap {
  readonly kind = 'passphrase';
  readonly #passphrase: string;
  readonly #cost: ScryptCost;

  constructor(passphrase: string, cost: ScryptCost = usualCost) {
    if (passphrase.length < passphraseCharactersMin) throw new KeyUnavailableError(`A passphrase has at least ${passphraseCharactersMin} characters: a shorter one is guessed.`);
    this.#passphrase = passphrase.normalize('NFC');
    this.#cost = cost;
  }

  async wrap(_vault: string, keyId: string, dataKey: Uint8Array): Promise<readonly Wrap[]> {
    return [await this.wrapWith(keyId, dataKey, randomBytes(16), randomBytes(12))];
  }

  /** With salt and nonce of the caller, who never gives the same twice: for the fixtures, which must come out the same. */
  async wrapWith(keyId: string, dataKey: Uint8Array, salt: Uint8Array, nonce: Uint8Array): Promise<Wrap> {
    const sealed = new Uint8Array(dataKey.length + 16);
    sealInto(await derive(this.#passphrase, salt, this.#cost), nonce, aadOf(keyId), dataKey, sealed, 0);
    return { kind: this.kind, salt: base64(salt), ...this.#cost, nonce: base64(nonce), sealed: base64(sealed) };
  }

  async unwrap(_vault: string, keyId: string, wrap: Wrap): Promise<Uint8Array | null> {
    if (wrap['kind'] !== this.kind) return null;
    const { salt, n, r, p, nonce, sealed } = wrap;
    if (typeof salt !== 'string' || typeof nonce !== 'string' || typeof sealed !== 'string' || !isCount(n) || !isCount(r) || !isCount(p)) return null;
    if (128 * n * r > memoryBytesMax || p > 16)
      throw new KeyUnavailableError(`The key file of ${keyId} asks for scrypt with n=${n}, r=${r}, p=${p}: more than ${memoryBytesMax} bytes. It was altered.`);
    const opened = unseal(await derive(this.#passphrase, bytes(salt), { n, r, p }), bytes(nonce), aadOf(keyId), bytes(sealed));
    return opened?.length === 32 ? opened : null;
  }
}

function aadOf(keyId: string): Uint8Array {
  return Buffer.from(`holdfast/1/key/${keyId}`);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

async function derive(passphrase: string, salt: Uint8Array, { n, r, p }: ScryptCost): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, { N: n, r, p, maxmem: 128 * n * r * 2 + 1024 * 1024 }, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64');
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
