// `holdfast vault expire`: what nobody needs any more is given up. It shows what leaves and why, and what stays although its time is over.
import { usualRetentionDays } from '../core/retention/lives.ts';
import { retain, type Retained, type RetentionRow } from '../operations/retention.ts';
import { openVault } from '../vault/vault.ts';
import { openSites } from './vault-open.ts';
import { sizeOf } from './vault-progress.ts';
import { VaultUsageError, type VaultExitStatus, type VaultValues, type VaultWorld } from './vault-world.ts';

export async function expireVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const places = values.vault ?? [];
  const rules = { retentionDays: usualRetentionDays, lockDaysMax: Math.max(...Object.values(usualRetentionDays)), lockMode: lockModeOf(values), isDryRun: values['dry-run'] === true };
  const vault = await openVault(await openSites(places, world.environment, false));
  const done = await retain(vault, rules, world.nowMs(), (row) => {
    if (values.json === true) world.out(`${JSON.stringify(row)}\n`);
    else world.out(`${lineOf(row)}\n`);
  });
  for (const { site, because } of done.silent) world.err(`holdfast: ${site} did not answer: ${because}\n`);
  world.out(values.json === true ? `${JSON.stringify({ ...done, isDryRun: rules.isDryRun })}\n` : `${told(done, rules.isDryRun)}\n`);
  if (values.json !== true && !rules.isDryRun && done.pointsGivenUp + done.packsGivenUp + done.evidenceGivenUp > 0 && places.some((place) => place.startsWith('s3://')))
    world.out('In S3 they carry the tag holdfast-expired=true now, and go by the lifecycle rule for it; a bucket without that rule keeps them.\n');
  return done.silent.length === 0 && done.unread === 0 ? 0 : 1;
}

function lockModeOf(values: VaultValues): 'GOVERNANCE' | 'COMPLIANCE' | null {
  const text = values['lock-mode'];
  if (text === undefined) return null;
  const mode = text.toUpperCase();
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') throw new VaultUsageError(`--lock-mode ${text}: it may be governance or compliance`);
  return mode;
}

function lineOf({ name, what, because, sites, bytes }: RetentionRow): string {
  const where = sites.length === 0 ? '' : ` in ${sites.join(', ')}`;
  return `${what}: ${name}${where}${bytes === 0 ? '' : `, ${sizeOf(bytes)}`}: ${because}`;
}

function told(done: Retained, isDryRun: boolean): string {
  const would = isDryRun ? 'would be ' : '';
  const parts = [`${done.pointsGivenUp} of ${done.points} points and ${done.packsGivenUp} of ${done.packs} packs ${would}given up, ${sizeOf(done.bytesGivenUp)} in each site`];
  if (done.evidenceGivenUp > 0) parts.push(`${done.evidenceGivenUp} pieces of evidence ${would}given up`);
  if (done.extended > 0) parts.push(`${done.extended} locks ${would}made longer`);
  if (done.staying > 0) parts.push(`${done.staying} stay although nobody needs them`);
  if (done.silent.length > 0) parts.push('nothing more is given up while a site is silent, since it may know of a reason to keep it');
  if (done.unread > 0) parts.push(`${done.unread} manifests cannot be read: until they can, or are known to be no points, no pack goes`);
  return `${parts.join('; ')}.`;
}
