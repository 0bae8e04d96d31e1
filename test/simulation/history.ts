// One history: a recovery group under a plan of faults, until it is well again or its time is up.
import type { Policy } from '../../src/core/policy.ts';
import { Executions } from './executions.ts';
import { watchCalm } from './calm-day.ts';
import { DataPlane } from './data-plane.ts';
import { drawPlan } from './draw-plan.ts';
import { withSwitches } from './draw-switches.ts';
import { emptyTables } from './hand-over-ports.ts';
import { FaultPlayer } from './fault-player.ts';
import { brokenAssumptions, type Plan } from './faults.ts';
import { Invariants } from './invariants.ts';
import { Operator } from './operator.ts';
import { withParseCache } from './parse-cache.ts';
import { realProduct, type Product } from './product.ts';
import { Random } from './random.ts';
import { Reconciliation } from './reconciliation.ts';
import { Region } from './region.ts';
import { Service, soundGate, soundWrite, type GateRule, type WriteRule } from './service.ts';
import { StrongTable } from './strong-table.ts';
import { Ticks } from './ticks.ts';
import { deployedRegions, VoterFaults } from './voter-faults.ts';
import { World, type Note, type Violation } from './world.ts';

export type HistoryOptions = {
  readonly seed: number;
  readonly regions?: 3 | 5;
  /** Instead of the plan that the seed draws: what shrinking tries. */
  readonly plan?: Plan;
  readonly skewFactor?: number;
  readonly driftFactor?: number;
  readonly isRecording?: boolean;
  readonly product?: Product;
  /** `strong`: in one strongly consistent table. No voters change then. */
  readonly register?: 'tables' | 'strong';
  readonly gate?: GateRule;
  readonly write?: WriteRule;
};

export type HistoryResult = {
  readonly seed: number;
  readonly plan: Plan;
  readonly violation: Violation | undefined;
  /** `beyond the bound`: an assumption was broken on purpose; what follows proves nothing about the protocol. */
  readonly label: 'within the bound' | 'beyond the bound';
  readonly trace: string;
  readonly endedAtMs: number;
  readonly events: number;
  readonly ticks: number;
  readonly epochs: number;
  /** How often the voters changed. */
  readonly voterChanges: number;
  readonly writesAccepted: number;
  /** Changes that were applied in another region than their own. */
  readonly changesApplied: number;
  /** Divergent keys that a person decided. */
  readonly keysDecided: number;
  /** Planned switch-overs: asked for and begun, released, taken as released, taken back. */
  readonly switches: { readonly asked: number; readonly released: number; readonly taken: number; readonly takenBack: number };
  readonly gateAnswers: number;
  readonly clockAlarms: number;
  /** Writes of the register that met another region's; only in one table. */
  readonly writeConflicts: number;
  readonly notes: readonly Note[];
  readonly names: readonly string[];
  /** What each region went by at the end, where the history is told. */
  readonly beliefs: readonly (readonly string[])[];
};

const names = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'ap-south-1'];
/** The assumed bound of a clock's rate (ρ). */
const driftMax = 200e-6;

/** @param regions how many are deployed; more than vote, where voters join later */
export function policyOf(plan: Pick<Plan, 'regions' | 'fenceShards'>, regions: number = plan.regions): Policy {
  const candidates = plan.regions === 3 ? [0, 1] : [0, 1, 3];
  return {
    group: 'orders',
    configId: regions === plan.regions ? 'c1' : 'deployed later',
    voters: names.slice(0, regions).map((region, i) => ({ region, role: candidates.includes(i) ? ('candidate' as const) : ('witness' as const), registerTable: 'register-1' })),
    mode: 'automatic',
    isFenced: true,
    fenceShards: plan.fenceShards,
    timing: { tickMs: 5000, leaseMs: 20_000, skewAllowanceMs: 2000, clockSkewMs: 500, effectMs: 500, gateCacheMs: 1000 },
    policy: {
      liveness: { failures: 3, of: 4 },
      readiness: { failures: 3, of: 4 },
      attemptsMax: 3,
      // Shorter than the production default, so that one history sees more than one revocation.
      cooldownMs: 60_000,
      approvalTimeoutSeconds: 300,
      scoreHealthyAbove: 0.8,
      scoreDegradedBelow: 0.7,
    },
  };
}

