// Faults made for one hole each, where drawn ones meet it too rarely: the seeds vary all the rest.
import type { Fault, Plan, When } from './faults.ts';

const base = { regions: 3, fenceShards: 1, skewFactor: 1, lostForGood: null } as const;

function isolated(region: 0 | 1, atMs: number, forMs: number, when: When = null): Fault {
  const links = [1 - region, 2].flatMap((other) => [[region, other] as const, [other, region] as const]);
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
  calmFromMs: 106_000,
  faults: [{ kind: 'pause', atMs: 60_000, forMs: 17_000, region: 1, withStore: false, when: { what: 'get register', phase: 'sent' } }, isolated(0, 75_500, 30_000)],
};

/** The holder is cut off just as it has renewed: its time is as long, and the challenger's as short, as they may be. */
export const cutAfterRenewalPlan: Plan = { ...base, calmFromMs: 95_000, faults: [isolated(0, 60_000, 35_000, { by: 'tick', what: 'change fence', phase: 'acted' })] };

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
