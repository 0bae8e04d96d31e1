// `holdfast vault export`, `import`, `audit`, `scrub` and `rewrap`: what keeps a vault whole, and takes it to a safe and back.
import { auditVault, type AuditRow } from '../operations/vault-audit.ts';
import { exportPoints, importVault } from '../operations/vault-export.ts';
import { rotateKeys } from '../operations/rotate-keys.ts';
import { scrubStep, type ScrubFinding } from '../operations/scrub.ts';
import { healthOf, shares } from '../core/integrity/shares.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { usualRetentionDays as retentionDays } from '../core/retention/lives.ts';
import { KeyUnavailableError } from '../core/vault/vault-errors.ts';
import type { VaultSite } from '../ports/vault-site.ts';
import { openVault } from '../vault/vault.ts';
import { openSites, readPassphrase } from './vault-open.ts';
import { committedPoints, findPoint } from './vault-point.ts';
import { ProgressLine, sizeOf } from './vault-progress.ts';
import type { VaultExitStatus, VaultValues, VaultWorld } from './vault-world.ts';

export async function exportVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const to = await onePlace(values.to, '--to', true, world);
  const names = values.all === true ? await committedPoints(vault, values.source) : [await findPoint(vault, values.point, values.source)];
  const copied = await withProgress(world, async (onBytes) => exportPoints(vault, names, to, { onBytes }));
  return say(
    values,
    world,
    copied,
    `Exported ${copied.points} points with all that they need: ${copied.objects} objects, ${sizeOf(copied.bytes)}, ${copied.skipped} of them were there. 'vault verify --keyless --vault ${values.to}' proves it without a key.`,
  );
}

export async function importIntoVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const from = await onePlace(values.from, '--from', false, world);
  const sites = await openSites(values.vault ?? [], world.environment, true);
  const copied = await withProgress(world, async (onBytes) => importVault(from, sites, { onBytes }));
  return say(values, world, copied, `Imported ${copied.points} points: ${copied.objects} objects, ${sizeOf(copied.bytes)}, ${copied.skipped} of them were there.`);
}

export async function auditOfVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const show = (row: AuditRow) => {
    if (values.json === true) world.out(`${JSON.stringify(row)}\n`);
    else if (values.all === true || row.findings.length > 0) world.out(`${lineOf(row)}\n`);
  };
  const areLocksWanted = values['lock-mode'] !== undefined;
  const audit = await auditVault(vault, { retentionDays, lockDaysMax: Math.max(...Object.values(retentionDays)), areLocksWanted }, world.nowMs(), show);
  for (const { site, name, because } of audit.absent) if (values.json !== true) world.out(`${site}  ${name}: ${because}\n`);
  for (const { site, because } of audit.silent) world.err(`holdfast: ${site} did not answer: ${because}\n`);
  say(values, world, audit, `${audit.objects} objects, ${sizeOf(audit.bytes)}; ${audit.findings === 0 ? 'each has its reason' : `${audit.findings} findings`}.`);
  return audit.findings === 0 && audit.silent.length === 0 ? 0 : 1;
}

export async function scrubVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const wrap = world.environment['HOLDFAST_VAULT_PASSPHRASE'] === undefined && values['passphrase-file'] === undefined ? null : readPassphrase(values['passphrase-file'], world.environment);
  const keys = wrap === null ? [] : await Promise.all((await vault.keyIds()).map(async (id) => vault.openKey(id, wrap)));
  const line = new ProgressLine(world);
  const total = { objects: 0, bytes: 0 };
  const findings: ScrubFinding[] = [];
  const silent = new Map<string, string>();
  for (let share = 0; share < shares.length; share += 1) {
    const step = await scrubStep(vault, share, { nowMs: world.nowMs, keys });
    total.objects += step.objects;
    total.bytes += step.bytes;
    findings.push(...step.findings);
    for (const { site, because } of step.silent) silent.set(site, because);
    line.show({ done: total.bytes, all: null, more: `share ${share + 1} of ${shares.length}` });
  }
  line.end();
  if (values.json !== true)
    for (const { site, name, what, outcome, from, note } of findings) world.out(`${name} in ${site}: ${what}, ${outcome}${from === null ? '' : ` from ${from}`}${note === '' ? '' : ` (${note})`}\n`);
  for (const [site, because] of silent) world.err(`holdfast: ${site} did not answer: ${because}\n`);
  const standing = findings.filter(({ outcome }) => outcome !== 'repaired').length;
  const health = healthOf(standing);
  say(
    values,
    world,
    { ...total, findings, health },
    `${total.objects} objects, ${sizeOf(total.bytes)} read in all sites; ${findings.length} wrong, ${findings.length - standing} repaired: ${health}.`,
  );
  return standing === 0 && silent.size === 0 ? 0 : 1;
}

/** The next generation of every data key's wrap, under another passphrase; nothing that was encrypted changes. */
export async function rewrapVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const vault = await openVault(await openSites(values.vault ?? [], world.environment, false));
  const wrap = readPassphrase(values['passphrase-file'], world.environment);
  if (values['new-passphrase-file'] === undefined) throw new InvalidConfigError('rewrap needs --new-passphrase-file FILE: the passphrase that the vault will open with');
  const next = readPassphrase(values['new-passphrase-file'], world.environment);
  const { rotated, failed } = await rotateKeys(vault, { wrap, newWrap: next, nowMs: world.nowMs(), olderThanMs: 0, lock: null });
  const [first] = failed;
  if (first !== undefined) throw new KeyUnavailableError(`${failed.length} data keys were not wrapped anew, ${rotated.length} were. ${first.key}: ${first.because}`);
  return say(values, world, rotated, `${rotated.length} data keys open with the new passphrase too. The old one opens them as long as its key files are there: nothing in a vault is removed.`);
}

async function onePlace(place: string | undefined, option: string, isNew: boolean, world: VaultWorld): Promise<VaultSite> {
  if (place === undefined) throw new InvalidConfigError(`Say ${option} DIRECTORY or ${option} s3://bucket/prefix`);
  const [site] = (await openSites([place], world.environment, isNew)).sites;
  if (site === undefined) throw new InvalidConfigError(`${option} ${place} is no place`);
  return site;
}

async function withProgress<T>(world: VaultWorld, act: (onBytes: (bytes: number) => void) => Promise<T>): Promise<T> {
  const line = new ProgressLine(world);
  let done = 0;
  try {
    return await act((bytes) => {
      done += bytes;
      line.show({ done, all: null, more: '' });
    });
  } finally {
    line.end();
  }
}

function say(values: VaultValues, world: VaultWorld, result: object, text: string): 0 {
  world.out(values.json === true ? `${JSON.stringify(result)}\n` : `${text}\n`);
  return 0;
}

function lineOf({ site, name, bytes, because, findings, lockedUntilMs }: AuditRow): string {
  const lock = lockedUntilMs === null ? '' : `, locked until ${new Date(lockedUntilMs).toISOString()}`;
  return `${site}  ${name}  ${sizeOf(bytes)}${lock}  for ${because.length > 3 ? `${because.length} points` : because.join(', ') || 'nothing'}${findings.length === 0 ? '' : `: ${findings.join('; ')}`}`;
}
