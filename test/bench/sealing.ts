// What encryption costs by itself. The product has no switch to turn it off, so the stage is run alone: the chunks of the corpus are compressed as a backup does,
// and only their sealing (AES-256-GCM by the engine's own function) is timed; beside it the GMAC tags over the same chunks. Zero and repeated chunks are left out of the
// first, as in a backup. Its CPU seconds against those of the whole first backup are encryption's share.
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { nonceAt } from '../../src/core/vault/pack-layout.ts';
import { chunkTag, sealInto, sha256Hex } from '../../src/vault/chunk-crypto.ts';
import { compress } from '../../src/vault/zstd.ts';

const [chunkBytes, batchChunks, level] = [1024 * 1024, 32, 1];

export type Sealing = { readonly sealSeconds: number; readonly tagSeconds: number; readonly sealedBytes: number };

export function measureSealing(folder: string): Sealing {
  const key = new Uint8Array(32).fill(7);
  const into = new Uint8Array(2 * chunkBytes);
  const aad = new Uint8Array(60);
  const seen = new Set<string>();
  const total = { sealSeconds: 0, tagSeconds: 0, sealedBytes: 0 };
  for (const batch of batchesOf(folder)) {
    total.tagSeconds += cpuOf(() => batch.forEach((chunk) => chunkTag({ tagKey: key }, chunk)));
    const sealed = batch.flatMap((chunk) => {
      const name = sha256Hex(chunk);
      if (seen.has(name) || isZero(chunk)) return [];
      seen.add(name);
      const frame = compress(chunk, level);
      return [frame.length < chunk.length ? frame.slice() : chunk];
    });
    total.sealSeconds += cpuOf(() => sealed.forEach((data, i) => sealInto(key, nonceAt(i), aad, data, into, 0)));
    total.sealedBytes += sealed.reduce((sum, data) => sum + data.length, 0);
  }
  return total;
}

function* batchesOf(folder: string): Generator<Uint8Array[]> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const bytes = statSync(path).size;
    const file = openSync(path, 'r');
    for (let from = 0; from < bytes; from += batchChunks * chunkBytes) {
      const whole = new Uint8Array(Math.min(bytes - from, batchChunks * chunkBytes));
      readSync(file, whole, 0, whole.length, from);
      yield Array.from({ length: Math.ceil(whole.length / chunkBytes) }, (_, i) => whole.subarray(i * chunkBytes, (i + 1) * chunkBytes));
    }
    closeSync(file);
  }
}

function cpuOf(act: () => void): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function isZero(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, bytes.length - 1)) === 0;
}
