// The scenarios: few invocations each, chosen so that every hole of the design lies within their bounds.
import { changes, failsOver, maker, replaces, runs, ticks } from './actors.ts';
import type { Actor } from './process-tree.ts';
import type { Scenario, Stage } from './scenario.ts';

const [east, west, north] = [0, 1, 2];
const all = Number.POSITIVE_INFINITY;
export const tight = { switches: 1, overtakings: 0, timeouts: 0, freezes: 0, strays: 0 };
const wide = { switches: 2, overtakings: 1, timeouts: 1, freezes: 1, strays: 1 };

/** East holds epoch 1 and serves; west has begun to time its renewal. */
const eastServes: readonly Stage[] = [
  changes('resume', north, (product, current) => product.registerChanges.resume(current)),
  runs('TakeLease', 'first TakeLease', east, 1, 1),
  runs('OpenGate', 'first OpenGate', east, 1, 1),
  runs('Report', 'first Report', east, 1, 1),
  ticks('west looks', west),
];
const eastRevoked: readonly Stage[] = [...eastServes, failsOver('revocation', north, 'west')];
const eastReleased: readonly Stage[] = [...eastRevoked, ticks('release', east)];
const westTook: readonly Stage[] = [...eastReleased, runs('TakeLease', 'TakeLease', west, 2, 1)];
/** … and may be revoked for east again, whose data was reconciled. */
const westReleased: readonly Stage[] = [
  ...westTook,
  runs('OpenGate', 'OpenGate', west, 2, 1),
  runs('Report', 'Report', west, 2, 1),
  changes('sign-off', north, (_product, current) => ({ kind: 'set', value: { ...current, regions: { ...current.regions, east: { reconciled: true } } } })),
  failsOver('revocation', north, 'east'),
  ticks('release', west),
];

const byTheClock: readonly Actor[] = [
  ticks('renewal', east, { mayFreeze: true, isMonotonicStanding: true }),
  ticks('look', west),
  failsOver('revocation', north, 'west', { after: ['look'] }),
  runs('TakeLease', 'take-over', west, 2, 1, { after: ['revocation'] }),
  runs('OpenGate', 'opening', west, 2, 1, { after: ['take-over'] }),
];

const slowLook: readonly Actor[] = [
  ticks('look', west, { mayFreeze: true }),
  ticks('renewal', east),
  failsOver('revocation', north, 'west', { after: ['renewal'] }),
  runs('TakeLease', 'take-over', west, 2, 1, { after: ['look', 'revocation'] }),
  runs('OpenGate', 'opening', west, 2, 1, { after: ['take-over'] }),
];

