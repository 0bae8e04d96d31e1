// Which searches `npm run model` makes, and what each must find. docs/model.md explains them; a test compares the names.

export type Configuration = {
  readonly name: string;
  /** `sound` must hold; `planted` bugs and `reached` states must be found, or the sound ones say nothing. */
  readonly group: 'sound' | 'planted' | 'reached';
  readonly file: 'register.pml' | 'voters.pml' | 'lease.pml';
  readonly defines: readonly string[];
  /** Breadth first finds a shortest trail; `fair` looks for an unserved cycle under weak fairness. */
  readonly search: 'depth' | 'breadth' | 'fair';
  readonly expect: 'holds' | 'broken';
  readonly mayBeCapped: boolean;
  readonly isDeep: boolean;
  readonly secondsMax: number;
  readonly because: string;
};

type Asked = Pick<Configuration, 'name' | 'file' | 'because'> & { readonly defines: string; readonly search?: Configuration['search']; readonly secondsMax?: number };

/** A guard, not a measure: beside thirty other processes the longest took 583 s, on a calmer machine 20 s. */
const secondsMaxDefault = 3600;
const deepSecondsMax = 3 * 3600;

function make(asked: Asked, group: Configuration['group'], isDeep = false): Configuration {
  return {
    name: asked.name,
    group,
    file: asked.file,
    defines: asked.defines === '' ? [] : asked.defines.split(' '),
    search: asked.search ?? (group === 'sound' ? 'depth' : 'breadth'),
    expect: group === 'sound' ? 'holds' : 'broken',
    mayBeCapped: isDeep,
    isDeep,
    secondsMax: asked.secondsMax ?? (isDeep ? deepSecondsMax : secondsMaxDefault),
    because: asked.because,
  };
}

const register = 'register.pml';
const voters = 'voters.pml';
const lease = 'lease.pml';

