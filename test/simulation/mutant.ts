// A planted bug: the real modules of core, operations and the memory driver, copied with one sentence changed. A simulation is
// believed once it has found each of them. None lives in the product's code.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { plantedSource, type Edit } from '../planted-source.ts';
import type { Plan } from './faults.ts';
import type { Product } from './product.ts';
import type { GateRule, WriteRule } from './service.ts';

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
  /** Where it is a bug of the register in one table. */
  readonly register?: 'strong';
};

/** Modules of the mutant, and how to remove its folder when done with it. */
export async function plant(mutant: Mutant): Promise<{ product: Product; remove: () => Promise<void> }> {
  const { directory, remove } = await plantedSource(mutant.name, mutant.edits);
  try {
    return { product: await load(directory), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function load(folder: string): Promise<Product> {
  const at = (file: string) => pathToFileURL(join(folder, file)).href;
  const product: Product = {
    errors: await import(/* @vite-ignore */ at('core/errors.ts')),
    slot: await import(/* @vite-ignore */ at('core/clock/slot.ts')),
    registerChanges: await import(/* @vite-ignore */ at('core/failover/register-changes.ts')),
    runbook: await import(/* @vite-ignore */ at('core/failover/runbook.ts')),
    leaseRows: await import(/* @vite-ignore */ at('core/lease/lease-rows.ts')),
    registerValue: await import(/* @vite-ignore */ at('core/register/value.ts')),
    firstRows: await import(/* @vite-ignore */ at('core/rows/first-rows.ts')),
    rows: await import(/* @vite-ignore */ at('drivers/memory/memory-row-store.ts')),
    abandonAttempt: await import(/* @vite-ignore */ at('operations/abandon-attempt.ts')),
    changeVoters: await import(/* @vite-ignore */ at('operations/change-voters.ts')),
    compareBegun: await import(/* @vite-ignore */ at('operations/compare-begun.ts')),
    currentLease: await import(/* @vite-ignore */ at('operations/current-lease.ts')),
    openGate: await import(/* @vite-ignore */ at('operations/open-gate.ts')),
    register: await import(/* @vite-ignore */ at('operations/register.ts')),
    strongRegister: await import(/* @vite-ignore */ at('operations/strong-register.ts')),
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
    divergenceList: await import(/* @vite-ignore */ at('operations/divergence-list.ts')),
    liveTable: await import(/* @vite-ignore */ at('drivers/memory/memory-live-table.ts')),
    resolveDivergence: await import(/* @vite-ignore */ at('operations/resolve-divergence.ts')),
    signOff: await import(/* @vite-ignore */ at('operations/sign-off.ts')),
  };
  return product;
}
