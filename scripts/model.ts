// Checks the model in spec/ with SPIN: each configuration is generated, compiled and searched in a temporary folder, and what
// is found is held against what must be found. Sound ones must hold, planted bugs and reachability questions must be broken.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { configurations, type Configuration } from './model-configurations.ts';
import { missingTools, search, type Found } from './model-search.ts';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, deep: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
});

function chosen(): Configuration[] {
  const { only } = options;
  const asked = configurations.filter((c) => c.name === only || ((options.deep || !c.isDeep) && (only === undefined || c.group === only)));
  if (asked.length > 0) return asked;
  process.stderr.write(`No configuration or group is named '${only}'. There are: ${configurations.map((c) => c.name).join(', ')}.\n`);
  process.exit(2);
}

type Row = { readonly configuration: Configuration; readonly found: Found; readonly isAsExpected: boolean };

function judge(configuration: Configuration, found: Found): boolean {
  if (found.kind !== 'searched') return false;
  return configuration.expect === 'holds' ? found.errors === 0 && (found.isExhausted || configuration.mayBeCapped) : found.errors > 0;
}

const header = ['configuration', 'expected', 'found', 'states', 'depth', 'errors', 'seconds', 'as expected'];
const widths = [34, 8, 10, 12, 8, 6, 8, 11];
const line = (cells: readonly string[]) => `${cells.map((cell, i) => (i === 0 || i === 1 || i === 2 || i === 7 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}\n`;

function cells({ configuration, found, isAsExpected }: Row): string[] {
  const verdict = isAsExpected ? 'yes' : 'NO';
  if (found.kind === 'failed') return [configuration.name, configuration.expect, 'failed', '-', '-', '-', '-', verdict];
  const what = found.errors > 0 ? 'broken' : found.isExhausted ? 'exhausted' : 'capped';
  return [configuration.name, configuration.expect, what, found.states.toLocaleString('en-US'), String(found.depth), String(found.errors), found.seconds.toFixed(1), verdict];
}

async function main(): Promise<number> {
  if (options.list) {
    for (const c of configurations) process.stdout.write(`${c.name.padEnd(36)}${c.file} ${c.defines.map((d) => `-D${d}`).join(' ')}  ${c.because}\n`);
    return 0;
  }
  const missing = missingTools();
  if (missing.length > 0) {
    process.stderr.write(`The model was not checked: ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing. On Debian or Ubuntu: apt-get install spin gcc\n`);
    return 2;
  }
  const waiting = chosen();
  const rows: Row[] = [];
  process.stdout.write(line(header));
  const worker = async () => {
    for (let configuration = waiting.shift(); configuration !== undefined; configuration = waiting.shift()) {
      const found = await search(configuration);
      const row = { configuration, found, isAsExpected: judge(configuration, found) };
      rows.push(row);
      process.stdout.write(line(cells(row)));
      if (found.kind === 'failed') process.stdout.write(`  ${found.because}\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return conclude(rows);
}

function conclude(rows: readonly Row[]): number {
  const wrong = rows.filter((r) => !r.isAsExpected);
  const sound = rows.flatMap((r) => (r.configuration.expect === 'holds' && r.found.kind === 'searched' ? [r.found] : []));
  const states = sound.reduce((sum, found) => sum + found.states, 0);
  const broken = rows.filter((r) => r.configuration.expect === 'broken');
  const count = (group: string) => broken.filter((r) => r.configuration.group === group && r.isAsExpected).length;
  process.stdout.write(
    `\n${sound.length} sound configurations, ${states.toLocaleString('en-US')} distinct states (${sound.filter((f) => f.isExhausted).length} exhausted), ${sound.filter((f) => f.errors > 0).length} with a violation. ` +
      `Planted bugs found: ${count('planted')} of ${broken.filter((r) => r.configuration.group === 'planted').length}. ` +
      `Reached: ${count('reached')} of ${broken.filter((r) => r.configuration.group === 'reached').length}.\n`,
  );
  if (wrong.length > 0) process.stdout.write(`Not as expected: ${wrong.map((r) => r.configuration.name).join(', ')}. 'npm run model -- --only NAME' runs one alone.\n`);
  return wrong.length === 0 ? 0 : 1;
}

process.exit(await main());
