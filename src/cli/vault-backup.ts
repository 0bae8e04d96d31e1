// `holdfast vault backup`: which files, taken over from which point, into which chain.
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import path from 'node:path';
import { RefusedError } from '../core/errors.ts';
import { newChain } from '../core/vault/object-names.ts';
import { retentionClasses, type RetentionClass } from '../core/vault/recovery-point.ts';
import { backupFiles, type BackupFilesResult } from '../files/backup-files.ts';
import { TreeCount } from '../files/count-tree.ts';
import { treeRoot } from '../files/entry-name.ts';
import type { WalkRoot } from '../files/file-walk.ts';
import { openParent, type ParentPoint } from '../files/parent-point.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { PassphraseWrap } from '../vault/passphrase-wrap.ts';
import { openVault, type Vault } from '../vault/vault.ts';
import { numberOf, VaultUsageError, type VaultExitStatus, type VaultValues, type VaultWorld } from './vault-world.ts';
import { openAnyKey, openSites, readPassphrase } from './vault-open.ts';
import { committedPoints } from './vault-point.ts';
import { ProgressLine, sizeOf, timeOf } from './vault-progress.ts';
import { Warnings } from './vault-warnings.ts';

const mebibyte = 1024 * 1024;
const dayMs = 24 * 3600 * 1000;
export const workersMax = 4;

export async function backupToVault(values: VaultValues, paths: readonly string[], world: VaultWorld): Promise<VaultExitStatus> {
  const settings = settingsOf(values, paths, world);
  refuseVaultInside(values.vault ?? [], settings.roots);
  const wrap = readPassphrase(values['passphrase-file'], world.environment);
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const source = values.source ?? sourceOf(settings.roots);
  const { key, parent } = await parentOf(vault, wrap, source, values.full === true);
  const warnings = new Warnings(world, values.json === true);
  const line = new ProgressLine(world);
  const startedAtMs = world.nowMs();
  let count: TreeCount | null = null;
  const stopCount = async () => count?.stop();
  let result: BackupFilesResult;
  try {
    result = await backupFiles({
      vault,
      key,
      source,
      chain: parent?.newest.header.chain ?? newChain(source, startedAtMs, randomBytes(4).toString('hex')),
      parent,
      ...settings,
      isReadingAll: values['read-all'] === true,
      host: hostname(),
      nowMs: world.nowMs,
      stop: world.stop,
      warn: (what) => warnings.add(what),
      progress: ({ entries, bytes, storedBytes }) => {
        if (count === null && line.isDue) count = new TreeCount(settings.roots);
        line.show({ done: bytes, all: count?.bytes ?? null, more: `${entries} files, ${sizeOf(storedBytes)} stored` });
      },
    });
  } finally {
    line.end();
    await stopCount();
  }
  const seconds = (world.nowMs() - startedAtMs) / 1000;
  if (values.json === true) world.out(`${JSON.stringify({ ...result, seconds, warnings: warnings.all })}\n`);
  else world.out(told(result, seconds, parent));
  return warnings.count > 0 ? 3 : 0;
}

function settingsOf(values: VaultValues, paths: readonly string[], world: VaultWorld) {
  const found: RetentionClass | undefined = retentionClasses.find((c) => c === (values.class ?? 'daily'));
  if (found === undefined) throw new VaultUsageError(`--class ${values.class}: it may be ${retentionClasses.join(', ')}`);
  return {
    roots: rootsOf(paths),
    workers: numberOf(values, 'workers', Math.min(workersMax, availableParallelism()), 1, 64),
    packBytes: numberOf(values, 'pack-mib', 16, 1, 48) * mebibyte,
    zstdLevel: numberOf(values, 'level', 1, 1, 19),
    checkpointBytes: numberOf(values, 'checkpoint-mib', 4096, 1, 1024 * 1024) * mebibyte,
    class: found,
    lock: lockOf(values, world.nowMs()),
  };
}

function lockOf(values: VaultValues, nowMs: number): ObjectLock | null {
  const mode = values['lock-mode'];
  if (mode === undefined && values['lock-days'] === undefined) return null;
  const days = numberOf(values, 'lock-days', 0, 1, 36_500);
  const upper = mode?.toUpperCase();
  if ((upper !== 'GOVERNANCE' && upper !== 'COMPLIANCE') || days === 0) throw new VaultUsageError('A lock needs both --lock-mode governance or compliance, and --lock-days N');
  return { mode: upper, untilMs: nowMs + days * dayMs };
}

/** One directory is the tree itself; of several paths each keeps its own name. */
function rootsOf(paths: readonly string[]): WalkRoot[] {
  if (paths.length === 0) throw new VaultUsageError('vault backup needs the files and directories to back up');
  const whole = paths.map((each) => path.resolve(each));
  for (const each of whole) if (statSync(each, { throwIfNoEntry: false }) === undefined) throw new RefusedError(`${each} does not exist, so nothing was backed up`);
  const [only] = whole;
  if (whole.length === 1 && only !== undefined && statSync(only).isDirectory()) return [{ name: treeRoot, path: only }];
  const roots = whole.map((each) => ({ name: path.basename(each), path: each }));
  const twice = roots.find((root, i) => root.name === '' || roots.findIndex((other) => other.name === root.name) !== i);
  if (twice !== undefined) throw new RefusedError(`Two of the paths are called '${twice.name}': back them up apart, with a --source each, or the folder that both are in. Nothing was backed up`);
  return roots.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** It would grow by what it stores. */
function refuseVaultInside(places: readonly string[], roots: readonly WalkRoot[]): void {
  for (const place of places) {
    const inside = roots.find((root) => !place.startsWith('s3://') && `${path.resolve(place)}/`.startsWith(`${root.path === '/' ? '' : root.path}/`));
    if (inside !== undefined) throw new RefusedError(`The vault ${place} is inside ${inside.path}, which would be backed up into it: choose a place outside. Nothing was backed up`);
  }
}

function sourceOf(roots: readonly WalkRoot[]): string {
  const text = `${hostname()}-${path.basename(roots[0]?.path ?? '')}`.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-');
  return text.slice(0, 64).replace(/-+$/, '') || 'files';
}

/** The newest committed point of this source, checkpoints too; a new chain goes on with the same key, so that chunks are found again. */
async function parentOf(vault: Vault, wrap: PassphraseWrap, source: string, isFull: boolean): Promise<{ readonly key: DataKey; readonly parent: ParentPoint | null }> {
  const points = isFull ? [] : await committedPoints(vault, source);
  const newest = points.at(-1);
  if (newest === undefined) return { key: await openAnyKey(vault, wrap), parent: null };
  const { header } = await vault.readManifest(newest);
  const key = await vault.openKey(header.key, wrap);
  return { key, parent: await openParent(vault, points, key) };
}

function told(result: BackupFilesResult, seconds: number, parent: ParentPoint | null): string {
  const { name, type, entries, unchanged, bytes, storedBytes, count, areAttributesKept } = result;
  const rate = seconds > 0 ? `, ${sizeOf(count.readBytes / seconds)}/s` : '';
  return `${name.point} (${type}): ${entries} entries, ${sizeOf(bytes)}; ${parent === null ? '' : `${unchanged} unchanged, `}${sizeOf(count.readBytes)} read, ${sizeOf(storedBytes)} stored in ${timeOf(seconds)}${rate}.\n${
    areAttributesKept ? '' : 'Extended attributes were not kept: getfattr is not installed (package attr).\n'
  }`;
}
