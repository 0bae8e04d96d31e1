// Why: one place derives every time relation that safety and speed rest on, so that a changed T, D or ε is judged
// before it is deployed and the figures that people are told are computed, not remembered. (docs/architecture.md, DESIGN "Time budget")

/** All times in milliseconds unless the name says otherwise. */
export type TimeBudgetInput = {
  /** T: from one tick of a governor to the next. */
  readonly tickMs: number;
  /** D: how long a renewal lets its holder act, before ε is taken off. */
  readonly leaseMs: number;
  /** ε: the holder stops this much before D, a challenger waits this much beyond it. */
  readonly skewAllowanceMs: number;
  /** σ: the largest difference between two Lambda hosts' clocks in one region. */
  readonly clockSkewMs: number;
  /** ρ: how far the rate of a clock may be off, in parts per million. */
  readonly driftPpm: number;
  /** From reading the clock to the answer's leaving, in running code. */
  readonly effectMs: number;
  /** How long the gate may reuse the lease row that it read. */
  readonly gateCacheMs: number;
  readonly ttlSeconds: number;
  readonly checkIntervalSeconds: number;
  /** How many checks in a row must agree before Route 53 changes its mind. */
  readonly checkFailures: number;
};

export type TimeBudgetField = keyof TimeBudgetInput;

export type TimeBudgetFinding = {
  /** `holds`: true with room · `thin`: true, but without the room that the design asks for · `refused`: not true. */
  readonly kind: 'holds' | 'thin' | 'refused';
  readonly field: TimeBudgetField;
  readonly because: string;
};

export type Quantiles = { readonly p50Ms: number; readonly p99Ms: number };

export type TimeBudget = {
  readonly findings: readonly TimeBudgetFinding[];
  /** The holder may act until the begin of its last renewal + this: D − ε. */
  readonly holdMs: number;
  /** A challenger may take over this long after its clock began: D + ε. */
  readonly challengeMs: number;
  /** An attempt that a region's look has held for this long is dead: 2(D + ε). */
  readonly attemptMs: number;
  /** Computed, for a region that is killed at a random moment; what a run really took is measured. */
  readonly killedToDecided: Quantiles;
  readonly killedToAnsweredElsewhere: Quantiles;
};

/** The limit of one register call; a look, a prepare and an accept are the longest tick's three rounds. */
const REGISTER_CALL_LIMIT_MS = 1000;
const REGISTER_ROUNDS_A_TICK = 3;
/** A holder that misses two ticks in a row must still hold. */
const TICKS_A_HOLD = 3;
/** From the clock's falling due to the register's `failing-over`: the gate's second clock notices within about 1 s, then two rounds. Assumed. */
const DECIDE_WORK_MS = 1500;
/** TakeLease, Synchronise of a log that was applied continuously, and OpenGate. Assumed; the report of each failover measures it. */
const RUNBOOK_WORK_MS = 2500;
/** Route 53 gathers its checkers' verdicts and publishes the answer. Assumed. */
const PUBLISH_MS = 3000;
const LONGEST_GATE_CACHE_MS = 1000;

/** Judges the timing and computes what follows from it. Every finding names the one field to change first. */
export function timeBudget(input: TimeBudgetInput): TimeBudget {
  return {
    findings: [notNegative(input), allowance(input), hold(input), tick(input), gateCache(input), answer(input)].flat(),
    holdMs: input.leaseMs - input.skewAllowanceMs,
    challengeMs: input.leaseMs + input.skewAllowanceMs,
    attemptMs: 2 * (input.leaseMs + input.skewAllowanceMs),
    killedToDecided: quantiles(decidedParts(input)),
    killedToAnsweredElsewhere: quantiles(answeredParts(input)),
  };
}

/** What a deployment must not be made with. */
export function refusals(budget: TimeBudget): readonly TimeBudgetFinding[] {
  return budget.findings.filter((finding) => finding.kind === 'refused');
}

function notNegative(input: TimeBudgetInput): TimeBudgetFinding[] {
  const fields: readonly TimeBudgetField[] = ['tickMs', 'leaseMs', 'skewAllowanceMs', 'clockSkewMs', 'driftPpm', 'effectMs', 'gateCacheMs', 'ttlSeconds', 'checkIntervalSeconds', 'checkFailures'];
  return fields
    .filter((field) => !(Number.isFinite(input[field]) && input[field] >= 0))
    .map((field) => ({ kind: 'refused', field, because: `${field} is ${input[field]}; it must be a number of at least 0` }));
}

// The holder acts until begin + D − ε on its own clocks, which differ by up to σ and may answer `effect` late; the challenger acts
// D + ε after it looked, on clocks that differ by up to σ. The rates differ by ρ over D − ε, D + ε and the wait: together
//   2ε ≥ 2σ + effect + ρ(2D + ε).
// The design asks for it twice over (ε ≥ the right side), because σ cannot be proved.
function allowance(input: TimeBudgetInput): TimeBudgetFinding {
  const neededMs = 2 * input.clockSkewMs + input.effectMs + (input.driftPpm / 1e6) * (2 * input.leaseMs + input.skewAllowanceMs);
  const hasMs = 2 * input.skewAllowanceMs;
  const sum = `2ε = ${hasMs} ms against 2σ + effect + ρ(2D + ε) = ${round(neededMs)} ms`;
  const least = Math.ceil(neededMs / 2);
  if (hasMs < neededMs) return { kind: 'refused', field: 'skewAllowanceMs', because: `two regions could act at once: ${sum}; make skewAllowanceMs at least ${least}` };
  if (input.skewAllowanceMs < neededMs) return { kind: 'thin', field: 'skewAllowanceMs', because: `${sum}: it holds, but not twice over; ${Math.ceil(neededMs)} would` };
  return { kind: 'holds', field: 'skewAllowanceMs', because: `${sum}: it holds twice over` };
}

