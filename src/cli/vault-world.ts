// What the commands of `holdfast vault` are given: the world, and what a person said.
import { vaultOptions } from './vault-usage.ts';

export type VaultWorld = {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  readonly nowMs: () => number;
  /** Aborted by the first Ctrl-C. */
  readonly stop: AbortSignal;
};

/** 3: done but for what the warnings name. */
export type VaultExitStatus = 0 | 1 | 2 | 3 | 130;

export class VaultUsageError extends Error {
  override readonly name = 'VaultUsageError';
}

export type VaultValues = ReturnType<typeof parseVaultArguments>['values'];

export function parseVaultArguments(args: readonly string[]) {
  try {
    // An import would load all that node:util can give, which takes longer than parsing.
    return process.getBuiltinModule('node:util').parseArgs({ args: [...args], options: vaultOptions, allowPositionals: true, strict: true });
  } catch (error) {
    throw new VaultUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** A number of an option within its limits. */
export function numberOf(values: VaultValues, name: 'level' | 'pack-mib' | 'checkpoint-mib' | 'workers' | 'lock-days', usual: number, least: number, most: number): number {
  const text = values[name];
  if (text === undefined) return usual;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least || number > most) throw new VaultUsageError(`--${name} ${text}: it may be a whole number from ${least} to ${most}`);
  return number;
}
