// A data key and the four kinds of keys that come from it (docs/vault-format.md, *Keys*).
import { hkdfSync } from 'node:crypto';
import { toHex } from '../core/vault/bytes.ts';

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

/** Chunks of one pack are opened one after the other. */
const packKeysKept = 256;

const derived = new WeakMap<DataKey, DerivedKeys>();

export function deriveKeys(key: DataKey): DerivedKeys {
  const known = derived.get(key) ?? derive(key);
  derived.set(key, known);
  return known;
}

function derive({ bytes }: DataKey): DerivedKeys {
  const from = (label: string, context: Uint8Array = new Uint8Array(0)) => new Uint8Array(hkdfSync('sha256', bytes, new Uint8Array(0), Buffer.concat([Buffer.from(label), context]), 32));
  const packKeys = new Map<string, Uint8Array>();
  return {
    idKey: from('holdfast/1/id'),
    tagKey: from('holdfast/1/tag'),
    packKey: (packId) => {
      const name = toHex(packId);
      const known = packKeys.get(name) ?? from('holdfast/1/pack', packId);
      if (packKeys.size >= packKeysKept) packKeys.clear();
      packKeys.set(name, known);
      return known;
    },
    pointKey: (salt) => from('holdfast/1/point', salt),
  };
}
