// Faults made for one hole each, where drawn ones meet it too rarely: the seeds vary all the rest.
import { calm, type Fault, type Plan, type When } from './faults.ts';

const base = { regions: 3, fenceShards: 1, skewFactor: 1, lostForGood: null } as const;

function isolated(region: number, atMs: number, forMs: number, when: When = null): Fault {
  const links = [0, 1, 2].filter((r) => r !== region).flatMap((other) => [[region, other] as const, [other, region] as const]);
  return { kind: 'cut', atMs, forMs, region, when, shape: 'isolated', flapMs: 0, links };
}

/** Ten minutes in which nothing goes wrong beyond the ordinary: a call lost, a tick delivered twice. Five regions, so that many look. */
export const calmPlan: Plan = { ...base, regions: 5, faults: [], calmFromMs: 600_000, isCalm: true };

/** What every region's service needs fails for a minute, everywhere. It is judged until just before it returns. */
export const sharedDependencyPlan: Plan = {
  ...base,
  calmFromMs: 118_000,
  isCalm: true,
  faults: [
    { kind: 'sick', atMs: 60_000, forMs: 60_000, region: 0 },
    { kind: 'sick', atMs: 60_000, forMs: 60_000, region: 1 },
  ],
};

/** The same to the end and beyond. It is back in the other region first, by almost a tick: as the holder is well again too, nobody may be told to follow it. */
export const sharedDependencyIsBackPlan: Plan = {
  ...base,
  calmFromMs: 150_000,
  isCalm: true,
  faults: [
    { kind: 'sick', atMs: 60_000, forMs: 60_000, region: 0 },
    { kind: 'sick', atMs: 60_000, forMs: 55_500, region: 1 },
  ],
};

/** The holder dies, and so does whoever decides that, between its CAS and the start of the runbook. */
export const decidedAndDiedPlan: Plan = {
  ...base,
  lostForGood: 0,
  calmFromMs: 61_000,
  serviceWithinMs: 58_000,
  faults: [1, 2].map((region) => ({ kind: 'die', atMs: 60_000, forMs: 40_000, region, when: { by: 'tick', what: 'accept register', phase: 'answered' } })),
};

/** A switch-over whose TakeLease dies once its value is chosen, before it has written a row. */
export const takenAndDiedPlan: Plan = {
  ...base,
  calmFromMs: 61_000,
  serviceWithinMs: 50_000,
  faults: [
    { kind: 'operator', atMs: 59_000, forMs: 1000, action: 'failover' },
    { kind: 'die', atMs: 58_900, forMs: 40_000, region: 1, when: { by: 'TakeLease', what: 'change fence', phase: 'sent' } },
  ],
};

/** A switch-over whose OpenGate dies between the fence rows and the lease row. */
export const halfOpenPlan: Plan = {
  ...base,
  calmFromMs: 61_000,
  serviceWithinMs: 60_000,
  faults: [
    { kind: 'operator', atMs: 59_000, forMs: 1000, action: 'failover' },
    { kind: 'die', atMs: 58_900, forMs: 40_000, region: 1, when: { by: 'OpenGate', what: 'change fence', phase: 'acted' } },
  ],
};

/** The challenger's hosts freeze in the middle of a look, which is answered late; as they thaw, the holder is cut off. */
export const challengerAwayPlan: Plan = {
  ...base,
  calmFromMs: 94_000,
  faults: [{ kind: 'pause', atMs: 60_000, forMs: 17_000, region: 1, withStore: false, when: { what: 'get register', phase: 'sent' } }, isolated(0, 75_500, 30_000)],
};

/** The holder is cut off, and revoked, just as it has renewed; all is applied elsewhere: it acts as long, and its successor opens as soon, as may be. */
export const cutAfterRenewalPlan: Plan = {
  ...base,
  calmFromMs: 105_000,
  synchroniseMsMax: 0,
  faults: [
    isolated(0, 60_000, 45_000, { by: 'tick', what: 'change fence', phase: 'acted' }),
    { kind: 'operator', atMs: 60_000, forMs: 10_000, action: 'failover', when: { by: 'tick', what: 'change fence', phase: 'acted' } },
  ],
};

/**
 * The holder's hosts freeze as its renewal is accepted, and thaw with all answers there; it is cut off as soon as it has gone by them, and was
 * revoked meanwhile. Its deadline counts from the question, whichever of its clocks went on.
 */
