// Looks for the first history that finds a planted bug.
import type { Violation } from './world.ts';
import { runHistory } from './history.ts';
import { plant, type Mutant } from './mutants.ts';

export type Hunt = { readonly mutant: Mutant; readonly seed: number | undefined; readonly violation: Violation | undefined; readonly histories: number };

export async function hunt(mutant: Mutant, fromSeed: number, historiesMax: number): Promise<Hunt> {
  const { product, remove } = await plant(mutant);
  try {
    for (let i = 0; i < historiesMax; i += 1) {
      const seed = fromSeed + i;
      const planned = mutant.plan === undefined ? {} : { plan: mutant.plan };
      const result = await runHistory({ seed, product, ...planned, ...(mutant.gate === undefined ? {} : { gate: mutant.gate }) });
      if (result.violation === undefined || !mutant.foundBy.includes(result.violation.invariant)) continue;
      // Only what the sound code survives was found because of the planted bug.
      if ((await runHistory({ seed, ...planned })).violation === undefined) return { mutant, seed, violation: result.violation, histories: i + 1 };
    }
    return { mutant, seed: undefined, violation: undefined, histories: historiesMax };
  } finally {
    await remove();
  }
}

export function tableOf(hunts: readonly Hunt[]): string {
  const rows = hunts.map((h) => [h.mutant.name, h.mutant.hole, h.violation?.invariant ?? 'SURVIVED', String(h.histories), h.seed === undefined ? '' : String(h.seed)]);
  const all = [['planted bug', 'hole', 'found by the invariant', 'histories', 'seed'], ...rows];
  const widths = [0, 1, 2, 3, 4].map((c) => Math.max(...all.map((r) => r[c]?.length ?? 0)));
  return all.map((r) => `| ${r.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join(' | ')} |`).join('\n');
}
