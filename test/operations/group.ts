// A whole recovery group in memory for the tests of operations: three regions, one virtual clock that moves only when it is told to (or
// when somebody waits), ids that count, and every call recorded and open to faults.
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { FaultyRowStore, type RowCall, type RowFault } from '../../src/drivers/faulty/faulty-row-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { pause, resume, revoke } from '../../src/core/failover/register-changes.ts';
import type { RunbookInput } from '../../src/core/failover/runbook.ts';
import type { Level, ProbeResult } from '../../src/core/health/vantage.ts';
import { fenceKey, leaseKey, parseFenceRow, parseLeaseRow } from '../../src/core/lease/lease-rows.ts';
import type { Policy } from '../../src/core/policy.ts';
import { genesisBallot } from '../../src/core/register/ballot.ts';
import { parseAcceptorRow } from '../../src/core/register/acceptor-rows.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import type { RowKey } from '../../src/core/rows/row.ts';
import type { Governor } from '../../src/operations/governor.ts';
import { changeRegister } from '../../src/operations/register.ts';
import type { Proposal } from '../../src/ports/register.ts';
import { openGateStep } from '../../src/operations/open-gate.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { tick, type TickReport } from '../../src/operations/tick.ts';
import type { ClockSample } from '../../src/ports/environment.ts';
import type { Notice } from '../../src/ports/notifier.ts';
import { east, ireland, maker, policy as threeRegions, west } from '../core/fixtures.ts';

/** Now moves when it is told to, or when somebody waits. */
export class VirtualClock {
  #nowMs = 10_000_000;
  #monotonicMs = 500;
  readonly waits: number[] = [];
  nowMs = () => this.#nowMs;
  monotonicMs = () => this.#monotonicMs;
  wait = async (ms: number) => {
    this.waits.push(ms);
    this.advance(ms);
  };
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
  }
  /** The host was frozen: wall time passed, its monotonic clock stood still (H5). */
  freeze(ms: number): void {
    this.#nowMs += ms;
  }
  /** The wall clock was set. */
  set(ms: number): void {
    this.#nowMs += ms;
  }
}

/** A call, by whose governor, and when. */
export type GroupCall = RowCall & { readonly by: string; readonly atMs: number };

export type Group = ReturnType<typeof createGroup>;

