// `holdfast vault verify`: reads everything that points need, in every site, and says what is damaged.
import { availableParallelism } from 'node:os';
import { verifyFiles, type VerifyDamage } from '../files/verify-files.ts';
import { startRestoreThreads } from '../files/restore-pool.ts';
import type { DataKey } from '../vault/data-key.ts';
import { openVault } from '../vault/vault.ts';
import { numberOf, type VaultExitStatus, type VaultValues, type VaultWorld } from './vault-world.ts';
import { openSites, readPassphrase } from './vault-open.ts';
import { committedPoints, findPoint } from './vault-point.ts';
import { ProgressLine, sizeOf, timeOf } from './vault-progress.ts';

const workersMax = 4;

export async function verifyVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const workers = numberOf(values, 'workers', Math.min(workersMax, availableParallelism()), 1, 64);
  const threads = startRestoreThreads(workers);
  const wrap = values.keyless === true ? null : readPassphrase(values['passphrase-file'], world.environment);
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const names = values.all === true ? await committedPoints(vault, values.source) : [await findPoint(vault, values.point, values.source)];
  const keys = new Map<string, DataKey>();
  const line = new ProgressLine(world);
  const startedAtMs = world.nowMs();
  const damages: (VerifyDamage & { readonly point: string })[] = [];
  const total = { points: names.length, packs: 0, entries: 0, bytes: 0, storedBytes: 0 };
  for (const name of names) {
    const manifest = await vault.readManifest(name);
    const key = wrap === null ? null : (keys.get(manifest.header.key) ?? (await vault.openKey(manifest.header.key, wrap)));
    if (key !== null) keys.set(manifest.header.key, key);
    const found = await verifyFiles({
      vault,
      manifest,
      key,
      workers,
      threads,
      progress: ({ storedBytes }) =>
        line.show({ done: total.storedBytes + storedBytes, all: names.length === 1 ? manifest.packs.reduce((sum, pack) => sum + pack.bytes, 0) * vault.sites.sites.length : null, more: name.point }),
    }).finally(() => line.end());
    total.packs += found.packs;
    total.entries += found.entries;
    total.bytes += found.bytes;
    total.storedBytes += found.storedBytes;
    damages.push(...found.damages.map((damage) => ({ point: name.point, ...damage })));
  }
  const seconds = (world.nowMs() - startedAtMs) / 1000;
  if (values.json === true) world.out(`${JSON.stringify({ ...total, seconds, isKeyless: wrap === null, damages })}\n`);
  else {
    for (const { point, site, pack, because } of damages) world.err(`holdfast: damage: ${pack === null ? point : `pack ${pack}`} in ${site}: ${because}\n`);
    const proven = wrap === null ? `hashes of ${sizeOf(total.storedBytes)}` : `${total.entries} entries, ${sizeOf(total.bytes)} out of ${sizeOf(total.storedBytes)}`;
    world.out(
      `Verified ${total.points === 1 ? (names[0]?.point ?? '') : `${total.points} points`}: ${proven} in ${total.packs} packs, ${timeOf(seconds)}. ${damages.length === 0 ? 'All is as it was stored.' : `${damages.length} damages were found.`}\n`,
    );
  }
  return damages.length === 0 ? 0 : 1;
}
