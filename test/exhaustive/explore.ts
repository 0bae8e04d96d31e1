// Explores the scenarios from the command line.
//   node test/exhaustive/explore.ts [--deep] [--only TEXT] [--states N] [--outcomes]   the scenarios
//   node test/exhaustive/explore.ts --planted [--only TEXT]                            the planted bugs, as a table
import { parseArgs } from 'node:util';
import { explorePlanted, planted } from './planted.ts';
import { explore } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    deep: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    states: { type: 'string' },
    outcomes: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
  },
});

async function plantAll(): Promise<void> {
  console.log('| planted bug | scenario | found by the invariant | states | steps of the shortest way |\n| --- | --- | --- | --- | --- |');
  for (const bug of planted.filter((p) => p.bug.includes(values.only))) {
    const { found, states } = await explorePlanted(bug);
    const isFound = found !== undefined && bug.invariants.includes(found.broken.invariant);
    console.log(`| ${bug.bug} | ${bug.scenario} | ${isFound ? found.broken.invariant : 'SURVIVED'} | ${states} | ${found?.trace.length ?? ''} |`);
    if (!isFound) process.exitCode = 1;
  }
}

async function exploreAll(): Promise<void> {
  for (const scenario of scenarios.filter((s) => s.name.includes(values.only))) {
    const began = process.cpuUsage();
    const explored = await explore(scenario, { isDeep: values.deep, ...(values.states === undefined ? {} : { statesMax: Number(values.states) }) });
    const used = process.cpuUsage(began);
    const { bounds, found, states, steps, nodes, runs, notSeen } = explored;
    const ended = explored.isExhausted ? 'exhausted' : found === undefined ? `stopped at ${states} states` : 'BROKEN';
    const within = Object.entries(bounds).map(([what, n]) => `${what} ${n}`);
    console.log(
      `${scenario.name}: ${ended} (${within.join(', ')}): ${states} states, ${steps} steps, ${nodes} histories of operations, ${runs} runs, ${((used.user + used.system) / 1e6).toFixed(1)} s of CPU`,
    );
    if (notSeen.length > 0) console.log(`  NEVER SEEN: ${notSeen.join(' ')}`);
    if (values.outcomes) for (const [label, count] of [...explored.outcomes].toSorted(([a], [b]) => (a < b ? -1 : 1))) console.log(`    ${count} × ${label}`);
    if (found !== undefined) console.log(`  ${found.broken.invariant}: ${found.broken.what}\n${found.trace.map((l) => `    ${l}`).join('\n')}`);
    if (found !== undefined || (explored.isExhausted && notSeen.length > 0)) process.exitCode = 1;
  }
}

if (values.planted) await plantAll();
else await exploreAll();
