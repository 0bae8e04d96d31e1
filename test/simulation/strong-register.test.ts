// The same histories with the register in one strongly consistent table: the governor, the lease and the runbooks above it are the same.
import { expect, test } from 'vitest';
import { expectSound, freshSeed } from './expect-sound.ts';
import { runHistory } from './history.ts';
import { firstSeed, historiesMax, hunt } from './hunt.ts';
import { strongMutants } from './mutants-strong.ts';

const histories = Number(process.env['HOLDFAST_STRONG_HISTORIES'] ?? 100);

test(`${histories} fresh histories over one strongly consistent table break no invariant`, { timeout: 900_000 }, async () => {
  const seed = Number(process.env['HOLDFAST_SEED'] ?? freshSeed());
  console.log(`simulation over one strongly consistent table: seeds ${seed} to ${seed + histories - 1}`);
  const seen = { epochs: 0, writes: 0, conflicts: 0 };
  for (let i = 0; i < histories; i += 1) {
    const result = await expectSound({ seed: seed + i, register: 'strong' });
    seen.epochs += result.epochs;
    seen.writes += result.writesAccepted;
    seen.conflicts += result.writeConflicts;
  }
  console.log(`simulation over one strongly consistent table: ${JSON.stringify(seen)}`);
  expect(seen.epochs).toBeGreaterThan(2 * histories);
  expect(seen.writes).toBeGreaterThan(10 * histories);
  expect(seen.conflicts).toBeGreaterThan(histories / 10);
});

test('one seed is one history', async () => {
  const seed = freshSeed();
  const [one, again] = [await runHistory({ seed, register: 'strong' }), await runHistory({ seed, register: 'strong', isRecording: true })];
  expect(again.trace, `seed ${seed}`).toBe(one.trace);
});

test.each(strongMutants.map((mutant) => ({ name: mutant.name, hole: mutant.hole, mutant })))('planted: $name ($hole)', { timeout: 240_000 }, async ({ name, mutant }) => {
  const found = await hunt(mutant, firstSeed);
  console.log(`planted in the register over one table: '${name}' found after ${found.histories}: ${found.violation?.invariant ?? 'SURVIVED'}`);
  expect(found.violation, `'${name}' survived ${historiesMax} histories from seed ${firstSeed}`).toBeDefined();
});
