// Verifies what opens a vault: the file that says which vault it is, and the wrapped keys, in each site by itself. Finds; repairs nothing.
import { keysPrefix, vaultFileName } from '../core/vault/object-names.ts';
import type { KeyWrap } from '../ports/key-wrap.ts';
import { describe } from './site-set.ts';
import { parseKeyFile, parseVaultFile, type KeyFile, type Vault } from './vault.ts';
import type { Violation } from './verify.ts';

/** @param wrap with it, the newest generation of every key has to open; null: that the sites agree, and that the files are of the format. */
export async function verifyKeys(vault: Vault, wrap: KeyWrap | null): Promise<readonly Violation[]> {
  const violations = await verifyCopies(vault, vaultFileName, (bytes) => (parseVaultFile(bytes) === vault.id ? null : `It says that this is vault ${parseVaultFile(bytes)}, and it is ${vault.id}.`));
  const names: string[] = [];
  for await (const { name } of vault.sites.list(keysPrefix)) names.push(name);
  for (const name of names)
    violations.push(...(await verifyCopies(vault, name, (bytes) => (parseKeyFile(bytes, vault.id, name) === null ? 'It is no key file of this vault and of that name.' : null))));
  if (wrap !== null) for (const newest of newestOf(names)) violations.push(...(await verifyOpens(vault, newest, wrap)));
  return violations;
}

function newestOf(names: readonly string[]): string[] {
  // Names come in order: the last of each key is its newest generation.
  return [...new Map(names.map((name) => [name.split('/')[1] ?? '', name])).values()];
}

/** Each site's copy must be good, and the one that most of them have. */
async function verifyCopies(vault: Vault, name: string, fault: (bytes: Uint8Array) => string | null): Promise<Violation[]> {
  const violations: Violation[] = [];
  const good = new Map<string, string[]>();
  for (const site of vault.sites.sites) {
    try {
      const bytes = await site.get(name);
      const because = bytes === null ? 'It is missing.' : fault(bytes);
      if (bytes === null || because !== null) {
        violations.push({ site: site.name, name, because: because ?? '' });
        continue;
      }
      const text = Buffer.from(bytes).toString('latin1');
      good.set(text, [...(good.get(text) ?? []), site.name]);
    } catch (error) {
      violations.push({ site: site.name, name, because: describe(error) });
    }
  }
  const [most = [], ...others] = [...good.values()].toSorted((a, b) => b.length - a.length);
  const isDisputed = others.some((sites) => sites.length === most.length);
  for (const sites of isDisputed ? [most, ...others] : others) violations.push({ site: sites.join(', '), name, because: 'It is another one than in the other sites.' });
  return violations;
}

/** A wrap of this kind must open, in every site. */
async function verifyOpens(vault: Vault, name: string, wrap: KeyWrap): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const { site, bytes } of await vault.sites.copies(name)) {
    const file = bytes === null ? null : parseKeyFile(bytes, vault.id, name);
    if (file !== null && !(await opens(vault, file, wrap))) violations.push({ site, name, because: `None of its wraps opens with the ${wrap.kind} given.` });
  }
  return violations;
}

async function opens(vault: Vault, file: KeyFile, wrap: KeyWrap): Promise<boolean> {
  for (const each of file.wraps) {
    const bytes = await wrap.unwrap(vault.id, file.key, each).catch(() => null);
    if (bytes !== null) return true;
  }
  return false;
}
