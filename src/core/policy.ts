// The settings that decisions are made by. The run-time configuration has this shape; core names it so that it needs
// nothing from outside.

export type Mode = 'observe' | 'advise' | 'approve' | 'automatic';
export type Role = 'candidate' | 'witness';

export type Voter = {
  readonly region: string;
  readonly role: Role;
  readonly registerTable: string;
  /** Of a candidate: 1 is asked to take over before 2, and either before one that names none. */
  readonly priority?: number | undefined;
};

/** k failures of the last n probes. */
export type Trigger = { readonly failures: number; readonly of: number };

export type Timing = {
  readonly tickMs: number;
  /** D, how long a renewal lasts. */
  readonly leaseMs: number;
  /** ε, what each side gives for clocks and delays. */
  readonly skewAllowanceMs: number;
  /** σ, the assumed largest difference of two clocks within one region. */
  readonly clockSkewMs: number;
  /** From reading the clock to the answer's leaving, in running code. */
  readonly effectMs: number;
  readonly gateCacheMs: number;
};

export type Policy = {
  readonly group: string;
  readonly voters: readonly Voter[];
  readonly configId: string;
  readonly mode: Mode;
  readonly isFenced: boolean;
  readonly fenceShards: number;
  readonly timing: Timing;
  readonly policy: {
    readonly liveness: Trigger;
    readonly readiness: Trigger;
    readonly attemptsMax: number;
    readonly cooldownMs: number;
    readonly approvalTimeoutSeconds: number;
    readonly scoreHealthyAbove: number;
    readonly scoreDegradedBelow: number;
  };
};

/** ⌊n/2⌋ + 1 of the voters. */
export function majorityOf(policy: Pick<Policy, 'voters'>): number {
  return Math.floor(policy.voters.length / 2) + 1;
}

export function candidatesOf(policy: Pick<Policy, 'voters'>): string[] {
  return policy.voters.filter((v) => v.role === 'candidate').map((v) => v.region);
}

/** D + ε: how long a challenger must have seen the same renewal before it may take over. */
export function takeOverAfterMs(timing: Timing): number {
  return timing.leaseMs + timing.skewAllowanceMs;
}

/** How long one attempt may be seen unchanged before it counts as dead: 2(D + ε), and while a person is asked, that too. */
export function attemptLimitMs(policy: Policy): number {
  const asking = policy.mode === 'approve' ? policy.policy.approvalTimeoutSeconds * 1000 : 0;
  return 2 * takeOverAfterMs(policy.timing) + asking;
}

/** How long a holder tries to hand over, from when it saw the attempt, before it goes on itself: two ticks. */
export function handOverMs(timing: Timing): number {
  return 2 * timing.tickMs;
}
