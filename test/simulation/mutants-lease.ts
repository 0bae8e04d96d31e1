// Planted bugs in the lease: who counts which time from when, and for which renewal.
import type { Mutant } from './mutant.ts';
import { challengerAwayPlan, cutAfterRenewalPlan, frozenRenewalPlan, renewedTwicePlan } from './plans.ts';

const keep = 'operations/keep-lease.ts';
const take = 'operations/take-lease.ts';
const changes = 'core/failover/register-changes.ts';
const one = ['one region acts'];

export const leaseMutants: readonly Mutant[] = [
  {
    name: 'lease counted from the answer',
    hole: 'lease dated when its question leaves',
    foundBy: ['one region acts'],
    plan: frozenRenewalPlan,
    edits: [{ file: keep, from: 'deadlineFrom(governor, clock.nowMs() - elapsedMs)', to: 'deadlineFrom(governor, clock.nowMs())' }],
  },
  {
    name: 'renewal trusts the monotonic clock alone',
    hole: 'H5',
    foundBy: ['one region acts'],
    plan: frozenRenewalPlan,
    edits: [{ file: keep, from: 'Math.max(clock.nowMs() - wallMs, clock.monotonicMs() - monotonicMs)', to: '(clock.monotonicMs() - monotonicMs + 0 * wallMs)' }],
  },
  {
    name: 'a renewal of unknown outcome extends',
    hole: 'unknown extends nothing',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: "if (outcome.kind === 'unknown') return { kind: 'unknown', because: `renewal of unknown outcome extends nothing: ${outcome.because}` } as const;", to: '' }],
  },
  {
    name: 'renewal ignores revocation',
    hole: 'H4',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: 'core/failover/register-changes.ts',
        from: 'if (!current.renewable) return refuse(`epoch ${epoch} was revoked: ${current.because}`);\n  if (current.released) return refuse(`epoch ${epoch} was released`);',
        to: '',
      },
      { file: 'core/lease/keep.ts', from: "if (!value.renewable) return { kind: 'release', epoch: value.epoch, because: value.because };", to: '' },
    ],
  },
  {
    name: 'challenger counts from the question',
    plan: challengerAwayPlan,
    hole: 'a look is dated when its answers are in',
    foundBy: ['one region acts'],
    edits: [
      { file: 'operations/tick.ts', from: 'Math.ceil(governor.clock.nowMs())', to: 'Math.ceil(askedAtMs)' },
      {
        file: 'operations/tick.ts',
        from: 'async function keepLook(governor: Governor, look: Look, sighting: Sighting)',
        to: 'async function keepLook(governor: Governor, look: Look, sighting: Sighting, askedAtMs: number)',
      },
      { file: 'operations/tick.ts', from: 'await keepLook(governor, lookBefore, sighting)', to: 'await keepLook(governor, lookBefore, sighting, askedAtMs)' },
      { file: 'operations/tick.ts', from: 'await keepLook(governor, view.look, sighting)', to: 'await keepLook(governor, view.look, sighting, againAtMs)' },
      { file: 'operations/tick.ts', from: 'const watching = dataAgeMs()', to: 'const askedAtMs = clock.nowMs();\n  const watching = dataAgeMs()' },
      { file: 'operations/tick.ts', from: 'await governor.clock.wait(decision.inMs);\n', to: 'await governor.clock.wait(decision.inMs);\n    const againAtMs = governor.clock.nowMs();\n' },
    ],
  },
  {
    name: 'no challenger clock at all',
    hole: 'D + ε',
    foundBy: ['one region acts'],
    edits: [
      { file: 'operations/take-lease.ts', from: 'value.released ? sighting : await whenDue(governor, input, sighting, stopwatch.challengerNowMs);', to: 'sighting; void whenDue; void stopwatch;' },
    ],
  },
  {
    name: 'renewals of an epoch share one id',
    hole: 'C7',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: 'const renewal = chance.id();', to: "const renewal = String(epoch).padStart(32, '0');\n  chance.id();" }],
  },
  {
    name: 'renewals are numbered instead of named',
    hole: 'C7',
    plan: renewedTwicePlan,
    foundBy: one,
    edits: [{ file: changes, from: 'value: { ...current, renewal } };', to: "value: { ...current, renewal: String((Number(current.renewal) || 0) + 1).padStart(renewal.length, '0') } };" }],
  },
  {
    name: 'the challenger times the epoch, not the renewal',
    hole: 'a clock belongs to (epoch, renewal id)',
    foundBy: one,
    edits: [
      {
        file: 'core/lease/look.ts',
        from: 'look.epoch === value.epoch && look.renewal === value.renewal && look.sinceMs <= answeredAtMs',
        to: 'look.epoch === value.epoch && look.sinceMs <= answeredAtMs',
      },
    ],
  },
  {
    name: 'neither side gives anything for clocks',
    hole: '2ε ≥ 2σ + effect + ρ(2D + ε)',
    plan: cutAfterRenewalPlan,
    foundBy: one,
    edits: [
      { file: keep, from: 'beganAtMs + governor.policy.timing.leaseMs - governor.policy.timing.skewAllowanceMs', to: 'beganAtMs + governor.policy.timing.leaseMs' },
      { file: 'core/policy.ts', from: 'return timing.leaseMs + timing.skewAllowanceMs;', to: 'return timing.leaseMs;' },
    ],
  },
  {
    name: 'renewal ignores revocation, and the take-over what it finds',
    hole: 'H4, and a take-over expects exactly the value whose clock ran out',
    foundBy: one,
    edits: [
      {
        file: changes,
        from: 'if (!current.renewable) return refuse(`epoch ${epoch} was revoked: ${current.because}`);\n  if (current.released) return refuse(`epoch ${epoch} was released`);',
        to: '',
      },
      { file: 'core/lease/keep.ts', from: "if (!value.renewable) return { kind: 'release', epoch: value.epoch, because: value.because };", to: '' },
      { file: changes, from: "if (!isSameValue(current, seen)) return refuse('the register changed meanwhile');\n  if (current.successor !== me)", to: 'if (current.successor !== me)' },
    ],
  },
  {
    name: 'a take-over of unknown outcome opens',
    hole: 'unknown means unknown until one ballot at a majority shows it',
    foundBy: ['who acts was chosen'],
    edits: [
      { file: take, from: "if (outcome.kind !== 'chosen') throw new NoQuorumError(`The lease was not taken for certain: ${outcome.because}. It is looked at again.`);", to: '' },
      { file: 'operations/current-lease.ts', from: "if (sighting.kind === 'chosen') return sighting;\n    throw", to: 'if (input.epoch > 0) return sighting;\n    throw' },
    ],
  },
];