// A renewal each T, good for D − ε from its begin: with D − ε ≥ 3T, two ticks in a row may be lost on a calm day.
function hold(input: TimeBudgetInput): TimeBudgetFinding {
  const holdMs = input.leaseMs - input.skewAllowanceMs;
  const neededMs = TICKS_A_HOLD * input.tickMs;
  if (holdMs < neededMs) {
    const because = `D − ε = ${holdMs} ms holds fewer than ${TICKS_A_HOLD} ticks of ${input.tickMs} ms, so that two late ticks would close a healthy service; make leaseMs at least ${neededMs + input.skewAllowanceMs}`;
    return { kind: 'refused', field: 'leaseMs', because };
  }
  return { kind: 'holds', field: 'leaseMs', because: `D − ε = ${holdMs} ms holds ${Math.floor(holdMs / input.tickMs)} ticks` };
}

function tick(input: TimeBudgetInput): TimeBudgetFinding {
  const neededMs = REGISTER_ROUNDS_A_TICK * REGISTER_CALL_LIMIT_MS;
  if (input.tickMs < neededMs) {
    const because = `a tick may need ${REGISTER_ROUNDS_A_TICK} register rounds of up to ${REGISTER_CALL_LIMIT_MS} ms, so ticks of ${input.tickMs} ms would overlap; make tickMs at least ${neededMs}`;
    return { kind: 'refused', field: 'tickMs', because };
  }
  return { kind: 'holds', field: 'tickMs', because: `the slowest register rounds of a tick (${neededMs} ms) fit into T = ${input.tickMs} ms` };
}

function gateCache(input: TimeBudgetInput): TimeBudgetFinding {
  if (input.gateCacheMs > LONGEST_GATE_CACHE_MS)
    return { kind: 'refused', field: 'gateCacheMs', because: `the gate may reuse a row for at most ${LONGEST_GATE_CACHE_MS} ms, or a close is seen too late; it is ${input.gateCacheMs}` };
  return { kind: 'holds', field: 'gateCacheMs', because: `a closed row is seen by the gate within ${input.gateCacheMs} ms` };
}

// Until its deadline a cut-off region rightly answers; a name that is cached for longer than a take-over needs makes DNS the slowest part.
function answer(input: TimeBudgetInput): TimeBudgetFinding {
  const ttlMs = input.ttlSeconds * 1000;
  const challengeMs = input.leaseMs + input.skewAllowanceMs;
  if (ttlMs > challengeMs) return { kind: 'thin', field: 'ttlSeconds', because: `clients may keep the old answer for ${input.ttlSeconds} s, longer than the take-over itself (${challengeMs} ms)` };
  return { kind: 'holds', field: 'ttlSeconds', because: `an old answer is forgotten within ${input.ttlSeconds} s` };
}

/** A delay: what is always spent, and independent parts that are each equally likely anywhere between 0 and their length. */
type Delay = { readonly fixedMs: number; readonly uniformsMs: readonly number[] };

// The region dies U1 after its last renewal, the challenger first sees that renewal U2 after it, both equally likely in [0, T]; its
// clock then runs D + ε:   decided − killed = D + ε + U2 − U1 + work,   and −U1 = U1' − T.
function decidedParts(input: TimeBudgetInput): Delay {
  return { fixedMs: input.leaseMs + input.skewAllowanceMs - input.tickMs + DECIDE_WORK_MS, uniformsMs: [input.tickMs, input.tickMs] };
}

// Then the runbook opens the gate, a check finds it within one interval (each further check of the threshold takes a whole one), Route 53
// publishes it, and a resolver forgets the old answer after what is left of its TTL.
function answeredParts(input: TimeBudgetInput): Delay {
  const decided = decidedParts(input);
  const intervalMs = input.checkIntervalSeconds * 1000;
  return {
    fixedMs: decided.fixedMs + RUNBOOK_WORK_MS + PUBLISH_MS + Math.max(0, input.checkFailures - 1) * intervalMs,
    uniformsMs: [...decided.uniformsMs, intervalMs, input.ttlSeconds * 1000],
  };
}

function quantiles(delay: Delay): Quantiles {
  return { p50Ms: quantile(delay, 0.5), p99Ms: quantile(delay, 0.99) };
}

const BISECTIONS = 40;

function quantile(delay: Delay, probability: number): number {
  const lengthsMs = delay.uniformsMs.filter((length) => length > 0);
  let [low, high] = [0, lengthsMs.reduce((sum, length) => sum + length, 0)];
  for (let step = 0; step < BISECTIONS; step += 1) {
    const middle = (low + high) / 2;
    if (probabilityAtMost(middle, lengthsMs) < probability) low = middle;
    else high = middle;
  }
  return round(delay.fixedMs + high);
}

// The exact distribution of a sum of n independent uniforms of lengths a_i:
//   P(Σ ≤ x) = 1 / (n! Π a_i) · Σ over subsets S of (−1)^|S| · max(0, x − Σ_S a_i)^n.
function probabilityAtMost(x: number, lengthsMs: readonly number[]): number {
  const n = lengthsMs.length;
  if (n === 0) return x >= 0 ? 1 : 0;
  let volume = 0;
  for (let subset = 0; subset < 2 ** n; subset += 1) {
    const chosen = lengthsMs.filter((_, index) => Math.floor(subset / 2 ** index) % 2 === 1);
    const rest = Math.max(0, x - chosen.reduce((sum, length) => sum + length, 0));
    volume += (chosen.length % 2 === 0 ? 1 : -1) * rest ** n;
  }
  const box = lengthsMs.reduce((product, length, index) => product * length * (index + 1), 1);
  return volume / box;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
