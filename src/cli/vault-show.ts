// `holdfast vault points` and `inspect`: what there is, and what one point is.
import { shown } from '../files/entry-name.ts';
import { readMeta, type FileMeta } from '../files/file-meta.ts';
import { StoredPoint } from '../files/stored-point.ts';
import { openVault } from '../vault/vault.ts';
import type { VaultExitStatus, VaultValues, VaultWorld } from './vault-world.ts';
import { openSites, readPassphrase } from './vault-open.ts';
import { findPoint } from './vault-point.ts';
import { sizeOf } from './vault-progress.ts';

export async function showPoints(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const points = (await vault.listPoints(values.source === undefined ? {} : { source: values.source })).filter((point) => values.all === true || point.type !== 'checkpoint');
  if (values.json === true) {
    world.out(`${JSON.stringify(points)}\n`);
    return 0;
  }
  const lines = points.map(
    ({ atMs, type, source, point, sites, isCommitted }) =>
      `${new Date(atMs).toISOString()}  ${type.padEnd(12)}  ${source}  ${point}${isCommitted ? '' : `  not committed: in ${sites.length} of ${vault.sites.sites.length} sites`}`,
  );
  world.out(lines.length === 0 ? 'No recovery points yet.\n' : `${lines.join('\n')}\n`);
  return 0;
}

export async function inspectPoint(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const name = await findPoint(vault, values.point, values.source);
  const { header, packs, sha256, bytes } = await vault.readManifest(name);
  const packBytes = packs.reduce((sum, pack) => sum + pack.bytes, 0);
  if (values.entries === true) {
    const key = await vault.openKey(header.key, readPassphrase(values['passphrase-file'], world.environment));
    const point = await StoredPoint.open(vault, name, key);
    for await (const entries of point.entries()) {
      for (const { json } of entries) world.out(values.json === true ? `${json.toString()}\n` : `${lineOf(readMeta(json.toString()))}\n`);
    }
    return 0;
  }
  const picture = { ...header, sha256, manifestBytes: bytes, packs: packs.length, packBytes, sites: name.sites };
  world.out(
    values.json === true
      ? `${JSON.stringify(picture)}\n`
      : `${Object.entries(picture)
          .map(([what, value]) => `${what.padEnd(14)} ${said(what, value)}`)
          .join('\n')}\n`,
  );
  return 0;
}

function said(what: string, value: unknown): string {
  if (typeof value === 'number' && what.endsWith('Ms')) return new Date(value).toISOString();
  if (typeof value === 'number' && what.endsWith('Bytes')) return `${value} (${sizeOf(value)})`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function lineOf({ type, mode, user, group, bytes, mtimeNs, name, target }: FileMeta): string {
  const time = new Date(Number(mtimeNs / 1_000_000n)).toISOString();
  return `${type}${mode.toString(8).padStart(4, '0')} ${user}:${group} ${String(bytes).padStart(12)} ${time} ${shown(name)}${target === null ? '' : ` -> ${shown(target)}`}`;
}
