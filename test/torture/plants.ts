// Planted bugs of the register: the product's own source, copied with one sentence changed. Torture is believed once it has
// found each of them.
import { plantedSource, productSource, type Edit, type Source } from '../planted-source.ts';

export type Plant = { readonly hole: string; readonly edits: readonly Edit[] };

const register = 'operations/register.ts';

export const plants: Readonly<Record<string, Plant>> = {
  'shared-ballot': {
    hole: 'H1: two invocations under one ballot',
    edits: [{ file: register, from: 'nextBallot(highest, voters.region, voters.chance.id())', to: "nextBallot(highest, voters.region, '0'.repeat(32))" }],
  },
  'unsettled-refusal': {
    hole: 'C8: a failed compare is answered against a value that may never be chosen',
    edits: [{ file: register, from: 'if (alreadyChosen || (await accept(voters, set, ballot, settled)))', to: "if (alreadyChosen || ballot !== '')" }],
  },
  'majority-of-one': {
    hole: 'one acceptor suffices',
    edits: [{ file: 'core/register/configuration.ts', from: 'return Math.floor(voters / 2) + 1;', to: 'return Math.min(voters, 1);' }],
  },
  'oldest-value-wins': {
    hole: 'prepare goes on from any value that was promised, not from the newest',
    edits: [{ file: register, from: 'const newest = highestOf(promises.map((p) => p.acceptedBallot));', to: "const newest = promises[0]?.acceptedBallot ?? '';" }],
  },
  'promise-ignored': {
    hole: 'accept does not mind a higher promise',
    edits: [
      {
        file: 'core/register/acceptor-rows.ts',
        from: "{ attribute: 'config', is: '=', value: configId },\n      { attribute: 'promised', is: '<=', value: ballot },",
        to: "{ attribute: 'config', is: '=', value: configId },",
      },
    ],
  },
};

/** The source to run: the product's, or a copy with the bug in it. */
export async function sourceOf(name: string | undefined): Promise<Source> {
  if (name === undefined) return { directory: productSource, remove: () => Promise.resolve() };
  const plant = plants[name];
  if (plant === undefined) throw new Error(`There is no planted bug '${name}'; there are ${Object.keys(plants).join(', ')}.`);
  return plantedSource(name, plant.edits);
}
