// Looks for the first history that finds a planted bug.
import type { Violation } from './world.ts';
import { runHistory } from './history.ts';
import { plant, type Mutant } from './mutant.ts';

/** `histories` until it was found; seed and violation are undefined where it survived them all. */
export type Hunt = { readonly mutant: Mutant; readonly seed: number | undefined; readonly violation: Violation | undefined; readonly histories: number };

/** Where the count of the page begins, and the most that a mutant may take. */
export const firstSeed = 9000;
export const historiesMax = 400;

export async function hunt(mutant: Mutant, fromSeed: number): Promise<Hunt> {
  const { product, remove } = await plant(mutant);
  const { plan, gate, write, register } = mutant;
  const planned = { ...(plan === undefined ? {} : { plan }), ...(register === undefined ? {} : { register }) };
  try {
    for (let i = 0; i < historiesMax; i += 1) {
      const seed = fromSeed + i;
      const result = await runHistory({ seed, product, ...planned, ...(gate === undefined ? {} : { gate }), ...(write === undefined ? {} : { write }) });
      if (result.violation === undefined || result.label === 'beyond the bound' || !mutant.foundBy.includes(result.violation.invariant)) continue;
      // Only what the sound code survives was found because of the planted bug.
      if ((await runHistory({ seed, ...planned })).violation === undefined) return { mutant, seed, violation: result.violation, histories: i + 1 };
    }
    return { mutant, seed: undefined, violation: undefined, histories: historiesMax };
  } finally {
    await remove();
  }
}
