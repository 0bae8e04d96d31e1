// Holdfast as a user runs it: the command line, started anew for each step.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { environmentOf, passphrase, type Place, type Repository, type Tool } from './tool.ts';

const root = join(import.meta.dirname, '../..');
const cli = join(root, 'src/cli/holdfast.mjs');
const hasSource = existsSync(cli);

/** What Node compiled of the command line, of all tasks: a peer's program is compiled before it is installed. Nothing of a vault is in it. */
const compiled = mkdtempSync(join(tmpdir(), 'holdfast-bench-compiled-'));
process.on('exit', () => rmSync(compiled, { recursive: true, force: true }));

export type HoldfastKey = 'passphrase' | 'key file';

/** @param extra options of `vault backup` @returns null where this checkout has no command line */
export function holdfastTool(key: HoldfastKey, extra: readonly string[] = []): Tool | null {
  if (!hasSource) return null;
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const label = ['Holdfast', ...(key === 'passphrase' ? [] : [`(${key})`]), ...extra].join(' ');
  return { label, family: 'holdfast', version, open: (place, home) => open(place, home, key, extra) };
}

function open(place: Place, home: string, key: HoldfastKey, extra: readonly string[]): Repository {
  const keyFile = join(home, 'vault-key');
  const where = place.kind === 'directory' ? place.path : `s3://${place.bucket}/vault?region=${place.region}&endpoint=${encodeURIComponent(place.endpoint)}`;
  const env = {
    ...environmentOf(home),
    XDG_CACHE_HOME: compiled,
    ...(key === 'passphrase' ? { HOLDFAST_VAULT_PASSPHRASE: passphrase } : {}),
    ...(place.kind === 's3' ? { AWS_ACCESS_KEY_ID: place.accessKey, AWS_SECRET_ACCESS_KEY: place.secretKey } : {}),
  };
  const command = (word: string, ...args: string[]) => ({
    file: process.execPath,
    args: [cli, 'vault', word, '--vault', where, ...(key === 'key file' && word !== 'init' ? ['--passphrase-file', keyFile] : []), ...args],
    env,
  });
  return {
    init: [command('init', ...(key === 'key file' ? ['--new-key-file', keyFile] : []))],
    backup: (source) => command('backup', ...extra, source),
    restore: (target) => ({ command: command('restore', '--to', target), root: target }),
    verify: command('verify'),
    caches: [],
  };
}
