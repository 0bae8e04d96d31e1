// How properties are run here: always by a seed that is known, so that a failure can be played again. fast-check prints the
// seed and the path of a failure; HOLDFAST_SEED=<number> plays another one, HOLDFAST_RUNS=<number> a longer run.
import fc from 'fast-check';

const seed = Number(process.env['HOLDFAST_SEED'] ?? 20261127);
const runs = Number(process.env['HOLDFAST_RUNS'] ?? 300);

export function always<Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>, numRuns = runs): void {
  fc.assert(property, { seed, numRuns });
}

export async function alwaysAsync<Ts extends [unknown, ...unknown[]]>(property: fc.IAsyncProperty<Ts>, numRuns = runs): Promise<void> {
  await fc.assert(property, { seed, numRuns });
}

/** Numbers at a limit: one less, the limit, one more, and anything down to 0. Plain generators miss the edge. */
export function around(...limits: readonly number[]): fc.Arbitrary<number> {
  const edges = limits.flatMap((limit) => [limit - 1, limit, limit + 1]).filter((n) => n >= 0);
  const furthest = Math.min(2 * Math.max(...limits, 1), Math.max(...edges));
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...edges) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: furthest }) });
}
