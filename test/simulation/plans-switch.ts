// Planned switch-overs made for one hole each; the seeds vary all the rest.
import type { Fault, Plan } from './faults.ts';

const base = { regions: 3, fenceShards: 2, skewFactor: 1, lostForGood: null, hasData: true, streamShards: 3 } as const;
const switchAt = (atMs: number): Fault => ({ kind: 'switch', atMs, forMs: 1000 });
const inBoth = (fault: (region: number) => Fault): Fault[] => [fault(0), fault(1)];
const split = (atMs: number) => inBoth((region) => ({ kind: 'split', atMs, forMs: 15_000, region, when: { by: 'tick', what: 'mark data', phase: 'sent' } }));

/** There and back and there, while nothing goes wrong beyond the ordinary but that shards split in the middle: each must come off. */
export const calmSwitchPlan: Plan = { ...base, switchesComplete: true, calmFromMs: 200_000, faults: [switchAt(60_000), ...split(100_000), switchAt(100_000), switchAt(140_000)] };

/** The streams stand still for some seconds in the middle of each: what they hold must be waited for. */
export const laggingSwitchPlan: Plan = {
  ...base,
  calmFromMs: 180_000,
  faults: [60_000, 100_000, 140_000].flatMap((atMs) => [switchAt(atMs), ...split(atMs), ...inBoth((region) => ({ kind: 'stream', atMs: atMs - 2000, forMs: 9000, region }))]),
};

/** They stand still for longer than a hand-over may take: it is taken back. */
export const stuckSwitchPlan: Plan = {
  ...base,
  calmFromMs: 160_000,
  faults: [60_000, 120_000].flatMap((atMs) => [switchAt(atMs), ...inBoth((region) => ({ kind: 'stream', atMs: atMs - 2000, forMs: 30_000, region }))]),
};

/** All is applied already, nothing is carried, and the successor opens as soon as it may. */
export const swiftSwitchPlan: Plan = { ...base, hasData: false, synchroniseMsMax: 0, calmFromMs: 180_000, faults: [60_000, 90_000, 120_000, 150_000].map(switchAt) };

/** The holder's governor is silent from then on, and its service is well: nobody can say that it fails, and nobody hands over. */
export const silentHolderPlan: Plan = {
  ...base,
  hasData: false,
  isHolderWell: true,
  calmFromMs: 62_000,
  serviceWithinMs: 80_000,
  faults: [switchAt(60_000), { kind: 'silent', atMs: 60_400, forMs: 400_000, region: 0 }],
};

/** The holder dies before it has handed over, with writes that nobody else has. */
export const holderDiesPlan: Plan = {
  ...base,
  calmFromMs: 160_000,
  faults: [{ kind: 'stream', atMs: 57_000, forMs: 90_000, region: 0 }, switchAt(60_000), { kind: 'crash', atMs: 60_500, forMs: 100_000, region: 0, executions: 'resume', when: null }],
};
