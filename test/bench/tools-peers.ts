// restic, kopia and borg as their manuals say: defaults, but for a kopia that compresses (its default does not, and stores twice as much).
import { spawnSync } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { environmentOf, passphrase, type PeerFamily, type Place, type Repository, type Tool } from './tool.ts';

type Peer = { readonly file: string; readonly version: string };

/** Each different version of the program in HOLDFAST_PEERS and in PATH. */
export function findPrograms(name: string): string[] {
  const folders = [process.env['HOLDFAST_PEERS'], ...(process.env['PATH'] ?? '').split(delimiter)].filter((folder) => folder !== undefined && folder !== '');
  const found = folders.flatMap((folder) => {
    try {
      const file = join(folder ?? '', name);
      accessSync(file, constants.X_OK);
      return [realpathSync(file)];
    } catch {
      return [];
    }
  });
  return [...new Set(found)];
}

export function findPeers(family: PeerFamily): Tool[] {
  const peers = findPrograms(family).map((file) => ({ file, version: versionOf(family, file) }));
  const different = peers.filter(({ version }, i) => peers.findIndex((other) => other.version === version) === i);
  return different.flatMap((peer) => {
    if (family === 'restic') return [tool(`restic ${peer.version}`, family, peer, (place, home) => restic(peer, place, home))];
    if (family === 'borg') return [tool(`borg ${peer.version}`, family, peer, (place, home) => (place.kind === 's3' ? null : borg(peer, place.path, home)))];
    return [
      tool(`kopia ${peer.version} (zstd)`, family, peer, (place, home) => kopia(peer, place, home, true)),
      tool(`kopia ${peer.version} (default, not compressing)`, family, peer, (place, home) => kopia(peer, place, home, false)),
    ];
  });
}

function tool(label: string, family: PeerFamily, { version }: Peer, open: Tool['open']): Tool {
  return { label, family, version, open };
}

function versionOf(family: string, file: string): string {
  const { stdout } = spawnSync(file, family === 'restic' ? ['version'] : ['--version'], { encoding: 'utf8' });
  return /\d+\.\d+[\d.]*/.exec(stdout ?? '')?.[0] ?? 'of unknown version';
}

function restic({ file }: Peer, place: Place, home: string): Repository {
  const cache = join(home, 'cache');
  const env = {
    ...environmentOf(home),
    RESTIC_PASSWORD: passphrase,
    RESTIC_CACHE_DIR: cache,
    RESTIC_REPOSITORY: place.kind === 'directory' ? place.path : `s3:${place.endpoint}/${place.bucket}`,
    ...(place.kind === 's3' ? { AWS_ACCESS_KEY_ID: place.accessKey, AWS_SECRET_ACCESS_KEY: place.secretKey, AWS_DEFAULT_REGION: place.region } : {}),
  };
  const command = (...args: string[]) => ({ file, args, env });
  return {
    init: [command('init')],
    backup: (source) => command('backup', '--quiet', source),
    restore: (target, source) => ({ command: command('restore', 'latest', '--target', target), root: join(target, source) }),
    verify: command('check', '--read-data'),
    caches: [cache],
  };
}

function kopia({ file }: Peer, place: Place, home: string, isCompressing: boolean): Repository {
  const cache = join(home, 'cache');
  const env = {
    ...environmentOf(home),
    KOPIA_PASSWORD: passphrase,
    KOPIA_CONFIG_PATH: join(home, 'repository.config'),
    KOPIA_CACHE_DIRECTORY: cache,
    KOPIA_LOG_DIR: join(home, 'logs'),
    KOPIA_CHECK_FOR_UPDATES: 'false',
  };
  const command = (...args: string[]) => ({ file, args, env });
  const where =
    place.kind === 'directory'
      ? ['filesystem', '--path', place.path]
      : [
          's3',
          '--bucket',
          place.bucket,
          '--endpoint',
          new URL(place.endpoint).host,
          '--region',
          place.region,
          '--access-key',
          place.accessKey,
          '--secret-access-key',
          place.secretKey,
          '--disable-tls',
        ];
  return {
    init: [command('repository', 'create', ...where), ...(isCompressing ? [command('policy', 'set', '--global', '--compression=zstd')] : [])],
    backup: (source) => command('snapshot', 'create', '--no-progress', '--json', source),
    restore: (target, _source, backedUp) => ({ command: command('snapshot', 'restore', '--no-progress', snapshotOf(backedUp), target), root: target }),
    verify: command('snapshot', 'verify', '--verify-files-percent=100'),
    // The configuration names the cache; an emptied one is made anew.
    caches: [cache],
  };
}

function snapshotOf(backedUp: string): string {
  const { id }: { id: string } = JSON.parse(backedUp);
  return id;
}

function borg({ file }: Peer, repository: string, home: string): Repository {
  const env = { ...environmentOf(home), BORG_PASSPHRASE: passphrase, BORG_REPO: repository, BORG_BASE_DIR: home, BORG_CACHE_DIR: join(home, 'cache'), BORG_EXIT_CODES: 'modern' };
  const command = (cwd: string, ...args: string[]) => ({ file, args, env, cwd });
  return {
    init: [command(home, 'init', '--encryption', 'repokey')],
    backup: (source) => command(source, 'create', '::{utcnow:%Y%m%dT%H%M%S.%f}', '.'),
    restore: (target) => ({ command: { ...command(target, '-c', '"$0" extract "::$("$0" list --last 1 --short)"', file), file: '/bin/sh' }, root: target }),
    verify: command(home, 'check', '--verify-data'),
    caches: [join(home, 'cache')],
  };
}
