// Wraps a vault's data key with KMS keys of several regions, so that any of them that answers can open it. The encryption
// context binds each wrap to its vault and key (docs/vault-format.md, *Keys*).
import { DecryptCommand, EncryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import { KeyUnavailableError } from '../../core/vault/vault-errors.ts';
import type { KeyWrap, Wrap } from '../../ports/key-wrap.ts';
import { kmsTimeoutMs } from './kms-client.ts';

export type RegionalKey = {
  readonly region: string;
  readonly client: KMSClient;
  /** An alias, an id or an ARN: `alias/holdfast-orders-vault`. */
  readonly keyId: string;
};

const dataKeyBytes = 32;
/** Made by another key, for another vault or data key, or altered. */
const notOurs: ReadonlySet<string> = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

export class KmsKeyWrap implements KeyWrap {
  readonly kind = 'aws-kms';
  readonly #keys: readonly RegionalKey[];

  /** @param keys one a region, the own region's first */
  constructor(keys: readonly RegionalKey[]) {
    this.#keys = keys;
  }

  /** By all regions side by side; at least a majority of them must have answered. */
  async wrap(vault: string, keyId: string, dataKey: Uint8Array): Promise<readonly Wrap[]> {
    const answers = await Promise.allSettled(this.#keys.map(async (key) => this.#wrapIn(key, vault, keyId, dataKey)));
    const wraps = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const majority = Math.floor(this.#keys.length / 2) + 1;
    if (wraps.length >= majority) return wraps;
    const why = answers.flatMap((answer, i) => (answer.status === 'rejected' ? [`${this.#keys[i]?.region}: ${textOf(answer.reason)}`] : []));
    throw new KeyUnavailableError(
      `The data key ${keyId} was wrapped in ${wraps.length} of ${this.#keys.length} regions, ${majority} are needed (${why.join('; ')}). It was not stored; try again when they answer`,
    );
  }

  async unwrap(vault: string, keyId: string, wrap: Wrap): Promise<Uint8Array | null> {
    const { kind, region, keyArn, sealed } = wrap;
    if (kind !== this.kind || typeof region !== 'string' || typeof keyArn !== 'string' || typeof sealed !== 'string') return null;
    const able = this.#ableToOpen(region, keyArn);
    if (able.length === 0) return null;
    const why: string[] = [];
    for (const { client, region: where, arn } of able) {
      try {
        const answer = await client.send(new DecryptCommand({ KeyId: arn, CiphertextBlob: Buffer.from(sealed, 'base64'), EncryptionContext: contextOf(vault, keyId) }), {
          abortSignal: AbortSignal.timeout(kmsTimeoutMs),
        });
        if (answer.Plaintext?.length !== dataKeyBytes) throw new Error(`it decrypted to ${answer.Plaintext?.length ?? 'no'} bytes, not ${dataKeyBytes}`);
        return new Uint8Array(answer.Plaintext);
      } catch (error) {
        if (error instanceof Error && notOurs.has(error.name)) continue;
        why.push(`${where}: ${textOf(error)}`);
      }
    }
    if (why.length === 0) return null;
    throw new KeyUnavailableError(`KMS did not open the wrap of the data key ${keyId} made by ${keyArn} (${why.join('; ')})`);
  }

  async #wrapIn({ client, region, keyId: kmsKey }: RegionalKey, vault: string, keyId: string, dataKey: Uint8Array): Promise<Wrap> {
    const answer = await client.send(new EncryptCommand({ KeyId: kmsKey, Plaintext: dataKey, EncryptionContext: contextOf(vault, keyId) }), { abortSignal: AbortSignal.timeout(kmsTimeoutMs) });
    if (answer.CiphertextBlob === undefined || answer.KeyId === undefined) throw new Error('an answer without a ciphertext');
    return { kind: this.kind, region, keyArn: answer.KeyId, sealed: Buffer.from(answer.CiphertextBlob).toString('base64') };
  }

  /** The wrap's own region; for a multi-Region key every region, the own one first, whatever region made it. */
  #ableToOpen(region: string, keyArn: string): { client: KMSClient; region: string; arn: string }[] {
    const isMultiRegion = keyArn.includes(':key/mrk-');
    return this.#keys.filter((key) => isMultiRegion || key.region === region).map((key) => ({ client: key.client, region: key.region, arn: keyArn.replace(`:kms:${region}:`, `:kms:${key.region}:`) }));
  }
}

function contextOf(vault: string, keyId: string): Record<string, string> {
  return { 'holdfast:vault': vault, 'holdfast:key': keyId };
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}${error.message === '' ? '' : `, ${error.message}`}` : String(error);
}
