// Which points need an object that is lost: without it they cannot be restored, nor can what hangs on them, so their chains are not gone on with.
import { parsePackName, parsePointName } from '../core/vault/object-names.ts';
import type { Vault } from '../vault/vault.ts';

/** Manifests that are read side by side. */
const readAtOnce = 8;

export type Needing = { readonly chains: readonly string[]; readonly points: number };

/** Reads every manifest once, which needs no key; only asked where something is lost. */
export async function needingOf(vault: Vault, lost: readonly string[]): Promise<ReadonlyMap<string, Needing>> {
  const points = new Map<string, { chain: string; point: string }[]>(lost.map((name) => [name, []]));
  const packs = new Map(lost.flatMap((name) => (parsePackName(name) === undefined ? [] : [[parsePackName(name), name] as const])));
  const keys = new Map(lost.flatMap((name) => (name.startsWith('keys/') ? [[name.split('/')[1], name] as const] : [])));
  for (const name of lost) {
    const point = parsePointName(name);
    if (point !== undefined) points.get(name)?.push(point);
  }
  if (packs.size + keys.size > 0) {
    const all = await vault.listPoints();
    for (let i = 0; i < all.length; i += readAtOnce) {
      const manifests = await Promise.all(all.slice(i, i + readAtOnce).map(async (name) => vault.readManifest(name).catch(() => null)));
      for (const manifest of manifests) {
        if (manifest === null) continue;
        const { header } = manifest;
        const needs = new Set([...manifest.packs.flatMap(({ sha256 }) => packs.get(sha256) ?? []), keys.get(header.key) ?? '']);
        for (const name of needs) points.get(name)?.push(header);
      }
    }
  }
  return new Map([...points].map(([name, needing]) => [name, { chains: [...new Set(needing.map(({ chain }) => chain))].sort(), points: needing.length }]));
}
