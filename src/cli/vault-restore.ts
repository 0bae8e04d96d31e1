// `holdfast vault restore`: a point, or some of its paths, into a directory.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { restoreFiles } from '../files/restore-files.ts';
import { startRestoreThreads } from '../files/restore-pool.ts';
import { StoredPoint } from '../files/stored-point.ts';
import { openVault } from '../vault/vault.ts';
import { numberOf, VaultUsageError, type VaultExitStatus, type VaultValues, type VaultWorld } from './vault-world.ts';
import { openSites, readPassphrase } from './vault-open.ts';
import { findPoint } from './vault-point.ts';
import { ProgressLine, sizeOf, timeOf } from './vault-progress.ts';
import { Warnings } from './vault-warnings.ts';

const workersMax = 4;

export async function restoreFromVault(values: VaultValues, paths: readonly string[], world: VaultWorld): Promise<VaultExitStatus> {
  if (values.to === undefined) throw new VaultUsageError('vault restore needs --to DIRECTORY');
  const target = path.resolve(values.to);
  const workers = numberOf(values, 'workers', Math.min(workersMax, availableParallelism()), 1, 64);
  const threads = startRestoreThreads(workers);
  const wrap = readPassphrase(values['passphrase-file'], world.environment);
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const name = await findPoint(vault, values.point, values.source);
  const key = await vault.openKey((await vault.readManifest(name)).header.key, wrap);
  const point = await StoredPoint.open(vault, name, key);
  mkdirSync(target, { recursive: true });
  const warnings = new Warnings(world, values.json === true);
  const line = new ProgressLine(world);
  const startedAtMs = world.nowMs();
  const all = typeof point.point.body.source['bytes'] === 'number' && paths.length === 0 ? point.point.body.source['bytes'] : null;
  const result = await restoreFiles({
    vault,
    key,
    point,
    target,
    paths,
    isGoingOn: values['into-existing'] === true,
    workers,
    threads,
    warn: (what) => warnings.add(what),
    progress: ({ entries, bytes }) => line.show({ done: bytes, all, more: `${entries} entries` }),
  }).finally(() => line.end());
  const seconds = (world.nowMs() - startedAtMs) / 1000;
  if (values.json === true) world.out(`${JSON.stringify({ name: { chain: name.chain, point: name.point }, ...result, seconds, warnings: warnings.all })}\n`);
  else {
    world.out(
      `Restored ${result.entries} entries, ${sizeOf(result.bytes)}, of ${name.point} into ${target} in ${timeOf(seconds)}${result.skipped > 0 ? `; ${result.skipped} were there already` : ''}${
        result.isOwnerRestored ? '' : '; owners were not restored, which takes root'
      }.\n`,
    );
  }
  return warnings.count > 0 ? 3 : 0;
}
