// The changes of lease and fence row in every order, of any length.
import { describe, expect, test } from 'vitest';
import { plant } from '../simulation/mutant.ts';
import { mutants } from '../simulation/mutants.ts';
import { realProduct } from '../simulation/product.ts';
import { exploreRows } from './row-changes.ts';

describe('lease row and fence row', () => {
  test('keep what they promise under every sequence of changes', { timeout: 120_000 }, () => {
    const explored = exploreRows(realProduct);
    console.log(`rows: ${explored.states} states, ${explored.steps} steps, until nothing new came`);
    expect(explored.wrong).toBeUndefined();
    expect([...explored.carriedOut].toSorted((a, b) => a.localeCompare(b))).toEqual([
      'close fence at the deadline',
      'close fence below',
      'close fence of',
      'close lease for good through',
      'extend fence of',
      'extend lease of',
      'open fence of',
      'open lease of',
      'raise fence to',
      'raise lease to',
    ]);
  });

  test.each([
    ['a renewal extends a row closed for good', 'a deadline of the lease moved back'],
    ['a renewal opens the fence', 'the fence is open in an epoch that OpenGate did not open'],
    ['a returning region closes whatever epoch it finds', 'what was not older was closed for good'],
  ])('planted: %s', { timeout: 120_000 }, async (name, because) => {
    const mutant = mutants.find((m) => m.name === name);
    if (mutant === undefined) throw new Error(`There is no planted bug '${name}' in test/simulation/mutants.ts.`);
    const { product, remove } = await plant(mutant);
    try {
      expect(exploreRows(product).wrong).toContain(because);
    } finally {
      await remove();
    }
  });
});
