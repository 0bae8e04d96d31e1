// What can go wrong in a history: a list of faults that can be shown, and shortened one by one. draw-plan.ts draws it from the seed.
import type { Step } from '../../src/core/failover/runbook.ts';

export const callKinds = ['get register', 'prepare register', 'accept register', 'get region', 'change region', 'change fence'] as const;
/** Of a hand-over: drawn only where somebody switches over. */
export const handOverCalls = ['list stream', 'read stream', 'mark data', 'get log'] as const;
export type CallKind = (typeof callKinds)[number] | (typeof handOverCalls)[number];
export type Phase = 'sent' | 'acted' | 'answered';
export type HotSpot = { readonly what: CallKind; readonly phase: Phase; readonly share: number };

export type Weather = {
  /** Of requests and answers, each way. */
  readonly lost: number;
  /** Of requests: carried out up to `lateMsMax` later, long after the caller gave up. */
  readonly late: number;
  /** Of requests: carried out a second time, later. */
  readonly twice: number;
  /** Of answers: the invocation that gets it freezes first, for 1 s to `freezeMsMax`. */
  readonly freeze: number;
  /** Calls of one kind at which invocations freeze much more often, as they send them or as they are answered. */
  readonly freezeAt: HotSpot | null;
  /** Calls of one kind at which invocations die much more often. */
  readonly dieAt: HotSpot | null;
  /** Requests of one kind that are much more often late. */
  readonly lateAt: HotSpot | null;
  /** Of answers: the invocation that gets it dies. */
  readonly die: number;
  /** Of calls: slow, up to about the call's limit each way. */
  readonly slow: number;
  /** Of slots: delivered again, a little later. */
  readonly tickTwice: number;
  readonly tickMissed: number;
  /** Of steps: invoked a second time beside the first. */
  readonly stepTwice: number;
};

/** `half-way`: as the step has changed its first fence row. */
export type StepMoment = 'before' | 'half-way' | 'after';

/** What a region has in its tables when it is back: all of it, not the register's (or any) rows any more, or those of some time ago. */
export type StateAfter = { readonly kind: 'forgotten'; readonly tables: 'register' | 'all' } | { readonly kind: 'old'; readonly tables: 'register' | 'all'; readonly ageMs: number };

export const calm: Weather = { lost: 0.0005, late: 0, twice: 0.002, freeze: 0, freezeAt: null, dieAt: null, lateAt: null, die: 0, slow: 0.002, tickTwice: 0.05, tickMissed: 0.01, stepTwice: 0.05 };
export const lateMsMax = 90_000;
export const freezeMsMax = 90_000;
/** How long a fault waits for the call that it is meant to hit; then it comes anyway. */
export const armedMsMax = 6000;

/** The call of the region in the middle of which a fault comes, or null: whenever it is. `by` waits for a tick or a step of this name, for as long as the fault would last. */
export type When = { readonly what: CallKind; readonly phase: Phase; readonly by?: string } | null;

export type Fault = { readonly atMs: number; readonly forMs: number } & (
  | { readonly kind: 'crash'; readonly region: number; readonly executions: 'resume' | 'lost'; readonly when: When; readonly state?: StateAfter }
  | { readonly kind: 'pause'; readonly region: number; readonly withStore: boolean; readonly when: When }
  | { readonly kind: 'cut'; readonly region: number; readonly when: When; readonly links: readonly (readonly [number, number])[]; readonly flapMs: number; readonly shape: string }
  /** One invocation of the region that holds the lease then freezes in the middle of that call; the others go on. */
  | { readonly kind: 'stall'; readonly when: NonNullable<When> }
  /** One invocation of the region dies, or freezes until the fault ends, in the middle of that call; the others go on. */
  | { readonly kind: 'die' | 'freeze'; readonly region: number; readonly when: NonNullable<When> }
  | { readonly kind: 'sick'; readonly region: number }
  | { readonly kind: 'throttle'; readonly region: number; readonly table: 'register' | 'region' | 'fence' | 'all' }
  | { readonly kind: 'rough'; readonly weather: Weather }
  /** `two failovers`: two people at once, from two regions, to two targets where there are two. With `when`: in the middle of such a call of the holder. */
  | { readonly kind: 'operator'; readonly action: 'failover' | 'two failovers' | 'pause' | 'audit'; readonly when?: When }
  /** The next execution that comes to `step` loses its region there: it dies, its hosts freeze, or it is cut off from the others. */
  | { readonly kind: 'step'; readonly step: Step; readonly moment: StepMoment; readonly strike: 'crash' | 'pause' | 'cut'; readonly executions: 'resume' | 'lost' }
  /** The stream of the region's table stands still: its writes are shipped to nobody. */
  | { readonly kind: 'stream'; readonly region: number }
  /** What the stream of the region's table has not delivered by now is lost, as after 24 h. */
  | { readonly kind: 'expire'; readonly region: number }
  /** A person asks for a planned switch-over, to any region that may be asked. */
  | { readonly kind: 'switch'; readonly when?: When }
  /** A shard of the region's stream closes, and two go on. */
  | { readonly kind: 'split'; readonly region: number; readonly when?: When }
  /** The governor of the region does not tick; its service is well. */
  | { readonly kind: 'silent'; readonly region: number }
  /** Somebody redrives an execution that is over, or that was lost with its region. */
  | { readonly kind: 'redrive' }
);

