// docs/mutants.md: written by mutants-table.ts, read by mutants.test.ts, which begins each hunt at the seed that it names.
import { join } from 'node:path';
import type { Hunt } from './hunt.ts';
import { firstSeed, historiesMax } from './hunt.ts';
import type { Mutant } from './mutant.ts';

export const pagePath = join(import.meta.dirname, '..', '..', 'docs', 'mutants.md');
export const command = 'node test/simulation/mutants-table.ts --write';

type Listed = { readonly name: string; readonly seed: number };

const titles = ['planted bug', 'hole or rule', 'where', 'found by the invariant', 'faults', 'histories', 'seed'];

export function rowOf(hunt: Hunt): string {
  const { mutant, violation, histories, seed } = hunt;
  const cells = [mutant.name, mutant.hole, whereOf(mutant), violation?.invariant ?? '**survived**', mutant.plan === undefined ? 'drawn' : 'made for it', String(histories), String(seed ?? '')];
  return `| ${cells.join(' | ')} |`;
}

function whereOf(mutant: Mutant): string {
  const files = [...new Set(mutant.edits.map((edit) => `\`${edit.file}\``))];
  return files.length > 0 ? files.join(', ') : mutant.gate === undefined ? 'the rule of a write' : 'the rule of the gate';
}

/** How many of the histories broke, by the redundant sentence left out. */
export type Alone = { readonly name: string; readonly because: string; readonly broken: number };
export const aloneHistories = 200;

export function pageOf(hunts: readonly Hunt[], alone: readonly Alone[], date: string): string {
  const most = hunts.reduce((a, b) => (b.histories > a.histories ? b : a));
  const found = hunts.filter((h) => h.seed !== undefined).length;
  return `# Planted bugs

Each line is the real code with one sentence changed (in a copy, by \`test/simulation/mutants-*.ts\`; none is in the product), and the first simulated history that finds it. A simulation is believed for what it finds: \`npm test\` plants every one again and begins at the seed named here, and a bug that survives ${historiesMax} histories fails it.

${found} of ${hunts.length} found, on ${date}, by \`${command}\`: histories counted from seed ${firstSeed}, at most ${historiesMax}; the hardest was '${most.mutant.name}' with ${most.histories}. A history counts only if it breaks the invariant named for the bug and the sound code survives the same seed. Faults are *drawn* from the seed, or *made for it* where drawn ones meet the hole too rarely (\`test/simulation/plans.ts\`): the seed then varies all the rest.

| ${titles.join(' | ')} |
| ${titles.map(() => '---').join(' | ')} |
${hunts.map(rowOf).join('\n')}

Bugs in the change of voters are planted apart, under schedules of their own and scenarios played by hand: \`test/simulation/voters.test.ts\`. Which of these bugs an exhaustive look at one moment finds is in [exhaustive.md](exhaustive.md).

## Two lines of defence
Left out alone, these break nothing here (histories broken of ${aloneHistories} from seed ${firstSeed}): another sentence closes the same hole. Together they are found above.
${alone.map((a) => `- *${a.name}* (${a.broken} of ${aloneHistories}): ${a.because}.`).join('\n')}

## What is not here
- H11's log that is shipped to its end while a release waits: the bugs of the planned switch-over are planted apart, in \`test/simulation/mutants-switch.ts\`, and each must be found by \`test/simulation/switch-over.test.ts\`. The write that lands after a release is here.
- H3's custom resource that writes first rows runs outside the simulation; the bug is planted as a table that fills itself again (\`first-rows-again.ts\`).
- The gate and the service's writes read the system's clock; the simulation plays them by rules of its own, and the bug is in the rule.
`;
}

export function listedIn(page: string): Listed[] {
  const lines = page.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(2).map((line) => {
    const cells = line.split('|').map((cell) => cell.trim());
    return { name: cells[1] ?? '', seed: Number(cells[titles.length]) };
  });
}
