// Hunts every planted bug from one common seed, and writes what was found into docs/mutants.md.
//   node test/simulation/mutants-table.ts [--only TEXT] [--write]
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { firstSeed, hunt, type Hunt } from './hunt.ts';
import { aloneHistories, pageOf, pagePath, rowOf, type Alone } from './mutants-page.ts';
import { mutants } from './mutants.ts';
import { countBroken, redundant } from './redundant.ts';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, write: { type: 'boolean', default: false } } });

async function main(): Promise<number> {
  if (values.write && values.only !== '') throw new RangeError('--write needs all of them: the page lists every planted bug. Leave --only out.');
  const hunts: Hunt[] = [];
  for (const mutant of mutants.filter((m) => m.name.includes(values.only))) {
    const found = await hunt(mutant, firstSeed);
    hunts.push(found);
    console.log(rowOf(found));
  }
  const alone: Alone[] = [];
  for (const sentence of redundant.filter((r) => r.name.includes(values.only))) {
    const broken = await countBroken(sentence, firstSeed, aloneHistories);
    alone.push({ ...sentence, broken });
    console.log(`alone: ${sentence.name}: ${broken} of ${aloneHistories} broken`);
  }
  if (values.write) await writeFile(pagePath, pageOf(hunts, alone, new Date().toISOString().slice(0, 10)));
  const survivors = hunts.filter((h) => h.seed === undefined);
  console.log(`${hunts.length - survivors.length} of ${hunts.length} found`);
  return survivors.length === 0 && alone.every((a) => a.broken === 0) ? 0 : 1;
}

process.exitCode = await main();
