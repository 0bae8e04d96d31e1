// All planted bugs, and what is changed in each.
import type { Mutant } from './mutant.ts';
import { gateMutants } from './mutants-gate.ts';
import { leaseMutants } from './mutants-lease.ts';
import { logMutants } from './mutants-log.ts';
import { reconcileMutants } from './mutants-reconcile.ts';
import { registerMutants } from './mutants-register.ts';
import { rowsMutants } from './mutants-rows.ts';
import { runbookMutants } from './mutants-runbook.ts';

export const mutants: readonly Mutant[] = [...registerMutants, ...leaseMutants, ...rowsMutants, ...runbookMutants, ...gateMutants, ...logMutants, ...reconcileMutants];