export const scenarios: readonly Scenario[] = [
  {
    name: 'two compare-and-sets, one acceptor dead',
    why: 'linearizable with a bare majority',
    before: [],
    actors: [replaces('P', east, '', 'p'), replaces('Q', west, '', 'q')],
    down: [north],
    bounds: { switches: all, overtakings: all, timeouts: 1, freezes: 0, strays: 0, units: 0 },
    deeper: { switches: all, overtakings: all, timeouts: 3, freezes: 1, strays: 2, units: 0 },
    expects: [/^P: chosen/, /^Q: chosen/, /^P: refused/, /^Q: refused/, /^P: unknown/],
  },
  {
    name: 'three compare-and-sets',
    why: 'a failed compare is answered only by what was chosen (C8)',
    before: [],
    actors: [replaces('P', east, '', 'p'), replaces('Q', west, '', 'q'), replaces('R', north, '', 'r')],
    bounds: { switches: 2, overtakings: 1, timeouts: 0, freezes: 0, strays: 0, units: 0 },
    deeper: { switches: 3, overtakings: 2, timeouts: 1, freezes: 0, strays: 1, units: 0 },
    expects: [/^P: chosen/, /^Q: chosen/, /^R: chosen/, /^Q: refused: 'p'/, /^R: refused: 'q'/, /^P: unknown/],
  },
  {
    name: 'renewal beside renewal',
    why: 'two invocations of one region never share a ballot (H1); an unknown outcome extends nothing',
    before: eastServes,
    actors: [ticks('renewal', east), ticks('another renewal', east)],
    bounds: { switches: 1, overtakings: 0, timeouts: 1, freezes: 0, strays: 0, units: 1 },
    deeper: { switches: 3, overtakings: 1, timeouts: 2, freezes: 1, strays: 1, units: 2 },
    expects: [/^renewal: renewed/, /^renewal: renewal of unknown outcome/, /^another renewal: renewed/],
  },
  {
    name: 'renewal, revocation, release',
    why: 'nothing re-opens what a release closed (C1, C3); a revoked epoch is not renewed (H4)',
    before: eastServes,
    actors: [ticks('renewal', east), failsOver('revocation', north, 'west'), ticks('release', east, { after: ['revocation'] })],
    bounds: { ...tight, units: 2 },
    deeper: { ...wide, units: 3 },
    expects: [/^renewal: renewed/, /^renewal: .*released/, /^release: released/],
  },
  {
    name: 'release and take-over',
    why: 'a gate that read its row just before the release is heard no more when the successor opens (C2)',
    before: eastRevoked,
    actors: [ticks('release', east), runs('TakeLease', 'take-over', west, 2, 1), runs('OpenGate', 'opening', west, 2, 1, { after: ['take-over'] })],
    bounds: { ...tight, units: 3 },
    deeper: { ...wide, units: 4 },
    expects: [/^release: released/, /^take-over: took/, /^opening: opened/, /^release: closed below/],
  },
  {
    name: 'renewal, revocation, take-over by the clock',
    why: 'the holder has stopped before anybody takes without its release',
    before: eastServes,
    actors: byTheClock,
    bounds: { ...tight, switches: 0, freezes: 1, units: 3 },
    deeper: { ...wide, units: 5 },
    expects: [/^renewal: renewed/, /^take-over: took/, /^opening: opened/],
  },
  {
    name: 'a renewal of unknown outcome',
    why: 'it extends nothing, and the clock of the renewal before it runs on',
    before: eastServes,
    actors: byTheClock,
    bounds: { ...tight, switches: 0, timeouts: 2, units: 2 },
    deeper: { ...wide, switches: 1, timeouts: 3, units: 4 },
    expects: [/^renewal: renewed/, /^renewal: renewal of unknown outcome/, /^take-over: took/, /^opening: opened/],
  },
  {
    name: 'a look that freezes',
    why: 'a look is dated when its answers are in, whatever its monotonic clock says',
    before: eastServes,
    actors: slowLook,
    bounds: { ...tight, switches: 0, freezes: 1, units: 3 },
    deeper: { ...wide, units: 4 },
    expects: [/^renewal: renewed/, /^take-over: took/, /^take-over: LeaseNotDue/, /^opening: opened/],
  },
  {
    name: 'a renewal thaws in a region that was lost',
    why: 'what a returning region closed stays closed (C4)',
    before: eastServes,
    actors: [
      ticks('renewal', east),
      failsOver('revocation', north, 'west'),
      ticks('look', west, { after: ['revocation'] }),
      runs('TakeLease', 'take-over', west, 2, 1, { after: ['look'] }),
      ticks('return', east, { after: ['take-over'] }),
    ],
    bounds: { ...tight, units: 2 },
    deeper: { ...wide, units: 4 },
    expects: [/^take-over: took/, /^return: closed below epoch 2/],
  },
  {
    name: 'TakeLease beside TakeLease and AbandonAttempt',
    why: 'only exactly the value read is taken; fence rows before the lease row (C6)',
    before: eastReleased,
    actors: [runs('TakeLease', 'TakeLease', west, 2, 1), runs('TakeLease', 'TakeLease again', west, 2, 1), runs('AbandonAttempt', 'abandoning', west, 2, 1, { after: ['TakeLease again'] })],
    fenceShards: 2,
    bounds: { ...tight, units: 1 },
    deeper: { ...wide, units: 2 },
    expects: [/^TakeLease: took/, /^TakeLease again: took/, /^TakeLease: (NoQuorum|Superseded)/, /^abandoning: rolled-back/],
  },
  {
    name: 'OpenGate, renewal and closer',
    why: 'only OpenGate opens (P1); the closer of the old region touches nothing of the new epoch',
    before: westTook,
    actors: [runs('OpenGate', 'opening', west, 2, 1), ticks('renewal', west), ticks('closer', east)],
    fenceShards: 2,
    bounds: { ...tight, units: 2 },
    deeper: { ...wide, units: 3 },
    expects: [/^opening: opened/, /^opening: StepNotReady/, /^renewal: renewed/, /^closer: closed below epoch 2/],
  },
  {
    name: 'the old holder takes again beside its own closer',
    why: 'a returning region closes what is older than what it read, not whatever it finds (R1)',
    before: westReleased,
    actors: [ticks('closer', east), runs('TakeLease', 'TakeLease', east, 3, 1), runs('OpenGate', 'opening', east, 3, 1, { after: ['TakeLease'] })],
    bounds: { ...tight, units: 2 },
    deeper: { ...wide, units: 3 },
    expects: [/^closer: closed below epoch 2/, /^TakeLease: took epoch 3/, /^opening: opened/],
  },
  {
    name: 'a lost attempt thaws after its region closed everything older',
    why: 'TakeLease may still raise the rows of an epoch that is over; nothing opens them',
    before: eastReleased,
    actors: [
      runs('TakeLease', 'TakeLease', west, 2, 1),
      runs('OpenGate', 'opening', west, 2, 1),
      // East has been signed off by then, or it would not take over.
      changes('lapse', north, (product, { regions, ...rest }) => {
        const current = { ...rest, regions: { ...regions, east: { reconciled: true } } };
        return product.registerChanges.declareLapse(current, current, 'east', maker);
      }),
      ticks('look', east, { after: ['lapse'] }),
      runs('TakeLease', 'next TakeLease', east, 3, 1, { after: ['look'] }),
      ticks('return', west, { after: ['next TakeLease'] }),
    ],
    bounds: { ...tight, switches: 1, units: 2 },
    deeper: { ...wide, timeouts: 0, units: 3 },
    expects: [/^TakeLease: took epoch 2/, /^next TakeLease: took epoch 3/, /^opening: opened/, /^opening: StepNotReady/, /^return: closed below epoch 3/],
  },
];
