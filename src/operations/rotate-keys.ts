// RotateKeys: every data key whose newest wrap is too old gets another one. Nothing that was encrypted changes (docs/vault-format.md, *Keys*).
import { lockedUntil } from '../core/backup/point-class.ts';
import { keysPrefix, parseKeyName } from '../core/vault/object-names.ts';
import { KeyUnavailableError } from '../core/vault/vault-errors.ts';
import type { KeyWrap } from '../ports/key-wrap.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { describe } from '../vault/site-set.ts';
import { parseKeyFile, type Vault } from '../vault/vault.ts';
import { TablePoints } from './backup-facts.ts';
import { isOpenAt, lockOf, readLease, type BackupPorts } from './backup-ports.ts';

export const rotationMs = 90 * 86_400_000;
/** Key files that are read side by side. */
const readsAtOnce = 8;

export type Rotation = {
  readonly rotated: readonly { readonly key: string; readonly generation: number }[];
  /** Keys whose newest wrap is young enough. */
  readonly fresh: number;
  readonly failed: readonly { readonly key: string; readonly because: string }[];
};

export type RotationOptions = {
  readonly wrap: KeyWrap;
  /** What wraps from now on. */
  readonly newWrap: KeyWrap;
  readonly nowMs: number;
  /** 0: every key. */
  readonly olderThanMs: number;
  readonly lock: ObjectLock | null;
};

type Newest = { readonly key: string; readonly generation: number; readonly name: string; readonly isCommitted: boolean };

/** One key that cannot be opened stands in no other's way. */
export async function rotateKeys(vault: Vault, options: RotationOptions): Promise<Rotation> {
  const newest = await newestFiles(vault);
  const rotated: { key: string; generation: number }[] = [];
  const failed: { key: string; because: string }[] = [];
  for (let i = 0; i < newest.length; i += readsAtOnce) {
    await Promise.all(
      newest.slice(i, i + readsAtOnce).map(async (file) => {
        try {
          if (!(await isDue(vault, file, options))) return;
          rotated.push({ key: file.key, generation: await vault.rewrapKey(file.key, options.wrap, options.newWrap, options.nowMs, options.lock) });
        } catch (error) {
          failed.push({ key: file.key, because: describe(error) });
        }
      }),
    );
  }
  return { rotated, fresh: newest.length - rotated.length - failed.length, failed };
}

async function newestFiles(vault: Vault): Promise<Newest[]> {
  const newest = new Map<string, Newest>();
  // Ascending: the last of each key is its newest.
  for await (const { name, sites } of vault.sites.list(keysPrefix)) {
    const parsed = parseKeyName(name);
    if (parsed !== undefined) newest.set(parsed.key, { ...parsed, name, isCommitted: sites.length >= vault.sites.majority });
  }
  return [...newest.values()];
}

/** A wrap that a minority of the sites has does not count, nor does one that nobody can read. */
async function isDue(vault: Vault, { name, isCommitted }: Newest, { nowMs, olderThanMs }: RotationOptions): Promise<boolean> {
  if (olderThanMs === 0 || !isCommitted) return true;
  for (const { bytes } of await vault.sites.copies(name)) {
    const file = bytes === null ? null : parseKeyFile(bytes, vault.id, name);
    if (file !== null) return nowMs - file.wrappedAtMs >= olderThanMs;
  }
  return true;
}

export type Rotated = Omit<Rotation, 'failed'> & { readonly acts: boolean; readonly because: string };

/** By schedule, in the open region. @throws KeyUnavailableError where a key got no new wrap; the others have theirs by then */
export async function rotateBySchedule(ports: Pick<BackupPorts, 'me' | 'own' | 'settings' | 'sites' | 'wrap' | 'clock'>, points: TablePoints): Promise<Rotated> {
  const { clock, me, settings, wrap } = ports;
  const nowMs = Math.round(clock.nowMs());
  if (!isOpenAt(await readLease(ports), nowMs)) return { acts: false, because: `${me} is not open: the open region rotates the keys`, rotated: [], fresh: 0 };
  // As long as anything may be locked: it must outlast every point that needs it.
  const lock = lockOf(settings, lockedUntil(nowMs, settings.lockDaysMax));
  const { rotated, fresh, failed } = await rotateKeys(await points.vault(), { wrap, newWrap: wrap, nowMs, olderThanMs: rotationMs, lock });
  if (failed.length > 0)
    throw new KeyUnavailableError(
      `${failed.length} data keys got no new wrap (${failed.map(({ key, because }) => `${key}: ${because}`).join('; ')}); ${rotated.length} did. The old wraps still open them. It is tried again tomorrow; docs/vault.md, *Keys*`,
    );
  return { acts: true, because: 'each day', rotated, fresh };
}
