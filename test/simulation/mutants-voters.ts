// Planted bugs in the change of voters; voter-schedules.ts must find each.
import { plant, type Mutant } from './mutant.ts';
import { playedByHand } from './voter-scenarios.ts';
import { runSchedule } from './voter-schedules.ts';

const register = 'operations/register.ts';
const rows = 'core/register/acceptor-rows.ts';
const change = 'core/register/voter-change.ts';
const sets = 'core/register/configuration.ts';
const rules = 'core/register/voter-rules.ts';
const moving = 'operations/voting-set.ts';
const asking = 'operations/change-voters.ts';

const foundBy = ['the chosen values are a chain', 'answers fit what was chosen', 'one value a ballot', 'epochs only rise', 'one region acts'] as const;

type VoterMutant = Mutant & {
  /** Where to begin, for those that few schedules find: spares `npm test` a minute. */
  readonly fromSeed?: number;
};

export const voterMutants: readonly VoterMutant[] = [
  {
    name: 'config not in the condition of an accept',
    hole: 'config is in every condition',
    foundBy,
    edits: [
      {
        file: rows,
        from: "{ attribute: 'config', is: '=', value: configId },\n      { attribute: 'promised', is: '<=', value: ballot },",
        to: "{ attribute: 'promised', is: '<=', value: ballot },",
      },
    ],
  },
  {
    name: 'config in no condition, and nobody looks at it',
    hole: 'config is in every condition',
    foundBy,
    edits: [
      {
        file: rows,
        from: "{ attribute: 'config', is: '=', value: configId },\n      { attribute: 'promised', is: '<=', value: ballot },",
        to: "{ attribute: 'promised', is: '<=', value: ballot },",
      },
      {
        file: rows,
        from: "{ attribute: 'config', is: '=', value: configId },\n      { attribute: 'promised', is: '<', value: ballot },",
        to: "{ attribute: 'promised', is: '<', value: ballot },",
      },
      { file: register, from: 'if (row.configuration.id === set.id) return answer.kind', to: "if (row.configuration.id !== '') return answer.kind" },
    ],
  },
  {
    name: 'the next change before the last is in force',
    hole: 'one change at a time',
    foundBy,
    edits: [{ file: change, from: 'const isNew = next !== undefined && next.id !== current.nextConfig?.id;', to: 'const isNew = next !== undefined && next.id === null;' }],
  },
  {
    name: 'a table replaced in one step',
    hole: 'neighbours differ by one acceptor',
    foundBy,
    fromSeed: 85,
    edits: [
      { file: asking, from: 'if (standing !== undefined) await step(ports, asked.region, undefined, true);', to: '' },
      { file: sets, from: '[...from.acceptors, change.acceptor]', to: '[...from.acceptors.filter((a) => a.region !== change.acceptor.region), change.acceptor]' },
      { file: sets, from: 'return only(a, b) + only(b, a) === 1;', to: 'return only(a, b) + only(b, a) >= 1;' },
      { file: rules, from: "if (change.kind === 'add' && regions.includes(region))", to: "if (change.kind === 'remove' && !regions.includes(region))" },
    ],
  },
  {
    name: 'rows move before their set is chosen',
    hole: 'a row moves only to a set that was chosen',
    foundBy,
    edits: [
      {
        file: register,
        from: 'const isChosen = await accept(voters, set, ballot, proposal.value);',
        to: 'await moveOn(voters, under, answers, ballot, proposal.value);\n    const isChosen = await accept(voters, set, ballot, proposal.value);',
      },
    ],
  },
  {
    name: 'an emptied row is let in again',
    hole: 'H3',
    foundBy,
    edits: [
      { file: moving, from: 'return row.joining === acceptor.joined;', to: 'return row.joining !== acceptor.table;' },
      { file: moving, from: 'a.region === row.region && a.joined === row.joining', to: 'a.region === row.region' },
    ],
  },
  {
    name: 'the old row of a region moves along for its new one',
    hole: 'H3',
    foundBy,
    edits: [{ file: sets, from: 'a.region === row.region && a.joined === row.joined', to: 'a.region === row.region' }],
  },
  {
    name: 'a row that moves forgets its promise',
    hole: 'H3',
    foundBy,
    fromSeed: 530,
    edits: [
      {
        file: rows,
        from: 'set: { config: to.id, voters: JSON.stringify(to) }, when',
        to: "set: { config: to.id, voters: JSON.stringify(to), promised: '0'.repeat(16) + '.genesis.' + '0'.repeat(32) }, when",
      },
    ],
  },
  {
    name: 'a new set of voters is in force before a majority of it has answered',
    hole: 'the next set begins where a majority of it stands',
    foundBy,
    edits: [
      { file: moving, from: '  if (able.length < need) return;\n', to: '' },
      { file: moving, from: '  if (ready.filter((s) => s !== undefined).length < need) return;\n', to: '  void need;\n' },
    ],
  },
  {
    name: 'a new set of voters is in force although its new one was not seeded',
    hole: 'the next set begins where a majority of it stands',
    foundBy,
    edits: [{ file: moving, from: '  if (ready.filter((s) => s !== undefined).length < need) return;\n', to: '' }],
  },
  {
    name: 'an admitted acceptor stays empty until something is chosen',
    hole: 'whoever is needed for a majority is brought in',
    foundBy,
    edits: [{ file: register, from: 'newer === undefined && (await seedMissing(voters, set, promises, answers))', to: 'false' }],
  },
  {
    name: 'an empty acceptor is given what nobody proposed',
    hole: 'one value a ballot',
    foundBy,
    edits: [{ file: register, from: 'waiting, newest.acceptedBallot, newest.value)', to: "waiting, newest.acceptedBallot, { ...newest.value, auditHead: '' })" }],
  },
  {
    name: 'five voters, and two are a majority',
    hole: 'floor(n / 2) + 1',
    foundBy,
    edits: [{ file: moving, from: 'size: configuration.acceptors.length', to: 'size: Math.min(3, configuration.acceptors.length)' }],
  },
];

/** How many schedules it takes until one shows the planted bug, and what it shows; 0: it was played by hand. */
export async function huntBySchedules(mutant: VoterMutant, schedulesMax: number): Promise<{ readonly schedules: number; readonly violation: string | undefined }> {
  const { product, remove } = await plant(mutant);
  const { fromSeed = 1 } = mutant;
  try {
    for (const play of playedByHand) {
      const played = await play(product);
      if (played !== undefined) return { schedules: 0, violation: played };
    }
    for (let i = 0; i < schedulesMax; i += 1) {
      const { violation } = await runSchedule(product, fromSeed + i);
      if (violation !== undefined) return { schedules: i + 1, violation: `seed ${fromSeed + i}: ${violation}` };
    }
    return { schedules: schedulesMax, violation: undefined };
  } finally {
    await remove();
  }
}
