// Planted bugs in the register: what makes a majority's word one word.
import { firstRowsAgain } from './first-rows-again.ts';
import type { Mutant } from './mutant.ts';
import { calmPlan, forgottenAcceptorPlan, latePreparesPlan } from './plans.ts';

const register = 'operations/register.ts';
const acceptor = 'core/register/acceptor-rows.ts';
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
        from: '  const sighting = concludeRead(rows, acceptors.length);',
        to: '  await prepare(voters, nextBallot(seenBallotOf(concludeRead(rows, acceptors.length)), voters.region, voters.chance.id()));\n  const sighting = concludeRead(rows, acceptors.length);',
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
    edits: [{ file: register, from: 'return answers.filter((ok) => ok).length >= need;', to: 'return answers.filter((ok) => ok).length >= need - 1;' }],
  },
  {
    name: 'the witness is counted twice',
    hole: 'a majority of regions, not of answers',
    foundBy: [chain, 'epochs only rise', fits],
    edits: [
      { file: 'operations/governor.ts', from: 'region: governor.me, acceptors: governor.voters,', to: 'region: governor.me, acceptors: [...governor.voters, ...governor.voters.slice(-1)],' },
      { file: register, from: 'return Math.floor(voters.acceptors.length / 2) + 1;', to: 'return Math.floor((voters.acceptors.length - 1) / 2) + 1;' },
      { file: sighting, from: 'const majority = Math.floor(voters / 2) + 1;', to: 'const majority = Math.floor((voters - 1) / 2) + 1;' },
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
    edits: [{ file: register, from: 'if (alreadyChosen || (await accept(voters, ballot, current)))', to: 'if (alreadyChosen || ballot !== "")' }],
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
