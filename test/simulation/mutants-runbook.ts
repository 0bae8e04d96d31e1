// Planted bugs in the failover: attempts, steps, and what goes on when somebody dies in the middle.
import type { Mutant } from './mutant.ts';
import { calmPlan, decidedAndDiedPlan, executionLostPlan, givenUpPlan, halfOpenPlan, sharedDependencyIsBackPlan, sharedDependencyPlan, takenAndDiedPlan } from './plans.ts';

const keep = 'operations/keep-lease.ts';
const take = 'operations/take-lease.ts';
const open = 'operations/open-gate.ts';
const runbook = 'core/failover/runbook.ts';
const changes = 'core/failover/register-changes.ts';
const value = 'core/register/value.ts';
const serves = ['somebody serves in the end'];

export const runbookMutants: readonly Mutant[] = [
  {
    name: 'no attempt ever counts as dead',
    hole: 'C5',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: 'core/failover/decide.ts',
        from: 'if (seenForMs === undefined || seenForMs < limitMs || !isEligible) return nothing',
        to: 'if (seenForMs === undefined || seenForMs < limitMs || isEligible) return nothing',
      },
    ],
  },
  {
    name: 'slots for one minute ahead',
    hole: 'H6',
    plan: calmPlan,
    foundBy: ['a calm day stays calm'],
    edits: [{ file: 'core/clock/slot.ts', from: 'const aheadMs = 130_000;', to: 'const aheadMs = 65_000;' }],
  },
  {
    name: 'only who decided starts the runbook',
    hole: 'H7',
    plan: decidedAndDiedPlan,
    foundBy: serves,
    edits: [{ file: 'operations/tick.ts', from: 'await ensureRunbook(governor, sighting).catch(', to: 'await Promise.resolve().catch(' }],
  },
  {
    name: 'the execution is named by its epoch',
    hole: 'H7 (a second try of an epoch is refused)',
    plan: executionLostPlan,
    foundBy: serves,
    edits: [{ file: runbook, from: 'return `fo-${epoch}-${attempt}`;', to: 'void attempt;\n  return `fo-${epoch}`;' }],
  },
  {
    name: 'OpenGate does not carry its step',
    hole: 'H8',
    foundBy: ['only the current step writes'],
    edits: [{ file: open, from: "const check = stillAt(input, 'OpenGate');", to: "const check = { ...stillAt(input, 'OpenGate'), when: [] };" }],
  },
  {
    name: 'progress without the attempt',
    hole: 'H8',
    plan: givenUpPlan,
    foundBy: [...serves, 'only the current step writes'],
    edits: [{ file: runbook, from: '(input.epoch * attemptsPerEpoch + input.attempt) * stepsPerAttempt', to: '(input.epoch * attemptsPerEpoch) * stepsPerAttempt' }],
  },
  {
    name: 'an equally sick region takes over',
    hole: 'H9',
    plan: sharedDependencyPlan,
    foundBy: ['a calm day stays calm'],
    edits: [
      { file: 'core/failover/decide.ts', from: "if (verdict.readiness.kind === 'failing') return verdict.readiness.because;", to: '' },
      { file: 'core/failover/decide.ts', from: 'isBetterOff(verdict, holder, policy) ? undefined', to: 'holder !== verdict ? undefined' },
    ],
  },
  {
    name: 'a region that is well again first takes over',
    hole: 'H9',
    plan: sharedDependencyIsBackPlan,
    foundBy: ['a calm day stays calm'],
    edits: [{ file: 'core/failover/decide.ts', from: 'isBetterOff(verdict, holder, policy) ? undefined', to: 'holder !== verdict ? undefined' }],
  },
  {
    name: 'an epoch that was taken is reserved again',
    hole: 'P2',
    foundBy: ['epochs only rise'],
    edits: [
      { file: value, from: 'return value.successor === null ? value.epoch : value.epoch + 1;', to: 'return value.successor === null || value.attempt > 1 ? value.epoch : value.epoch + 1;' },
      { file: changes, from: 'current.successor === null ? 1 : current.attempt + 1));', to: 'current.attempt + 1));' },
      { file: changes, from: 'holder: me,\n      epoch: current.epoch + 1,', to: 'holder: me,\n      epoch: reservedEpoch(current),' },
      { file: take, from: 'value.epoch === input.epoch - 1 && value.successor', to: 'value.epoch === input.epoch - (input.attempt > 1 ? 0 : 1) && value.successor' },
    ],
  },
  {
    name: 'a TakeLease that died half-way is never repeated',
    hole: 'R2',
    plan: takenAndDiedPlan,
    foundBy: serves,
    edits: [
      { file: keep, from: 'if (duty.repeatTakeLease) await writeTakenRows(governor, duty.epoch, 0);', to: '' },
      {
        file: take,
        from: "if (sighting.kind === 'chosen') await writeTakenRows(governor, input.epoch, 0);",
        to: "if (sighting.kind === 'chosen' && input.epoch === 1) await writeTakenRows(governor, input.epoch, 0);",
      },
    ],
  },
  {
    name: 'an OpenGate that died half-way is never repeated',
    hole: 'R2',
    plan: halfOpenPlan,
    foundBy: serves,
    edits: [
      { file: open, from: 'isFenceOpen(row) ? [] : [openFence(k, input.epoch, lease.untilAtMs)]', to: 'isFenceOpen(row) && row.epoch === 0 ? [] : [openFence(k, input.epoch, lease.untilAtMs)]' },
    ],
  },
];
