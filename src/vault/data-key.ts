// A data key and the four kinds of keys that come from it (docs/vault-format.md, *Keys*).
import { hkdfSync } from 'node:crypto';

export type DataKey = {
  /** 16 hex. */
  readonly keyId: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
};

export type DerivedKeys = {
  readonly idKey: Uint8Array;
  readonly tagKey: Uint8Array;
  readonly packKey: (packId: Uint8Array) => Uint8Array;
  readonly pointKey: (salt: Uint8Array) => Uint8Array;
};

export function deriveKeys({ bytes }: DataKey): DerivedKeys {
  const derive = (label: string, context: Uint8Array = new Uint8Array(0)) => new Uint8Array(hkdfSync('sha256', bytes, new Uint8Array(0), Buffer.concat([Buffer.from(label), context]), 32));
  return {
    idKey: derive('holdfast/1/id'),
    tagKey: derive('holdfast/1/tag'),
    packKey: (packId) => derive('holdfast/1/pack', packId),
    pointKey: (salt) => derive('holdfast/1/point', salt),
  };
}