export const frozenRenewalPlan: Plan = {
  ...base,
  calmFromMs: 105_000,
  synchroniseMsMax: 0,
  faults: [
    { kind: 'pause', atMs: 60_000, forMs: 16_000, region: 0, withStore: false, when: { by: 'tick', what: 'accept register', phase: 'acted' } },
    isolated(0, 60_000, 45_000, { by: 'tick', what: 'change fence', phase: 'acted' }),
    { kind: 'operator', atMs: 60_000, forMs: 10_000, action: 'failover', when: { by: 'tick', what: 'accept register', phase: 'acted' } },
  ],
};

/** An OpenGate freezes as it sends its write, and its region is cut off at that moment: it thaws long after another region was asked to take over. */
export const lateOpenerPlan: Plan = {
  ...base,
  calmFromMs: 160_000,
  faults: [
    { kind: 'operator', atMs: 59_000, forMs: 1000, action: 'failover' },
    { kind: 'freeze', atMs: 59_000, forMs: 95_000, region: 1, when: { by: 'OpenGate', what: 'change fence', phase: 'sent' } },
    isolated(1, 59_000, 60_000, { by: 'OpenGate', what: 'change fence', phase: 'sent' }),
  ],
};

/** The holder dies for long, and its successor forgets its executions in the middle of TakeLease: it must try the same epoch again. */
export const executionLostPlan: Plan = {
  ...base,
  calmFromMs: 100_000,
  serviceWithinMs: 120_000,
  faults: [
    { kind: 'crash', atMs: 60_000, forMs: 400_000, region: 0, executions: 'resume', when: null },
    { kind: 'crash', atMs: 60_000, forMs: 40_000, region: 1, executions: 'lost', when: { by: 'TakeLease', what: 'prepare register', phase: 'sent' } },
  ],
};

/** The holder dies for long, and its successor has no majority until its first attempt is given up. */
export const givenUpPlan: Plan = {
  ...base,
  calmFromMs: 190_000,
  faults: [{ kind: 'crash', atMs: 60_000, forMs: 600_000, region: 0, executions: 'resume', when: null }, isolated(1, 60_000, 130_000, { by: 'TakeLease', what: 'prepare register', phase: 'sent' })],
};

/**
 * A renewal reaches one acceptor only, not the holder's own; the next tick dies; the one after renews, from what the others hold, and the
 * holder is cut off. Whoever would settle the renewal that was left behind dies. Two renewals ten seconds apart: they must not look alike.
 */
export const renewedTwicePlan: Plan = {
  ...base,
  calmFromMs: 140_000,
  faults: [
    { kind: 'throttle', atMs: 60_000, forMs: 5000, region: 0, table: 'register' },
    {
      kind: 'cut',
      atMs: 60_000,
      forMs: 5000,
      region: 0,
      when: { by: 'tick', what: 'accept register', phase: 'sent' },
      shape: 'partial',
      flapMs: 0,
      links: [
        [0, 2],
        [2, 0],
      ],
    },
    ...[1, 2, 1, 2].map((region) => ({ kind: 'die', atMs: 60_000, forMs: 13_000, region, when: { by: 'tick', what: 'prepare register', phase: 'sent' } }) as const),
    { kind: 'die', atMs: 65_300, forMs: 4700, region: 0, when: { by: 'tick', what: 'get register', phase: 'sent' } },
    isolated(0, 70_300, 60_000, { by: 'tick', what: 'change fence', phase: 'acted' }),
  ],
};

/** One acceptor misses a switch-over; the deposed region's then forgets it, while the only one that knows is cut off. */
export const forgottenAcceptorPlan: Plan = {
  ...base,
  calmFromMs: 107_000,
  faults: [
    isolated(2, 50_000, 30_000),
    { kind: 'operator', atMs: 55_000, forMs: 1000, action: 'failover' },
    { kind: 'crash', atMs: 76_000, forMs: 2000, region: 0, executions: 'resume', when: null, state: { kind: 'forgotten', tables: 'register' } },
    isolated(1, 77_000, 30_000),
  ],
};

/** A region that was deposed loses all its rows. */
export const forgottenRegionPlan: Plan = {
  ...base,
  calmFromMs: 82_000,
  faults: [
    { kind: 'operator', atMs: 55_000, forMs: 1000, action: 'failover' },
    { kind: 'crash', atMs: 80_000, forMs: 2000, region: 0, executions: 'resume', when: null, state: { kind: 'forgotten', tables: 'all' } },
  ],
};

