// What an erasure leaves in the vault: that it was done, and what was read afterwards. The person's name is not in it.
export type Proven = {
  readonly chain: string;
  readonly point: string;
  readonly sha256: string;
  readonly lines: number;
  readonly readable: number;
  readonly ofThePerson: number;
  readonly ofOthersErased: number;
};

/** Points that were made before items were sealed by this attribute: what they hold of the person they hold in the clear, until they expire. */
export type NotSealed = { readonly points: number; readonly newestAtMs: number | null };

export type Certificate = {
  readonly format: 1;
  readonly kind: 'erasure';
  readonly vault: string;
  readonly source: string;
  readonly id: string;
  readonly erasedAtMs: number;
  readonly by: string;
  /** Data key → the name under which the person was there. The person's own name is not part of it. */
  readonly subjects: Readonly<Record<string, string>>;
  readonly regions: readonly string[];
  /** Points that were read whole afterwards. */
  readonly proof: readonly Proven[];
  readonly notSealed: NotSealed;
};
