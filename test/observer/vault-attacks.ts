// What an administrator with every right tries against a locked bucket. The store, not the product, has to refuse; each attempt is followed by
// a look at the version itself, so that an answer alone convinces nobody.
import type { AttackRecord } from './journal.ts';
import { RefusedInBulkError, type Sight, type VaultBucket, type Version } from './vault-bucket.ts';

const ONE_MINUTE_MS = 60_000;

interface Attack {
  readonly name: string;
  /** `refuse`: the store must say no. `accept`: any store with versions takes it, and puts something beside the locked version. */
  readonly expected: 'refuse' | 'accept';
  readonly attempt: () => Promise<void>;
}

export interface AttackOptions {
  /** The bucket in the eyes of who may see everything. */
  readonly bucket: VaultBucket;
  /** The same bucket in the hands of another; absent: an administrator attacks. */
  readonly attacker?: VaultBucket;
  readonly nowWallMs: () => number;
  /** Also leaves a damaged newest version and a delete marker, which the product must live with; they can be taken away by nobody (the first) and anybody. */
  readonly isLeavingDamage: boolean;
}

/** A pack and a manifest of the vault, and then the bucket itself. */
export async function attackVault(options: AttackOptions): Promise<AttackRecord[]> {
  const { bucket, attacker = bucket } = options;
  const [pack] = await bucket.versions('packs/');
  const manifests = await bucket.versions('points/');
  const manifest = manifests.find(({ key }) => key.includes('-full-')) ?? manifests[0];
  if (pack === undefined || manifest === undefined) throw new Error(`${bucket.name} holds no pack or no manifest: there is nothing to attack`);
  const before = await bucket.look(pack);
  const records = [...(await attackVersion(options, pack, ['delete', 'overwrite'])), ...(await attackVersion(options, manifest, ['overwrite', 'delete']))];
  const whole: Attack[] = [
    { name: 'suspend versioning', expected: 'refuse', attempt: () => attacker.suspendVersioning() },
    { name: 'delete the bucket', expected: 'refuse', attempt: () => attacker.deleteBucket() },
  ];
  for (const attack of whole) records.push(await carryOut(bucket, bucket.name, attack, pack, before));
  return records;
}

/** @param damage in which order the two attacks that any store takes are made: the last one decides what the newest version is */
async function attackVersion(options: AttackOptions, version: Version, damage: readonly ('delete' | 'overwrite')[]): Promise<AttackRecord[]> {
  const { bucket, attacker = bucket, nowWallMs, isLeavingDamage } = options;
  const before = await bucket.look(version);
  const untilMs = before.untilMs ?? nowWallMs() + 2 * ONE_MINUTE_MS;
  const soonMs = () => Math.min(nowWallMs() + ONE_MINUTE_MS, untilMs - ONE_MINUTE_MS);
  const attacks: Attack[] = [
    { name: 'delete the version', expected: 'refuse', attempt: () => attacker.deleteVersion(version, false) },
    { name: 'delete the version, bypassing governance', expected: 'refuse', attempt: () => attacker.deleteVersion(version, true) },
    { name: 'delete the version among many', expected: 'refuse', attempt: () => attacker.deleteInBulk(version) },
    { name: 'shorten the lock', expected: 'refuse', attempt: () => attacker.setLock(version, 'COMPLIANCE', soonMs(), false) },
    { name: 'shorten the lock, bypassing governance', expected: 'refuse', attempt: () => attacker.setLock(version, 'COMPLIANCE', soonMs(), true) },
    { name: 'turn the lock into GOVERNANCE', expected: 'refuse', attempt: () => attacker.setLock(version, 'GOVERNANCE', untilMs, true) },
  ];
  const taken: Record<'delete' | 'overwrite', Attack> = {
    delete: { name: 'delete the name (a marker)', expected: 'accept', attempt: () => attacker.deleteNewest(version.key) },
    overwrite: { name: 'write over the name (a new version)', expected: 'accept', attempt: () => attacker.overwrite(version.key, new TextEncoder().encode('overwritten by an administrator')) },
  };
  const records: AttackRecord[] = [];
  for (const attack of [...attacks, ...(isLeavingDamage ? damage.map((kind) => taken[kind]) : [])]) {
    records.push(await carryOut(bucket, version.key, attack, version, before));
  }
  return records;
}

async function carryOut(bucket: VaultBucket, object: string, attack: Attack, version: Version, before: Sight): Promise<AttackRecord> {
  const answer = await attack.attempt().then(() => 'accepted' as const, readRefusal);
  const after = await bucket.look(version).catch(() => null);
  const isUnharmed = after !== null && isAsBefore(before, after);
  const isAnsweredRightly = attack.expected === 'accept' ? answer === 'accepted' : answer !== 'accepted' && answer.isRefusal;
  return {
    region: bucket.region,
    object,
    attack: attack.name,
    isUnharmed,
    // Without a lock there is nothing that could have withstood.
    isRefused: isUnharmed && before.mode !== null && isAnsweredRightly,
    answer: `${answer === 'accepted' ? answer : answer.text}; the version ${isUnharmed ? 'reads as before and is locked as before' : after === null ? 'is gone' : 'is changed, or its lock is'}`,
  };
}

function isAsBefore(before: Sight, after: Sight): boolean {
  return after.sha256 === before.sha256 && after.mode === before.mode && after.untilMs === before.untilMs;
}

/** A refusal is an answer of the 400s, or one for this object among many; silence and a store that is out of order are none. */
function readRefusal(error: unknown): { readonly text: string; readonly isRefusal: boolean } {
  if (!(error instanceof Error)) return { text: String(error), isRefusal: false };
  const metadata = '$metadata' in error ? error.$metadata : undefined;
  const status = typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata ? metadata.httpStatusCode : undefined;
  return { text: `${error.name}: ${error.message}`, isRefusal: error instanceof RefusedInBulkError || (typeof status === 'number' && status >= 400 && status < 500) };
}