/** From the last fault's end to an open gate: three attempts of 2(D + ε), and two more of D + ε and their runbooks. */
export function recoveryBudgetMs(policy: Policy): number {
  const { leaseMs, skewAllowanceMs, tickMs } = policy.timing;
  return 3 * 2 * (leaseMs + skewAllowanceMs) + 2 * (leaseMs + skewAllowanceMs) + 6 * tickMs;
}

const switchSalt = 0x2f6e2b1;

/** Open for this long in one go, after the last fault, counts as well again. */
const steadyMs = 12_000;

export async function runHistory(options: HistoryOptions): Promise<HistoryResult> {
  const { seed, product = realProduct } = options;
  // Switch-overs last, and from a stream of their own: the seeds that have none mean the same histories as before there were any.
  const drawn = options.plan ?? withSwitches(new Random(seed ^ switchSalt), drawPlan(new Random(seed), options.regions ?? 3, options.skewFactor, options.driftFactor));
  const { voters: changes, ...unchanged } = drawn;
  // One table's replicas neither join nor leave.
  const plan: Plan = options.register === 'strong' || changes === undefined ? unchanged : drawn;
  const founders = policyOf(plan);
  const policy = plan.voters === undefined ? founders : policyOf(plan, deployedRegions);
  const world = new World(new Random(seed ^ 0x5bd1e995), options.isRecording === true, policy.timing.clockSkewMs * plan.skewFactor);
  const { random, queue } = world;
  for (const [index, voter] of policy.voters.entries()) {
    const isFounder = index < founders.voters.length;
    const first = product.firstRows.firstRows(founders, voter.region, names[0] ?? '');
    const rows = isFounder ? first : [product.firstRows.joiningRow(policy.group, random.hex(32)), ...first.slice(1)];
    const store = new product.rows.MemoryRowStore(voter.region, rows);
    const wallBaseMs = 1.7e12 + Math.floor(random.between(-3_600_000, 3_600_000));
    world.regions.push(new Region({ index, name: voter.region, isCandidate: voter.role === 'candidate', store, wallBaseMs, rate: 1 + random.between(-driftMax, driftMax) * (plan.driftFactor ?? 1) }));
  }
  for (const index of plan.newer?.regions ?? []) {
    const region = world.regions[index];
    if (region !== undefined) region.newerUntilMs = plan.newer?.untilMs ?? 0;
  }
  const genesisRow = product.firstRows.firstRows(founders, names[0] ?? '', names[0] ?? '')[0]?.row;
  const invariants = new Invariants(world, product, policy, String(genesisRow?.['acceptedValue']));
  const strong = options.register === 'strong' ? new StrongTable(product, policy.group, genesisRow ?? {}) : undefined;
  const executions = new Executions({ world, policy, invariants, isChangingVoters: plan.voters !== undefined, strong }, product);
  if (plan.synchroniseMsMax !== undefined) executions.synchroniseMsMax = plan.synchroniseMsMax;
  const { ports } = executions;
  const ticks = new Ticks(ports, product);
  const operator = new Operator(ports, product);
  const service = new Service(ports, product, options.gate ?? soundGate, options.write ?? soundWrite);
  const data = plan.hasData === true ? new DataPlane(ports, product, plan.streamShards) : undefined;
  for (const user of [executions, ticks, service, operator]) user.data = data;
  const reconciliation = data === undefined ? undefined : new Reconciliation(ports, data);
  operator.reconciliation = reconciliation;
  if (data !== undefined) ticks.handOver = (invocation) => data.handOver(invocation);
  else if (plan.faults.some((f) => f.kind === 'switch')) ticks.handOver = emptyTables(ports);
  invariants.handedOver = (value) => data?.judgeHandedOver(value);
  invariants.isHolderWell = plan.isHolderWell === true;
  data?.begin();
  ticks.begin();
  operator.begin();
  for (const region of world.regions) if (region.isCandidate) service.begin(region);
  const player = new FaultPlayer(world, executions, operator, service, () => world.regions.findIndex((r) => r.name === invariants.register.newest.value.holder));
  player.data = data;
  player.play(plan);
  new VoterFaults(ports, product).play(plan.voters ?? []);

  if (plan.isCalm === true) watchCalm(world, product, invariants, plan.calmFromMs);
  const deadlineMs = plan.calmFromMs + (plan.serviceWithinMs ?? recoveryBudgetMs(policy));
  let openSinceMs: number | undefined;
  let isWell = false;
  const watch = (): void => {
    const { value } = invariants.register.newest;
    const holder = world.regions.find((r) => r.name === value.holder);
    const isOpen =
      holder !== undefined &&
      holder.isUp &&
      product.leaseRows.isActingAt(invariants.gateRow(holder), holder.wallAt(world.nowMs)) &&
      invariants.gateRow(holder).epoch === value.epoch &&
      invariants.isEveryFenceOpen(holder);
    openSinceMs = isOpen ? (openSinceMs ?? world.nowMs) : undefined;
    isWell = openSinceMs !== undefined && world.nowMs - Math.max(openSinceMs, plan.calmFromMs) >= steadyMs;
    if (world.nowMs > deadlineMs && !isWell) {
      world.violate(
        'somebody serves in the end',
        `${((world.nowMs - plan.calmFromMs) / 1000).toFixed(0)} s after the last fault no gate and its fence rows have been open for ${steadyMs / 1000} s: ${describeValue(value)}`,
      );
    }
    queue.after(1000, watch);
  };
  queue.at(plan.calmFromMs, watch);
  await withParseCache(() => queue.run(() => isWell || world.violation !== undefined));
  const last = world.regions.find((r) => r.name === invariants.register.newest.value.holder);
  const { asked } = invariants.switches;
  if (plan.switchesComplete === true && invariants.switches.taken !== asked)
    world.violate('a calm switch-over comes off', `of ${asked} that were asked for, ${invariants.switches.taken} were taken as released and ${invariants.switches.takenBack} taken back`);
  if (world.violation === undefined && last !== undefined) await data?.judgeEnd(last);
  if (world.violation === undefined && last !== undefined) await reconciliation?.judgeReconciled(last);

  return {
    seed,
    plan,
    violation: world.violation,
    label: brokenAssumptions(plan).length > 0 ? 'beyond the bound' : 'within the bound',
    trace: queue.trace.toString(16).padStart(8, '0'),
    endedAtMs: world.nowMs,
    events: queue.eventsRun,
    ticks: ticks.ticked,
    epochs: invariants.epochsOpened.size,
    voterChanges: invariants.register.newest.value.config.number ?? 0,
    writesAccepted: invariants.writesAccepted,
    changesApplied: data?.applied ?? 0,
    keysDecided: reconciliation?.decided ?? 0,
    switches: invariants.switches,
    gateAnswers: invariants.gateAnswers,
    clockAlarms: invariants.clockAlarms,
    writeConflicts: strong?.conflicts ?? 0,
    notes: world.notes,
    names: world.regions.map((r) => r.name),
    beliefs: world.isRecording ? world.regions.map((r) => [...(r.isUp ? [] : ['dead']), ...(r.hostsFrozenUntilMs > world.nowMs ? ['hosts frozen'] : []), ...invariants.beliefs(r)]) : [],
  };
}

function describeValue(value: {
  state: string;
  holder: string;
  epoch: number;
  attempt: number;
  renewable: boolean;
  released: boolean;
  successor: string | null;
  paused: object | null;
  because: string;
}): string {
  const { state, holder, epoch, attempt, renewable, released, successor, paused, because } = value;
  return `the register says ${JSON.stringify({ state, holder, epoch, attempt, renewable, released, successor, paused, because })}`;
}
