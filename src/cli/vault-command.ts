// `holdfast vault …`: a plain backup tool over a directory or any S3 store. Parses, calls, prints; each command is loaded when it is called.
import { HoldfastError } from '../core/errors.ts';
import { optionsOfVault, vaultCommands, vaultUsage, type VaultCommandName } from './vault-usage.ts';
import { parseVaultArguments, VaultUsageError, type VaultExitStatus, type VaultValues, type VaultWorld } from './vault-world.ts';

export async function runVault(args: readonly string[], world: VaultWorld): Promise<VaultExitStatus> {
  try {
    const { values, positionals } = parseVaultArguments(args);
    const [word, ...paths] = positionals;
    if (values.help === true || word === undefined) {
      world.out(vaultUsage);
      return values.help === true ? 0 : 2;
    }
    const command = vaultCommands.find((c) => c === word);
    if (command === undefined) throw new VaultUsageError(`'vault ${word}' is not a command; it may be ${vaultCommands.join(', ')}`);
    const strange = Object.keys(values).find((name) => !optionsOfVault[command].some((option) => option === name));
    if (strange !== undefined) throw new VaultUsageError(`vault ${command} does not take --${strange}`);
    return await execute(command, values, paths, world);
  } catch (error) {
    const isUsage = error instanceof VaultUsageError;
    const message = isUsage || error instanceof HoldfastError ? error.message : describe(error);
    if (args.includes('--json')) world.out(`${JSON.stringify({ error: { name: error instanceof Error ? error.name : 'Error', message } })}\n`);
    else world.err(`holdfast: ${message}\n${isUsage ? "'holdfast vault --help' shows what can be said.\n" : ''}`);
    return isUsage ? 2 : error instanceof HoldfastError && error.name === 'InterruptedError' ? 130 : 1;
  }
}

async function execute(command: VaultCommandName, values: VaultValues, paths: readonly string[], world: VaultWorld): Promise<VaultExitStatus> {
  if (paths.length > 0 && command !== 'backup' && command !== 'restore') throw new VaultUsageError(`'${paths.join(' ')}' is too much: vault ${command} takes options only`);
  switch (command) {
    case 'init':
      return (await import('./vault-init.ts')).initVault(values, world);
    case 'backup':
      return (await import('./vault-backup.ts')).backupToVault(values, paths, world);
    case 'restore':
      return (await import('./vault-restore.ts')).restoreFromVault(values, paths, world);
    case 'points':
      return (await import('./vault-show.ts')).showPoints(values, world);
    case 'inspect':
      return (await import('./vault-show.ts')).inspectPoint(values, world);
    case 'verify':
      return (await import('./vault-verify.ts')).verifyVault(values, world);
    case 'export':
      return (await import('./vault-keep.ts')).exportVault(values, world);
    case 'import':
      return (await import('./vault-keep.ts')).importIntoVault(values, world);
    case 'audit':
      return (await import('./vault-keep.ts')).auditOfVault(values, world);
    case 'expire':
      return (await import('./vault-expire.ts')).expireVault(values, world);
    case 'scrub':
      return (await import('./vault-keep.ts')).scrubVault(values, world);
    case 'compare':
      return (await import('./vault-compare.ts')).compareVault(values, world);
    case 'rewrap':
      return (await import('./vault-keep.ts')).rewrapVault(values, world);
  }
}

/** Errors of Node say which file; that is enough for a person. */
function describe(error: unknown): string {
  if (error instanceof Error && 'code' in error) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message} (this should not happen; please report it: ${error.stack?.split('\n')[1]?.trim() ?? ''})` : String(error);
}
