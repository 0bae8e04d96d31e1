// Planted bugs in the register: what makes a majority's word one word.
import { firstRowsAgain } from './first-rows-again.ts';
import type { Mutant } from './mutant.ts';
import { calmPlan, forgottenAcceptorPlan, latePreparesPlan, votersPlan } from './plans.ts';

const register = 'operations/register.ts';
const acceptor = 'core/register/acceptor-rows.ts';
const votingSet = 'operations/voting-set.ts';
const sighting = 'core/register/sighting.ts';

const chain = 'the chosen values are a chain';
const fits = 'answers fit what was chosen';

export const registerMutants: readonly Mutant[] = [
  {
    name: 'two invocations share a ballot',
    hole: 'H1',
    foundBy: ['one value a ballot'],
    edits: [{ file: register, from: 'nextBallot(highest, voters.region, voters.chance.id())', to: "nextBallot(highest, voters.region, '0'.repeat(32))" }],
  },
  {
    name: 'a look prepares',
    hole: 'H2',
    plan: calmPlan,
    foundBy: ['a calm day stays calm', 'somebody serves in the end'],
    edits: [
      {
        file: register,
        from: '  const sighting = concludeLook(rows, asked.length);',
        to: '  await prepare(voters, deployedSet(voters), nextBallot(seenBallotOf(concludeLook(rows, asked.length)), voters.region, voters.chance.id()));\n  const sighting = concludeLook(rows, asked.length);',
      },
    ],
  },
  {
    name: 'the first promise is believed, not the newest',
    hole: 'CASPaxos: a proposal builds on the highest ballot accepted',
    foundBy: [chain, 'epochs only rise', fits],
    edits: [{ file: register, from: 'const newest = highestOf(promises.map((p) => p.acceptedBallot));', to: "const newest = promises[0]?.acceptedBallot ?? '';" }],
  },
  {
    name: 'an acceptor accepts what it promised not to',
    hole: 'CASPaxos: a promise holds',
    foundBy: [chain, 'epochs only rise'],
    edits: [{ file: acceptor, from: "      { attribute: 'promised', is: '<=', value: ballot },\n", to: '' }],
  },
  {
    name: 'an acceptor promises to whoever asks',
    hole: 'CASPaxos: promises only rise',
    foundBy: [chain, 'epochs only rise'],
    edits: [{ file: acceptor, from: "      { attribute: 'promised', is: '<', value: ballot },\n", to: '' }],
  },
  {
    name: 'accepting raises no promise',
    hole: 'CASPaxos: to accept is to promise',
    plan: latePreparesPlan,
    foundBy: [chain, 'epochs only rise'],
    edits: [{ file: acceptor, from: 'set: { promised: ballot, acceptedBallot: ballot,', to: 'set: { acceptedBallot: ballot,' }],
  },
  {
    name: 'one acceptance short of a majority',
    hole: 'a majority accepts, or the outcome is unknown',
    foundBy: [chain, fits, 'one region acts'],
    edits: [{ file: register, from: 'return answers.filter((ok) => ok).length >= majorityOf(set.size);', to: 'return answers.filter((ok) => ok).length >= majorityOf(set.size) - 1;' }],
  },
  {
    name: 'the witness is counted twice',
    hole: 'a majority of regions, not of answers',
    foundBy: [chain, 'epochs only rise', fits],
    edits: [
      { file: votingSet, from: 'size: acceptors.length, stores: acceptors,', to: 'size: acceptors.length, stores: [...acceptors, ...acceptors.slice(-1)],' },
      { file: votingSet, from: 'size: configuration.acceptors.length, stores,', to: 'size: configuration.acceptors.length, stores: [...stores, ...stores.slice(-1)],' },
    ],
  },
  {
    name: 'a majority that differs counts as chosen',
    hole: 'one ballot at a majority is chosen, nothing else',
    foundBy: ['only a chosen value closes for good', 'one region acts', 'closed for good stays closed', 'released means closed'],
    edits: [{ file: sighting, from: "return { ...seen, kind: 'newest',", to: "return { ...seen, kind: 'chosen'," }],
  },
  {
    name: 'a failed compare is answered without settling',
    hole: 'C8',
    foundBy: [fits, 'only a chosen value closes for good'],
    edits: [{ file: register, from: 'if (alreadyChosen || (await accept(voters, set, ballot, settled)))', to: 'if (alreadyChosen || ballot !== "")' }],
  },
  {
    name: 'a vote is asked for without saying in which set',
    hole: 'config is in every condition',
    plan: votersPlan,
    foundBy: [chain, 'epochs only rise', fits],
    edits: [
      { file: acceptor, from: "set: { promised: ballot },\n    when: [\n      { attribute: 'config', is: '=', value: configId },", to: 'set: { promised: ballot },\n    when: [' },
      {
        file: acceptor,
        from: "acceptedValue: serializeRegisterValue(value) },\n    when: [\n      { attribute: 'config', is: '=', value: configId },",
        to: 'acceptedValue: serializeRegisterValue(value) },\n    when: [',
      },
      { file: register, from: 'if (row.configuration.id === set.id) return answer.kind', to: 'if (set.size > 0) return answer.kind' },
      {
        file: register,
        from: 'let set = voters.believed === undefined ? deployedSet(voters) : votingSetOf(voters, voters.believed);',
        to: 'let set = { ...deployedSet(voters), stores: voters.acceptors.slice(0, 3), size: 3 };',
      },
    ],
  },
  {
    name: 'a deployment fills an emptied register table',
    hole: 'H3',
    plan: forgottenAcceptorPlan,
    foundBy: [chain, 'epochs only rise'],
    edits: firstRowsAgain('register'),
  },
  {
    name: 'a ballot left behind is never settled',
    hole: 'nobody reads a chosen value again',
    foundBy: ['somebody serves in the end'],
    edits: [{ file: 'operations/tick.ts', from: 'await settle(governor, sighting, lookBefore);', to: '' }],
  },
];