export function createGroup(change: Partial<Policy> = {}) {
  const policy: Policy = { ...threeRegions, ...change };
  const clock = new VirtualClock();
  const notices: Notice[] = [];
  const started: { readonly name: string; readonly input: RunbookInput }[] = [];
  const samples: ClockSample[] = [];
  const probes: Record<string, Partial<Record<Level, ProbeResult['outcome']>>> = {};
  const faults: { faultOf: (call: GroupCall) => RowFault | undefined } = { faultOf: () => undefined };
  let ids = 0;
  const regions = policy.voters.map((v) => v.region);
  const memory = new Map(regions.map((region) => [region, new MemoryRowStore(region, firstRows(policy, region, east))]));
  const store = (region: string) => {
    const found = memory.get(region);
    if (found === undefined) throw new Error(`no region ${region}`);
    return found;
  };
  /** All calls of all governors, in their order. */
  const calls: GroupCall[] = [];

  const governorOf = (me: string, override: Partial<Governor> = {}): Governor => {
    const reach = new Map(
      regions.map((region) => [
        region,
        new FaultyRowStore(store(region), (call) => {
          const made = { ...call, by: me, atMs: clock.nowMs() };
          calls.push(made);
          return faults.faultOf(made);
        }),
      ]),
    );
    const faulty = (region: string) => reach.get(region) ?? store(region);
    return {
      me,
      policy,
      own: faulty(me),
      voters: regions.map(faulty),
      clock,
      chance: { id: () => (ids += 1).toString(16).padStart(32, '0') },
      digest: sha256,
      clockSamples: { recent: () => samples },
      probe: {
        probe: async (region, _url, level) => {
          const outcome = probes[region]?.[level] ?? 'ok';
          return { outcome, latencyMs: 20, because: outcome === 'ok' ? '' : `${level} of ${region} is down` };
        },
      },
      runbook: {
        start: async (name, input) => {
          const isKnown = started.some((s) => s.name === name);
          if (!isKnown) started.push({ name, input });
          return isKnown ? 'exists' : 'started';
        },
      },
      notifier: { notify: async (notice) => void notices.push(notice) },
      serviceUrl: me === ireland ? null : `https://${me}.example`,
      ...override,
    };
  };
  const governors = new Map(regions.map((region) => [region, governorOf(region)]));
  const governor = (region: string) => {
    const found = governors.get(region);
    if (found === undefined) throw new Error(`no region ${region}`);
    return found;
  };

  const change_ = async (propose: (current: RegisterValue) => Proposal) => {
    const outcome = await changeRegister(
      { group: policy.group, configId: policy.configId, region: ireland, acceptors: regions.map(store), chance: { id: () => (ids += 1).toString(16).padStart(32, '0') } },
      genesisBallot,
      propose,
    );
    if (outcome.kind !== 'chosen') throw new Error(`${outcome.kind}: ${outcome.because}`);
    return outcome.value;
  };

  return {
    policy,
    clock,
    notices,
    started,
    samples,
    probes,
    faults,
    calls,
    store,
    governor,
    governorOf,
    /** Changes the register past all faults, as a person might. */
    changeRegister: change_,
    resume: () => change_((v) => resume(v)),
    pause: () => change_((v) => pause(v, 'anna', 'maintenance', 1)),
    /** What the acceptor of this region holds. */
    acceptor: async (region: string) => parseAcceptorRow(region, (await store(region).get({ table: 'register', pk: `REGISTER#${policy.group}` })) ?? {}),
    value: async (region = ireland) => parseAcceptorRow(region, (await store(region).get({ table: 'register', pk: `REGISTER#${policy.group}` })) ?? {}).value,
    lease: async (region: string) => parseLeaseRow(await store(region).get(leaseKey)),
    fence: async (region: string, k = 0) => parseFenceRow(await store(region).get(fenceKey(k))),
    row: async (region: string, key: RowKey) => store(region).get(key),
    slot: () => Math.floor(clock.nowMs() / policy.timing.tickMs),
    /** One tick of this region at the next slot. */
    tick: async (region: string, by: Governor = governor(region)): Promise<TickReport> => tick(by, Math.floor(clock.nowMs() / policy.timing.tickMs), async () => 0),
    /** All regions tick, then a tick's time passes. */
    async rounds(count: number, who: readonly string[] = regions): Promise<TickReport[]> {
      const reports: TickReport[] = [];
      for (let i = 0; i < count; i += 1) {
        for (const region of who) reports.push(await this.tick(region));
        clock.advance(policy.timing.tickMs);
      }
      return reports;
    },
    inputOf: (epoch: number, attempt = 1, target = west): RunbookInput => ({ group: policy.group, epoch, attempt, target }),
    /** The first opening in us-east-1, by the ordinary steps, validated. */
    async open(): Promise<void> {
      await change_((v) => resume(v));
      await takeLeaseStep(governor(east), { group: policy.group, epoch: 1, attempt: 1, target: east });
      await openGateStep(governor(east), { group: policy.group, epoch: 1, attempt: 1, target: east });
      await change_((v) => ({ kind: 'set', value: { ...v, state: 'normal', attemptsSpent: 0 } }));
    },
  };
}

/** Resolved by hand. */
export function signal(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, resolve };
}

export const never = new Promise<void>(() => undefined);
export { east, ireland, west };

/** A group whose first region is open and validated. */
export async function opened(change = {}): Promise<Group> {
  const group = createGroup(change);
  await group.open();
  return group;
}

export function ticked(report: TickReport) {
  if (report.kind !== 'ticked') throw new Error(`the tick was ${report.kind}`);
  return report;
}

/** us-east-1 is revoked in favour of us-west-2. */
export const revokeEast = (group: Group) => group.changeRegister((v) => revoke(v, { epoch: v.epoch }, 'region-sick', west, maker()));