/** `isLost`: the table of the region's acceptor is gone before it is replaced. */
export type VoterFault = { readonly atMs: number; readonly kind: 'add' | 'remove' | 'replace'; readonly region: number; readonly isLost: boolean; readonly people: 1 | 2 };

export type Plan = {
  readonly regions: 3 | 5;
  readonly fenceShards: number;
  readonly faults: readonly Fault[];
  /** When the last fault that ends has ended. */
  readonly calmFromMs: number;
  /** Dead from `calmFromMs` on and for good, or null. */
  readonly lostForGood: number | null;
  /** Of the skew that is assumed; more than 1 breaks the assumption on purpose. */
  readonly skewFactor: number;
  /** From `calmFromMs` to an open gate, where so little goes wrong that it must be quicker than after the worst. */
  readonly serviceWithinMs?: number;
  /** How long Synchronise takes at most; 0 where all is applied already. */
  readonly synchroniseMsMax?: number;
  /** Nothing in this plan is a reason to shut the gate once it is open. */
  readonly isCalm?: boolean;
  /** Of the drift that is assumed; more than 1 breaks the assumption on purpose. */
  readonly driftFactor?: number;
  /** The writes go into tables, and the real change log carries them to the other regions. */
  readonly hasData?: boolean;
  /** These regions run a newer version until then: it writes fields that the others do not know. */
  readonly newer?: { readonly regions: readonly number[]; readonly untilMs: number };
  /** How many shards the stream of each region's table has at first; 1 where left out. */
  readonly streamShards?: number;
  /** So little goes wrong that each planned switch-over comes off. */
  readonly switchesComplete?: boolean;
  /** Nobody has a reason to say that a holder fails: a planned switch-over is taken as released, or not at all. */
  readonly isHolderWell?: boolean;
  /** Voters join and leave; the regions that are not founders are there from the beginning, with empty acceptors. */
  readonly voters?: readonly VoterFault[];
};

/** Which assumptions the plan breaks on purpose: what follows then proves nothing about the protocol. */
export function brokenAssumptions(plan: Plan): string[] {
  const { skewFactor, driftFactor = 1, faults } = plan;
  return [
    ...(skewFactor > 1 ? [`clocks differ by up to ${skewFactor.toFixed(1)} σ`] : []),
    ...(driftFactor > 1 ? [`clocks drift by up to ${driftFactor.toFixed(0)} ρ`] : []),
    ...(faults.some((f) => f.kind === 'crash' && f.state?.kind === 'old') ? ['rows are restored to an older state'] : []),
  ];
}

export function describeFault(fault: Fault, names: readonly string[]): string {
  const from = `${(fault.atMs / 1000).toFixed(1)} s, for ${(fault.forMs / 1000).toFixed(1)} s: ${fault.kind}`;
  switch (fault.kind) {
    case 'crash':
      return `${from} of ${names[fault.region]}${inTheMiddleOf(fault.when)} (executions ${fault.executions}${stateOf(fault.state)})`;
    case 'pause':
      return `${from} of ${names[fault.region]}'s hosts${fault.withStore ? ' and store' : ''}${inTheMiddleOf(fault.when)}`;
    case 'cut':
      return `${from} (${fault.shape}${fault.flapMs > 0 ? `, flapping each ${fault.flapMs} ms` : ''})${inTheMiddleOf(fault.when)} ${fault.links.map(([a, b]) => `${names[a]}→${names[b]}`).join(' ')}`;
    case 'stall':
      return `${from} of one invocation of the holder${inTheMiddleOf(fault.when)}`;
    case 'die':
    case 'freeze':
      return `${from} of one invocation of ${names[fault.region]}${inTheMiddleOf(fault.when)}`;
    case 'sick':
      return `${from}: readiness fails in ${names[fault.region]}`;
    case 'throttle':
      return `${from}: table '${fault.table}' of ${names[fault.region]}`;
    case 'rough':
      return `${from} ${JSON.stringify(fault.weather, (_, v: unknown) => (typeof v === 'number' ? Number(v.toFixed(4)) : v))}`;
    case 'operator':
      return `${from} ${fault.action}${inTheMiddleOf(fault.when ?? null)}`;
    case 'step':
      return `${from}: ${fault.strike} of the target ${fault.moment} ${fault.step} (executions ${fault.executions})`;
    case 'stream':
      return `${from}: the stream of ${names[fault.region]} stands still`;
    case 'expire':
      return `${from}: what the stream of ${names[fault.region]} holds is lost`;
    case 'switch':
      return `${from} planned${inTheMiddleOf(fault.when ?? null)}`;
    case 'split':
      return `${from} of a shard of the stream of ${names[fault.region]}${inTheMiddleOf(fault.when ?? null)}`;
    case 'silent':
      return `${from}: the governor of ${names[fault.region]}`;
    case 'redrive':
      return `${from} of an old execution`;
  }
}

function inTheMiddleOf(when: When): string {
  return when === null ? '' : `, when '${when.what}'${when.by === undefined ? '' : ` of ${when.by}`} is ${when.phase}`;
}

function stateOf(state: StateAfter | undefined): string {
  if (state === undefined) return '';
  return state.kind === 'forgotten' ? `, ${state.tables} rows gone` : `, ${state.tables} rows as ${(state.ageMs / 1000).toFixed(0)} s before`;
}
