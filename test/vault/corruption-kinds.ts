// The ways in which a site can come to hold something else than what was written: each makes one of them out of a whole vault's objects.
import { createHash } from 'node:crypto';
import { decodeManifest, encodeManifest } from '../../src/core/vault/manifest-layout.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { openPack } from '../../src/vault/pack-reader.ts';
import { below, type Objects, type Random } from './small-vault.ts';

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

export type Corruption = {
  readonly kind: string;
  readonly name: string;
  readonly objects: Objects /** It cannot be told from the site alone without the key, or it changes nothing that counts. */;
  readonly isQuiet: boolean;
};

type Kinds = Readonly<Record<string, (random: Random) => Corruption>>;

export function pick<T>(random: Random, all: readonly T[]): T {
  return all[below(random, all.length)]!;
}

function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  const at = below(random, bytes.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  return copy;
}

/** Two chunks of a pack change places; their lengths may differ. */
function chunksSwapped(random: Random, bytes: Uint8Array, key: DataKey): Uint8Array {
  const { chunks } = openPack(bytes, key);
  const i = below(random, chunks.length - 1);
  const [a, b] = [chunks[i]!, chunks[i + 1 + below(random, chunks.length - 1 - i)]!];
  const part = (from: number, to: number) => bytes.subarray(from, to);
  const [endA, endB] = [a.offset + a.storedBytes, b.offset + b.storedBytes];
  return Buffer.concat([part(0, a.offset), part(b.offset, endB), part(endA, b.offset), part(a.offset, endA), part(endB, bytes.length)]);
}

/** @param whole filled by the time that a kind is asked. */
export function corruptionsOf(whole: { readonly objects: Objects; readonly key: DataKey }) {
  function changed(name: string, bytes: Uint8Array | null): Map<string, Uint8Array> {
    const objects = new Map(whole.objects);
    if (bytes === null) objects.delete(name);
    else objects.set(name, bytes);
    return objects;
  }

  const namesOf = (prefix: string) => [...whole.objects.keys()].filter((name) => name.startsWith(prefix));
  const bytesOf = (name: string) => whole.objects.get(name) ?? new Uint8Array(0);

  /** By somebody who knows the format, and has not the key: hashes are right. */
  function forged(name: string, change: (header: Record<string, unknown>) => Record<string, unknown>): Uint8Array {
    const { header, head, sealedBody } = decodeManifest(bytesOf(name), sha256);
    const json = Buffer.from(JSON.stringify(change({ ...header })));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    const table = head.subarray(12 + Buffer.from(head).readUInt32LE(8));
    return encodeManifest(Buffer.concat([head.subarray(0, 8), length, json, table]), sealedBody, sha256);
  }

  const kinds: Kinds = {
    'bit flip': (random) => {
      const name = pick(random, [...whole.objects.keys()]);
      return { kind: 'bit flip', name, objects: changed(name, flipped(random, bytesOf(name))), isQuiet: name.startsWith('keys/') };
    },
    'bit flip in an index or at an end': (random) => {
      const name = pick(random, [...namesOf('packs/'), ...namesOf('points/')]);
      const bytes = bytesOf(name);
      const from = Math.max(0, bytes.length - 600);
      return { kind: 'bit flip near the end', name, objects: changed(name, Buffer.concat([bytes.subarray(0, from), flipped(random, bytes.subarray(from))])), isQuiet: false };
    },
    truncation: (random) => {
      const name = pick(random, [...whole.objects.keys()]);
      return { kind: 'truncation', name, objects: changed(name, bytesOf(name).slice(0, below(random, bytesOf(name).length))), isQuiet: name.startsWith('keys/') };
    },
    'more behind the end': (random) => {
      const name = pick(random, [...namesOf('packs/'), ...namesOf('points/')]);
      return { kind: 'more behind the end', name, objects: changed(name, Buffer.concat([bytesOf(name), random(1 + below(random, 100))])), isQuiet: false };
    },
    deletion: (random) => {
      const name = pick(random, [...whole.objects.keys()]);
      return { kind: 'deletion', name, objects: changed(name, null), isQuiet: name.startsWith('keys/') };
    },
    'swapped packs': (random) => {
      const names = namesOf('packs/');
      const i = below(random, names.length);
      const [name, other] = [names[i]!, names[(i + 1 + below(random, names.length - 1)) % names.length]!];
      return { kind: 'swapped packs', name, objects: new Map([...changed(name, bytesOf(other)), [other, bytesOf(name)]]), isQuiet: false };
    },
    'swapped chunks': (random) => {
      const name = pick(
        random,
        namesOf('packs/').filter((each) => openPack(bytesOf(each), whole.key).chunks.length > 1),
      );
      return { kind: 'swapped chunks', name, objects: changed(name, chunksSwapped(random, bytesOf(name), whole.key)), isQuiet: false };
    },
    'another manifest of the chain': (random) => {
      const names = namesOf('points/');
      const i = below(random, names.length);
      const [name, other] = [names[i]!, names[(i + 1 + below(random, names.length - 1)) % names.length]!];
      return { kind: 'another manifest of the chain', name, objects: changed(name, bytesOf(other)), isQuiet: false };
    },
    'forged header': (random) => {
      const name = pick(random, namesOf('points/'));
      const change = pick(random, [
        { createdAtMs: 5 },
        { lockedUntilMs: 9 },
        { parent: null },
        { parent: { point: 'x', sha256: '0'.repeat(64) } },
        { salt: '0'.repeat(32) },
        { class: 'yearly' },
        { key: 'f'.repeat(16) },
      ]);
      const bytes = forged(name, (header) => ({ ...header, ...change }));
      // The first point has no parent: that forgery is none.
      return { kind: `forged header ${JSON.stringify(change)}`, name, objects: changed(name, Buffer.compare(bytes, bytesOf(name)) === 0 ? flipped(random, bytes) : bytes), isQuiet: true };
    },
    'forged table': (random) => {
      const name = pick(random, namesOf('points/'));
      const { head, sealedBody } = decodeManifest(bytesOf(name), sha256);
      const copy = new Uint8Array(head);
      // Another pack hash, another length, another pack id: anything in the rows.
      const rows = 16 + Buffer.from(head).readUInt32LE(8);
      const at = rows + 16 + below(random, head.length - rows - 16);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return { kind: 'forged table', name, objects: changed(name, encodeManifest(copy, sealedBody, sha256)), isQuiet: true };
    },
  };
  return { kinds, changed, namesOf, bytesOf, forged };
}
