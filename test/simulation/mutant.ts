// A planted bug: the real modules of core, operations and the memory driver, copied with one sentence changed. A simulation is
// believed once it has found each of them. None lives in the product's code.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plan } from './faults.ts';
import type { Product } from './product.ts';
import type { GateRule, WriteRule } from './service.ts';

export type Edit = { readonly file: string; readonly from: string; readonly to: string };

export type Mutant = {
  readonly name: string;
  /** The hole of DESIGN, or the rule, that the sentence keeps closed. */
  readonly hole: string;
  readonly edits: readonly Edit[];
  /** The invariants that may find it; what else breaks on the way is not it. */
  readonly foundBy: readonly string[];
  readonly gate?: GateRule;
  readonly write?: WriteRule;
  /** The faults that it takes, where drawn ones meet them too rarely: the seeds then vary all the rest. */
  readonly plan?: Plan;
};

const repository = join(import.meta.dirname, '..', '..');

/** Modules of the mutant, and the folder to remove when done with it. */
export async function plant(mutant: Mutant): Promise<{ product: Product; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    // Without core's tsconfig: it extends one that is not copied.
    await cp(join(repository, 'src'), folder, { recursive: true, filter: (path) => !path.endsWith('tsconfig.json') });
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const edit of mutant.edits) await apply(folder, mutant.name, edit);
    return { product: await load(folder), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A sentence that is not there exactly once would plant nothing, or something else: then the mutant must be written anew. */
async function apply(folder: string, name: string, edit: Edit): Promise<void> {
  const path = join(folder, edit.file);
  const text = await readFile(path, 'utf8');
  const parts = text.split(edit.from);
  if (parts.length !== 2) throw new Error(`Mutant '${name}': src/${edit.file} has ${parts.length - 1} times '${edit.from}', it must be once. Change the mutant along with the source.`);
  await writeFile(path, parts.join(edit.to));
}

async function load(folder: string): Promise<Product> {
  const at = (file: string) => pathToFileURL(join(folder, file)).href;
  const product: Product = {
    slot: await import(/* @vite-ignore */ at('core/clock/slot.ts')),
    registerChanges: await import(/* @vite-ignore */ at('core/failover/register-changes.ts')),
    runbook: await import(/* @vite-ignore */ at('core/failover/runbook.ts')),
    leaseRows: await import(/* @vite-ignore */ at('core/lease/lease-rows.ts')),
    registerValue: await import(/* @vite-ignore */ at('core/register/value.ts')),
    firstRows: await import(/* @vite-ignore */ at('core/rows/first-rows.ts')),
    rows: await import(/* @vite-ignore */ at('drivers/memory/memory-row-store.ts')),
    abandonAttempt: await import(/* @vite-ignore */ at('operations/abandon-attempt.ts')),
    changeVoters: await import(/* @vite-ignore */ at('operations/change-voters.ts')),
    currentLease: await import(/* @vite-ignore */ at('operations/current-lease.ts')),
    openGate: await import(/* @vite-ignore */ at('operations/open-gate.ts')),
    register: await import(/* @vite-ignore */ at('operations/register.ts')),
    report: await import(/* @vite-ignore */ at('operations/report.ts')),
    takeLease: await import(/* @vite-ignore */ at('operations/take-lease.ts')),
    tick: await import(/* @vite-ignore */ at('operations/tick.ts')),
    validateService: await import(/* @vite-ignore */ at('operations/validate-service.ts')),
    changeRecord: await import(/* @vite-ignore */ at('core/log/change-record.ts')),
    dataStore: await import(/* @vite-ignore */ at('drivers/memory/memory-data-store.ts')),
    divergenceStore: await import(/* @vite-ignore */ at('drivers/memory/memory-divergence-store.ts')),
    logStore: await import(/* @vite-ignore */ at('drivers/memory/memory-log-store.ts')),
    applyLog: await import(/* @vite-ignore */ at('operations/apply-log.ts')),
    shipLog: await import(/* @vite-ignore */ at('operations/ship-log.ts')),
    synchronise: await import(/* @vite-ignore */ at('operations/synchronise.ts')),
  };
  return product;
}
