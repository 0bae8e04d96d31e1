// Explores the scenarios from the command line.
//   node test/exhaustive/explore.ts [--deep] [--only TEXT] [--states N] [--outcomes]
import { parseArgs } from 'node:util';
import { explore } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: { deep: { type: 'boolean', default: false }, only: { type: 'string', default: '' }, states: { type: 'string' }, outcomes: { type: 'boolean', default: false } },
});

for (const scenario of scenarios.filter((s) => s.name.includes(values.only))) {
  const began = process.cpuUsage();
  const explored = await explore(scenario, { isDeep: values.deep, ...(values.states === undefined ? {} : { statesMax: Number(values.states) }) });
  const used = process.cpuUsage(began);
  const { bounds, found } = explored;
  console.log(
    `${scenario.name}: ${explored.states} states, ${explored.steps} steps, ${explored.isExhausted ? 'exhausted' : found === undefined ? 'stopped' : 'BROKEN'} (${Object.entries(bounds)
      .map(([what, n]) => `${what} ${n}`)
      .join(
        ', ',
      )}), ${explored.nodes} histories of operations, ${explored.runs} runs, ${((used.user + used.system) / 1e6).toFixed(1)} s of CPU${explored.notSeen.length === 0 ? '' : `; NEVER SEEN: ${explored.notSeen.join(' ')}`}`,
  );
  if (values.outcomes) for (const [label, count] of [...explored.outcomes].toSorted(([a], [b]) => (a < b ? -1 : 1))) console.log(`    ${count} × ${label}`);
  if (found !== undefined) console.log(`  ${found.broken.invariant}: ${found.broken.what}\n${found.trace.map((l) => `    ${l}`).join('\n')}`);
}
