// Opens what `--vault` and the passphrase name. The AWS SDK is loaded for s3:// only: it takes longer than a small backup.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { InvalidConfigError, RefusedError } from '../core/errors.ts';
import { KeyUnavailableError } from '../core/vault/vault-errors.ts';
import { DirectorySite } from '../drivers/directory/directory-site.ts';
import type { VaultSite } from '../ports/vault-site.ts';
import type { DataKey } from '../vault/data-key.ts';
import { PassphraseWrap } from '../vault/passphrase-wrap.ts';
import { SiteSet } from '../vault/site-set.ts';
import type { Vault } from '../vault/vault.ts';

export const passphraseVariable = 'HOLDFAST_VAULT_PASSPHRASE';

/** A passphrase that was made by us is 256 random bits: stretching it would only take time. Written so that nobody takes a person's for one. */
const randomPassphrase = /^holdfast-key-1:[0-9a-f]{64}$/;
const costOfRandom = { n: 1024, r: 8, p: 1 };

type Environment = Readonly<Record<string, string | undefined>>;

export async function openSites(places: readonly string[], environment: Environment, isNew: boolean): Promise<SiteSet> {
  if (places.length === 0) throw new InvalidConfigError('Where is the vault? Say --vault DIRECTORY or --vault s3://bucket/prefix');
  return new SiteSet(await Promise.all(places.map((place) => openSite(place, environment, isNew))));
}

async function openSite(place: string, environment: Environment, isNew: boolean): Promise<VaultSite> {
  if (place.startsWith('s3://')) return openS3Site(place, environment);
  if (/^[a-z0-9]+:\/\//i.test(place)) throw new InvalidConfigError(`--vault ${place}: a vault is in a directory or in s3://bucket/prefix`);
  const folder = path.resolve(place);
  if (isNew) mkdirSync(folder, { recursive: true });
  // Packs come with the hash that the worker computed of them.
  return new DirectorySite(folder, folder, { isHashing: false });
}

async function openS3Site(place: string, environment: Environment): Promise<VaultSite> {
  const url = new URL(place);
  const strange = [...url.searchParams.keys()].find((name) => name !== 'region' && name !== 'endpoint');
  if (url.hostname === '' || strange !== undefined)
    throw new InvalidConfigError(`--vault ${place}: ${strange === undefined ? 'the bucket is missing' : `'${strange}' is not known`}; it may be s3://bucket/prefix?region=…&endpoint=…`);
  const region = url.searchParams.get('region') ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const prefix = url.pathname.replace(/^\/+/, '').replace(/\/*$/, '');
  const [{ createS3 }, { S3Site }, { steadyAgent }] = await Promise.all([import('../drivers/aws/s3-client.ts'), import('../drivers/aws/s3-site.ts'), import('../drivers/aws/steady-agent.ts')]);
  const client = createS3(region, url.searchParams.get('endpoint') ?? environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'], steadyAgent);
  return new S3Site({ name: `s3://${url.hostname}/${prefix}`, client, bucket: url.hostname, prefix: prefix === '' ? '' : `${prefix}/` });
}

/** @throws KeyUnavailableError where none was given */
export function readPassphrase(file: string | undefined, environment: Environment): PassphraseWrap {
  const passphrase = file === undefined ? environment[passphraseVariable] : firstLine(file);
  if (passphrase === undefined || passphrase === '') throw new KeyUnavailableError(`The vault's passphrase is missing: set ${passphraseVariable}, or say --passphrase-file FILE`);
  return randomPassphrase.test(passphrase) ? new PassphraseWrap(passphrase, costOfRandom) : new PassphraseWrap(passphrase);
}

function firstLine(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new InvalidConfigError(`--passphrase-file ${file}: there is no such file`);
  return readFileSync(file, 'utf8').split(/\r?\n/)[0] ?? '';
}

/** Refuses a file that is there: it may be the only key to another vault. */
export function makeKeyFile(file: string): PassphraseWrap {
  const passphrase = `holdfast-key-1:${randomBytes(32).toString('hex')}`;
  try {
    writeFileSync(file, `${passphrase}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new RefusedError(`${file} was not written (${error instanceof Error ? error.message : String(error)}): name a file that does not exist yet. Nothing was changed`);
  }
  return new PassphraseWrap(passphrase, costOfRandom);
}

/** The vault's key that this passphrase opens: the one of the newest point, else any. */
export async function openAnyKey(vault: Vault, wrap: PassphraseWrap): Promise<DataKey> {
  const ids = await vault.keyIds();
  if (ids.length === 0) throw new KeyUnavailableError("The vault has no key: 'holdfast vault init' was interrupted. Make another vault, or remove this one and run init again");
  const failures: unknown[] = [];
  for (const id of ids) {
    try {
      return await vault.openKey(id, wrap);
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}
