// The port to what protects a data key: a passphrase, or keys of a KMS.

/** The JSON of one wrap (docs/vault-format.md, *Keys*). */
export type Wrap = Readonly<Record<string, unknown>>;

/**
 * Contract:
 * - `wrap` gives at least one wrap, or throws KeyUnavailableError: then the key must not be used for anything.
 * - `unwrap` gives null for a wrap that is not of its kind or was made for another passphrase or key, and never a wrong key.
 */
export interface KeyWrap {
  readonly kind: string;
  wrap(vault: string, keyId: string, dataKey: Uint8Array): Promise<readonly Wrap[]>;
  unwrap(vault: string, keyId: string, wrap: Wrap): Promise<Uint8Array | null>;
}
