// What the tests of core share: a policy with round figures, register values by what differs, and generators of them.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Maker } from '../../src/core/failover/register-changes.ts';
import type { CandidateVerdict, Judgement } from '../../src/core/health/verdict.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Sighting } from '../../src/core/register/sighting.ts';
import type { GroupState, RegisterValue } from '../../src/core/register/value.ts';

export const east = 'us-east-1';
export const west = 'us-west-2';
export const ireland = 'eu-west-1';
export const sydney = 'ap-southeast-2';

/** Two candidates and a witness; D + ε = 22 s, 2(D + ε) = 44 s. */
export const policy: Policy = {
  group: 'orders',
  configId: 'c1',
  voters: [
    { region: east, role: 'candidate', registerTable: 'register-1' },
    { region: west, role: 'candidate', registerTable: 'register-1' },
    { region: ireland, role: 'witness', registerTable: 'register-1' },
  ],
  mode: 'automatic',
  isFenced: true,
  fenceShards: 2,
  timing: { tickMs: 5000, leaseMs: 20_000, skewAllowanceMs: 2000, clockSkewMs: 500, effectMs: 500, gateCacheMs: 1000 },
  policy: {
    liveness: { failures: 3, of: 4 },
    readiness: { failures: 3, of: 4 },
    attemptsMax: 3,
    cooldownMs: 600_000,
    approvalTimeoutSeconds: 300,
    scoreHealthyAbove: 0.8,
    scoreDegradedBelow: 0.7,
  },
};
export const takeOverMs = 22_000;
export const attemptMs = 44_000;

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function maker(change: Partial<Maker> = {}): Maker {
  return { by: west, atMs: 1000, because: 'test', evidence: 'e', digest, ...change };
}

export function renewalId(n: number): string {
  return n.toString(16).padStart(32, '0');
}

/** A calm group: us-east-1 holds epoch 4, reached in its first attempt. */
export function valueOf(change: Partial<RegisterValue> = {}): RegisterValue {
  return {
    version: 1,
    minReaderVersion: 1,
    group: 'orders',
    config: { id: 'c1', acceptors: policy.voters.map((v) => ({ region: v.region, table: v.registerTable })) },
    state: 'normal',
    holder: east,
    epoch: 4,
    renewal: renewalId(7),
    renewable: true,
    released: false,
    attempt: 1,
    attemptsSpent: 0,
    successor: null,
    because: 'all is well',
    evidence: '',
    paused: null,
    regions: { [east]: { reconciled: true }, [west]: { reconciled: true } },
    transitions: [],
    auditHead: '',
    ...change,
  };
}

export const reservedValue = (change: Partial<RegisterValue> = {}): RegisterValue => valueOf({ state: 'failing-over', renewable: false, successor: west, attempt: 1, attemptsSpent: 1, ...change });

export function ballotOf(counter: number, region = east, id = 1): string {
  return `${String(counter).padStart(16, '0')}.${region}.${id.toString(16).padStart(32, '0')}`;
}

export function sightingOf(value: RegisterValue, kind: 'chosen' | 'newest' | 'minority' = 'chosen', counter = 9): Exclude<Sighting, { kind: 'nothing' }> {
  return { kind, value, ballot: ballotOf(counter), highestPromise: ballotOf(counter), because: 'test' };
}

export function judgement(kind: Judgement['kind']): Judgement {
  return { kind, because: `is ${kind}` };
}

export function verdictOf(region: string, change: Partial<CandidateVerdict> = {}): CandidateVerdict {
  const { liveness = judgement('healthy'), readiness = judgement('healthy') } = change;
  const everybody = policy.voters.map((v) => v.region);
  const [failingAt, steadyAt] = [liveness.kind === 'failing' || readiness.kind === 'failing' ? everybody : [], liveness.kind === 'healthy' && readiness.kind === 'healthy' ? everybody : []];
  return { region, liveness, readiness, failingAt, steadyAt, health: 1, latencyMs: 20, dataAgeMs: 0, priority: null, ...change };
}

export const anyState: fc.Arbitrary<GroupState> = fc.constantFrom('normal', 'degraded', 'failing-over', 'recovery', 'failed');
const anyRegion = fc.constantFrom(east, west, sydney);
const anyPaused = fc.option(fc.record({ by: fc.constant('anna'), reason: fc.string(), atMs: fc.nat() }), { nil: null, freq: 4 });

/** Register values of every shape that the type allows, also ones that the protocol should never reach. */
export const anyValue: fc.Arbitrary<RegisterValue> = fc
  .record({
    state: anyState,
    holder: anyRegion,
    epoch: fc.integer({ min: 1, max: 6 }),
    renewal: fc.integer({ min: 0, max: 3 }).map(renewalId),
    renewable: fc.boolean(),
    released: fc.boolean(),
    attempt: fc.integer({ min: 1, max: 4 }),
    attemptsSpent: fc.integer({ min: 0, max: 5 }),
    successor: fc.option(anyRegion, { nil: null }),
    paused: anyPaused,
    isPlanned: fc.boolean(),
    eastReconciled: fc.boolean(),
    westReconciled: fc.boolean(),
  })
  .map(({ eastReconciled, westReconciled, isPlanned, ...change }) =>
    valueOf({ ...change, ...(isPlanned ? { planned: true } : {}), regions: { [east]: { reconciled: eastReconciled }, [west]: { reconciled: westReconciled } } }),
  );