const sound: readonly Asked[] = [
  { name: 'register', file: register, defines: 'PROPOSERS=3 READERS=0 COUNTERS=1', because: 'three changes over three acceptors' },
  { name: 'register-looks', file: register, defines: 'PROPOSERS=2 READERS=1 COUNTERS=2', because: 'two changes whose ballots may be in either order, and a look' },
  { name: 'register-lost-table', file: register, defines: 'PROPOSERS=2 READERS=0 COUNTERS=1 LOST_TABLE', because: 'an emptied table does not vote' },
  { name: 'voters-grow', file: voters, defines: 'PROPOSERS=3', because: 'one more, then one less: three invocations, late ones among them' },
  { name: 'voters-replace', file: voters, defines: 'PROPOSERS=3 REPLACE', because: 'one less, then one more' },
  { name: 'voters-four-replace', file: voters, defines: 'PROPOSERS=4 REPLACE', because: 'two changes of the voters, one less first, and two of the value, each from any set' },
  { name: 'lease-two-takeovers', file: lease, defines: 'K=1 EMAX=3 DUR=2', because: 'loss and return, unlimited renewals, attempts and time' },
  { name: 'lease-skew', file: lease, defines: 'K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1', because: '2ε = 2σ + effect, gates with a cached row' },
  { name: 'lease-effect', file: lease, defines: 'K=1 EMAX=2 DUR=4 EPS=1 EFF=2 CACHE=1', because: '2ε = effect' },
  { name: 'lease-drift', file: lease, defines: 'K=1 EMAX=2 DUR=2 EPS=1 DRIFT', because: 'each clock may lose or gain a unit in D + ε' },
  { name: 'lease-minority', file: lease, defines: 'K=1 EMAX=2 DUR=2 MINORITY', because: 'renewals left behind at a minority, challengers that see them' },
  { name: 'lease-serves', file: lease, defines: 'LIVE K=1 EMAX=2 DUR=2', search: 'fair', because: 'once faults stop, somebody comes to serve and goes on' },
  { name: 'lease-planned', file: lease, defines: 'PLANNED K=1 EMAX=3 DUR=2', because: 'planned switch-overs and hand-backs, among all the rest' },
  { name: 'lease-planned-skew', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1', because: 'the same with 2ε = 2σ + effect, gates with a cached row' },
  { name: 'lease-planned-unclosed', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1 LAX_UNCLOSED', because: 'a margin: a hand-back need not wait for its rows' },
  {
    name: 'lease-planned-lease-first',
    file: lease,
    defines: 'PLANNED K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1 LAX_LEASEFIRST',
    because: 'a margin: where they are closed, the lease row may be raised first',
  },
  { name: 'lease-planned-inexact', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1 LAX_INEXACT', because: 'a margin: a hand-back need compare holder and epoch only' },
  { name: 'lease-planned-serves', file: lease, defines: 'LIVE PLANNED K=1 EMAX=2 DUR=2', search: 'fair', because: 'whatever becomes of a planned switch-over, somebody comes to serve and goes on' },
];

const deep: readonly Asked[] = [
  { name: 'lease-two-shards', file: lease, defines: 'K=2 EMAX=2 DUR=1', because: 'two fence rows a region' },
  { name: 'lease-three-takeovers', file: lease, defines: 'K=1 EMAX=4 DUR=1', because: 'three take-overs' },
  { name: 'register-three-looks', file: register, defines: 'PROPOSERS=3 READERS=1 COUNTERS=1', because: 'three changes and a look' },
  { name: 'voters-four', file: voters, defines: 'PROPOSERS=4', because: 'two changes of the voters and two of the value, each from any set' },
  { name: 'lease-serves-three', file: lease, defines: 'LIVE K=1 EMAX=3 DUR=2', search: 'fair', because: 'the same after two take-overs' },
];

const planted: readonly Asked[] = [
  { name: 'H1', file: register, defines: 'PROPOSERS=2 READERS=0 COUNTERS=1 PLANT_H1', because: 'two invocations share a ballot' },
  { name: 'H3', file: register, defines: 'PROPOSERS=2 READERS=0 COUNTERS=1 PLANT_H3', because: 'an acceptor forgets' },
  { name: 'C8', file: register, defines: 'PROPOSERS=3 READERS=0 COUNTERS=1 PLANT_C8', search: 'depth', because: 'a failed compare is answered before the value compared is chosen' },
  { name: 'UNKNOWN', file: register, defines: 'PROPOSERS=2 READERS=0 COUNTERS=1 PLANT_UNKNOWN', because: 'an unknown outcome is trusted' },
  { name: 'CONFIG', file: voters, defines: 'PROPOSERS=4 REPLACE PLANT_CONFIG', search: 'depth', because: 'the voter set is not in the conditions' },
  { name: 'HASTE', file: voters, defines: 'PROPOSERS=4 REPLACE PLANT_HASTE', search: 'depth', because: 'the next set is decided before the last is in force' },
  { name: 'ONESTEP', file: voters, defines: 'PROPOSERS=3 PLANT_ONESTEP', search: 'depth', because: 'an acceptor is replaced in one step' },
  { name: 'MARK', file: voters, defines: 'PROPOSERS=4 REPLACE PLANT_MARK', search: 'depth', because: 'an emptied table is seeded again' },
  { name: 'OWNBALLOT', file: voters, defines: 'PROPOSERS=4 REPLACE PLANT_OWNBALLOT', search: 'depth', because: 'an empty acceptor is given what too few promised, under the ballot that asks' },
  { name: 'MIXED', file: voters, defines: 'PROPOSERS=3 PLANT_MIXED', search: 'depth', because: 'an empty acceptor is given the ballot of one promise and the value of another' },
  { name: 'C1', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_C1', because: 'the lease row is not closed for good' },
  { name: 'C2', file: lease, defines: 'K=1 EMAX=2 DUR=2 CACHE=1 PLANT_C2', because: 'no wait for cached rows before the release' },
  { name: 'C3', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_C3', because: 'the hand-over closes the fence through the deadline seen' },
  { name: 'C4', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_C4', because: 'a returning region closes the fence through the deadline seen' },
  { name: 'C5', file: lease, defines: 'LIVE K=1 EMAX=2 DUR=2 PLANT_C5', search: 'fair', because: 'an attempt is never dead: a dead successor strands the group' },
  { name: 'C6', file: lease, defines: 'K=1 EMAX=3 DUR=2 PLANT_C6', because: 'the lease row is raised before the fence rows' },
  { name: 'C7', file: lease, defines: 'K=1 EMAX=2 DUR=2 MINORITY PLANT_C7', because: 'renewals have a number instead of an id' },
  { name: 'C9', file: lease, defines: 'K=1 EMAX=2 DUR=2 CACHE=1 PLANT_C9', because: 'the gate caches its verdict' },
  { name: 'P1', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_P1', because: 'a renewal opens a fence row still at 0' },
  { name: 'P2', file: lease, defines: 'K=1 EMAX=3 DUR=2 PLANT_P2', because: 'a taken epoch is reserved again' },
  { name: 'R1', file: lease, defines: 'K=1 EMAX=3 DUR=2 PLANT_R1', because: 'a returning region closes whatever epoch it finds' },
  { name: 'R2', file: lease, defines: 'LIVE K=1 EMAX=2 DUR=2 PLANT_R2', search: 'fair', because: 'nobody repeats a half-done take-over, nor counts it as dead' },
  { name: 'ANSWER', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_ANSWER', because: 'the lease is counted from the answer' },
  { name: 'QUESTION', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_QUESTION', because: 'a look is dated when its question leaves' },
  { name: 'NOCLOCK', file: lease, defines: 'K=1 EMAX=2 DUR=2 PLANT_NOCLOCK', because: 'the successor does not wait for its clock' },
  { name: 'EPS-EFFECT', file: lease, defines: 'K=1 EMAX=2 DUR=5 EPS=1 EFF=3 CACHE=0', because: 'ε too small: 2ε < effect' },
  { name: 'EPS-SKEW', file: lease, defines: 'K=1 EMAX=2 DUR=4 EPS=1 SIG=1 EFF=1 CACHE=0', because: 'ε too small: 2ε < 2σ + effect' },
  { name: 'EPS-DRIFT', file: lease, defines: 'K=1 EMAX=2 DUR=2 EPS=0 DRIFT', because: 'ε too small: no room for drift' },
  { name: 'UNDRAINED', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_UNDRAINED', because: 'released before the log is drained' },
  { name: 'EARLYDRAIN', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_EARLYDRAIN', because: 'the drain begins before every fence row is closed' },
  { name: 'OLDDRAIN', file: lease, defines: 'PLANNED K=1 EMAX=3 DUR=2 PLANT_OLDDRAIN', because: 'the drain of an epoch that was handed back counts for the next' },
  { name: 'NOVERDICT', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_NOVERDICT', because: 'the successor of a plan takes by its clock without a verdict' },
  { name: 'KEEPSPLAN', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_KEEPSPLAN', because: 'taken by the clock, and planned still' },
  { name: 'LATEPLAN', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_LATEPLAN', because: 'planned in an epoch that is revoked already' },
  { name: 'SURVIVES', file: lease, defines: 'LIVE PLANNED K=1 EMAX=2 DUR=2 PLANT_SURVIVES', search: 'fair', because: 'planned survives into the next attempt' },
  { name: 'SAMEEPOCH', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_SAMEEPOCH', because: 'a hand-back keeps the epoch' },
  { name: 'REOPENED', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_REOPENED', because: 'a hand-back opens its old fence rows instead of raising them' },
  { name: 'HASTYBACK', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_HASTYBACK', because: 'a hand-back neither waits for its rows nor raises the fence rows first' },
  { name: 'BLINDBACK', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 PLANT_BLINDBACK', because: 'a hand-back does not compare' },
  { name: 'THAWEDRELEASE', file: lease, defines: 'PLANNED K=1 EMAX=3 DUR=2 PLANT_THAWEDRELEASE', because: 'a release that thaws after a hand-back compares no epoch' },
];

const reached: readonly Asked[] = [
  { name: 'reach-chain', file: register, defines: 'PROPOSERS=2 READERS=0 COUNTERS=1 REACH_CHAIN', because: 'one change builds on the other' },
  { name: 'reach-told', file: register, defines: 'PROPOSERS=2 READERS=1 COUNTERS=1 REACH_TOLD', because: 'every value was told to somebody' },
  { name: 'reach-left-behind', file: register, defines: 'PROPOSERS=3 READERS=0 COUNTERS=1 REACH_MINORITY', search: 'depth', because: 'the highest ballot stands at a minority beside what was chosen' },
  { name: 'reach-in-force', file: voters, defines: 'PROPOSERS=3 REACH_INFORCE', because: 'a value is chosen under the second new set' },
  { name: 'reach-behind', file: voters, defines: 'PROPOSERS=3 REACH_BEHIND', because: 'the last set is decided while an acceptor of it still votes in the first' },
  { name: 'reach-lost-table', file: register, defines: 'PROPOSERS=2 READERS=0 COUNTERS=1 LOST_TABLE REACH_EMPTIED', because: 'two changes, one on the other, after an acceptor was emptied' },
  { name: 'reach-replaced', file: voters, defines: 'PROPOSERS=3 REPLACE REACH_INFORCE', because: 'a value is chosen under the set with the replacement' },
  { name: 'reach-helped', file: voters, defines: 'PROPOSERS=3 REPLACE REACH_HELPED', because: 'a seeded acceptor makes a value chosen that a minority had accepted' },
  { name: 'reach-calm', file: lease, defines: 'LIVE K=1 EMAX=2 DUR=2 REACH_CALM', search: 'fair', because: 'faults stop, the first region stays dead, the second serves' },
  { name: 'reach-second', file: lease, defines: 'K=1 EMAX=2 DUR=2 REACH_SECOND', because: 'a second region serves' },
  { name: 'reach-return', file: lease, defines: 'K=1 EMAX=3 DUR=2 REACH_RETURN', because: 'the first region serves again' },
  { name: 'reach-released', file: lease, defines: 'K=1 EMAX=2 DUR=2 REACH_RELEASED', because: 'a released lease is taken' },
  { name: 'reach-zombie', file: lease, defines: 'K=1 EMAX=2 DUR=2 REACH_ZOMBIE', because: 'a chosen renewal meets a row closed for good' },
  { name: 'reach-reopened', file: lease, defines: 'K=1 EMAX=2 DUR=2 REACH_REOPENED', because: 'a late renewal opens a fence row closed at its deadline' },
  { name: 'reach-cached', file: lease, defines: 'K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1 REACH_CACHED', because: 'a gate answers by a row that has been closed' },
  { name: 'reach-skew', file: lease, defines: 'K=1 EMAX=2 DUR=4 EPS=2 SIG=1 EFF=2 CACHE=1 REACH_SECOND', because: 'a second region serves although clocks differ' },
  { name: 'reach-effect', file: lease, defines: 'K=1 EMAX=2 DUR=4 EPS=1 EFF=2 CACHE=1 REACH_SECOND', because: 'a second region serves although answers are slow' },
  { name: 'reach-drift', file: lease, defines: 'K=1 EMAX=2 DUR=2 EPS=1 DRIFT REACH_SECOND', because: 'a second region serves although clocks drift' },
  { name: 'reach-minority', file: lease, defines: 'K=1 EMAX=2 DUR=2 MINORITY REACH_LATE_LOOK', because: 'a clock has run D + ε for a renewal at a minority' },
  { name: 'reach-shards', file: lease, defines: 'K=2 EMAX=2 DUR=1 REACH_SHARDS', because: 'one fence row carries the new epoch, the other not yet' },
  { name: 'reach-three', file: lease, defines: 'K=1 EMAX=4 DUR=1 REACH_THREE', because: 'a third take-over serves' },
  { name: 'reach-planned', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 REACH_PLANNED', because: 'a planned switch-over comes off, and the second region serves' },
  { name: 'reach-handback', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 REACH_HANDBACK', because: 'the first region hands back, and serves again' },
  { name: 'reach-planned-again', file: lease, defines: 'PLANNED K=1 EMAX=3 DUR=2 REACH_PLANNED_AGAIN', because: 'after a hand-back, the next planned switch-over comes off' },
  { name: 'reach-verdict', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 REACH_VERDICT', because: 'the successor of a plan takes by its clock after a verdict' },
  { name: 'reach-next', file: lease, defines: 'PLANNED K=1 EMAX=2 DUR=2 REACH_NEXT', because: 'the attempt after a planned one serves' },
  { name: 'reach-calm-handback', file: lease, defines: 'LIVE PLANNED K=1 EMAX=2 DUR=2 REACH_CALM_HANDBACK', search: 'fair', because: 'the successor stays dead, the holder hands back and serves' },
];

export const configurations: readonly Configuration[] = [
  ...sound.map((c) => make(c, 'sound')),
  ...deep.map((c) => make(c, 'sound', true)),
  ...planted.map((c) => make(c, 'planted')),
  ...reached.map((c) => make(c, 'reached')),
];