/** Prepares come late, a third of them, for five minutes, while people look all the time. */
export const latePreparesPlan: Plan = {
  ...base,
  calmFromMs: 340_000,
  faults: [
    { kind: 'rough', atMs: 40_000, forMs: 300_000, weather: { ...calm, lost: 0.15, slow: 0.5, twice: 0.1, tickTwice: 0.5, lateAt: { what: 'prepare register', phase: 'sent', share: 0.3 } } },
    { kind: 'operator', atMs: 40_000, forMs: 300_000, action: 'audit' },
    { kind: 'operator', atMs: 40_000, forMs: 300_000, action: 'audit' },
  ],
};

/** Two voters join while a third of all calls are lost: what was chosen among the three founders is soon not chosen any more. */
export const votersPlan: Plan = {
  ...base,
  calmFromMs: 300_000,
  voters: [
    { atMs: 50_000, kind: 'add', region: 3, isLost: false, people: 1 },
    { atMs: 70_000, kind: 'add', region: 4, isLost: false, people: 1 },
  ],
  faults: [{ kind: 'rough', atMs: 90_000, forMs: 200_000, weather: { ...calm, lost: 0.2, slow: 0.3, tickTwice: 0.3 } }],
};

/** The holder is cut off with its clients, and returns just after its successor has opened: most of what it wrote alone was not written there since. */
export const backSoonPlan: Plan = { ...base, hasData: true, calmFromMs: 117_000, faults: [isolated(0, 60_000, 48_000)] };

/** The same, and its stream stands still meanwhile and for long after: its log has an end, and not all that it wrote. */
export const streamBehindPlan: Plan = { ...base, hasData: true, calmFromMs: 117_000, faults: [isolated(0, 60_000, 48_000), { kind: 'stream', atMs: 58_000, forMs: 100_000, region: 0 }] };

/** The holder is cut off with its clients, and returns as soon as its successor has opened; what it alone had, its stream has lost: no log tells of it. */
export const streamLostPlan: Plan = {
  ...base,
  hasData: true,
  calmFromMs: 120_000,
  synchroniseMsMax: 0,
  faults: [isolated(0, 60_000, 30_000), { kind: 'stream', atMs: 58_000, forMs: 32_500, region: 0 }, { kind: 'expire', atMs: 90_000, forMs: 1000, region: 0 }],
};

/** Its stream stands still in the middle of what it alone has: the first of it is listed soon, the rest much later. */
export const streamInPartsPlan: Plan = { ...base, hasData: true, calmFromMs: 125_000, faults: [isolated(0, 60_000, 30_000), { kind: 'stream', atMs: 66_000, forMs: 38_000, region: 0 }] };

/** A fourth voter is cut off in the middle of its being added, until one of the other three is lost for good. */
export const oneLostOneEmptyPlan: Plan = {
  ...base,
  calmFromMs: 120_000,
  lostForGood: 0,
  voters: [{ atMs: 60_000, kind: 'add', region: 3, isLost: false, people: 1 }],
  faults: [
    {
      kind: 'cut',
      atMs: 60_450,
      forMs: 59_550,
      region: 3,
      when: null,
      shape: 'isolated',
      flapMs: 0,
      links: [0, 1, 2, 4].flatMap((other) => [[3, other] as const, [other, 3] as const]),
    },
  ],
};

const bothWays = (...links: (readonly [number, number])[]) => links.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]);

/**
 * The third candidate alone hears the first, and has more of its log than anybody else. The second, which hears neither, takes over and
 * dies as soon as it has opened; so does the first, and the third is the one to take over.
 */
export const leftBehindPlan: Plan = {
  ...base,
  regions: 5,
  hasData: true,
  calmFromMs: 94_000,
  faults: [
    { kind: 'cut', atMs: 42_000, forMs: 33_000, region: 0, when: null, shape: 'heard by one', flapMs: 0, links: bothWays([0, 1], [0, 2], [0, 4], [1, 3]) },
    { kind: 'step', atMs: 54_000, forMs: 38_000, step: 'OpenGate', moment: 'after', strike: 'crash', executions: 'lost' },
    { kind: 'operator', atMs: 55_000, forMs: 1000, action: 'failover' },
    { kind: 'crash', atMs: 66_000, forMs: 26_000, region: 0, when: null, executions: 'lost' },
  ],
};
