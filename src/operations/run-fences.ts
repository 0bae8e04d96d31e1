// Stops a region that lost the lease, beside the failover: each fence in its order and within its time, its outcome in a row.
import { judgeFences, planFences, regionsToFence, requireFenceable, type FenceOutcome, type FencePolicy, type Judged } from '../core/fences/fence-plan.ts';
import { claimFence, endFence, fenceRunKey, parseFenceRun, rememberFence } from '../core/fences/fence-rows.ts';
import { NoQuorumError } from '../core/errors.ts';
import type { RegisterValue } from '../core/register/value.ts';
import type { Chance, Clock } from '../ports/environment.ts';
import type { Fence } from '../ports/fence.ts';
import type { Register } from '../ports/register.ts';
import type { RowStore } from '../ports/row-store.ts';

export type ArmedFence = FencePolicy & { readonly driver: Fence };

export type FencePorts = {
  /** Of the region that runs them: the rows are there. */
  readonly own: RowStore;
  readonly register: Pick<Register, 'look'>;
  readonly fences: readonly ArmedFence[];
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly chance: Chance;
  /** Aborted after so many ms. */
  readonly timeLimit: (ms: number) => AbortSignal;
};

/** `outcome` null: another run has it, and had not ended. */
export type FenceResult = Pick<FencePolicy, 'name' | 'kind' | 'required'> & { readonly outcome: FenceOutcome | null };

export type FencedRegion = { readonly region: string; readonly epoch: number; readonly results: readonly FenceResult[]; readonly judged: Judged };

/** Beyond a fence's own limit: writing its rows, and looking at the register. */
const claimMarginMs = 10_000;

/**
 * All fences of every region that the register wants stopped in this epoch. Repeated, it runs only what is not confirmed.
 * @throws NoQuorumError where the register cannot be read for certain: nothing was changed
 */
export async function runFences(ports: FencePorts, epoch: number): Promise<FencedRegion[]> {
  const value = await chosenValue(ports);
  return Promise.all(regionsToFence(value, epoch).map(async (region) => fenceRegion(ports, region, epoch)));
}

async function fenceRegion(ports: FencePorts, region: string, epoch: number): Promise<FencedRegion> {
  const stages = planFences(ports.fences, region);
  const results: FenceResult[] = [];
  for (const stage of stages) results.push(...(await Promise.all(stage.map(async (fence) => runFence(ports, fence, epoch)))));
  const outcomes = new Map(results.flatMap(({ name, outcome }) => (outcome === null ? [] : [[name, outcome] as const])));
  return { region, epoch, results, judged: judgeFences(stages.flat(), outcomes) };
}

async function runFence(ports: FencePorts, fence: ArmedFence, epoch: number): Promise<FenceResult> {
  const { name, kind, required } = fence;
  try {
    return { name, kind, required, outcome: await claimAndRun(ports, fence, epoch) };
  } catch (error) {
    // A row that could not be written, or a register that could not be read, stops this fence; the others are run.
    return { name, kind, required, outcome: { kind: 'unknown', because: `it was not run to its end here: ${messageOf(error)}` } };
  }
}

async function claimAndRun(ports: FencePorts, fence: ArmedFence, epoch: number): Promise<FenceOutcome | null> {
  const { own, clock, chance } = ports;
  const run = chance.id();
  const atMs = Math.round(clock.nowMs());
  const claimed = await own.change(claimFence(fence, epoch, { run, atMs, freeAtMs: atMs + fence.timeoutMs + claimMarginMs }));
  if (claimed.kind === 'refused') return ofAnother(claimed.row);
  const outcome = await act(ports, fence, epoch, run);
  const ended = await own.change(endFence(fence, epoch, run, outcome, Math.round(clock.nowMs())));
  return ended.kind === 'done' ? outcome : ofAnother(ended.row);
}

/** What stands there by another run's word. */
function ofAnother(row: Parameters<typeof parseFenceRun>[0] | undefined): FenceOutcome | null {
  if (row === undefined) return { kind: 'unknown', because: 'its row is gone: the region table was emptied; it is not run' };
  const { state, because } = parseFenceRun(row);
  if (state === 'running') return null;
  if (state === 'confirmed' || state === 'failed' || state === 'unknown') return { kind: state, because };
  return { kind: 'unknown', because: `a person has it undone (${state})` };
}

async function act(ports: FencePorts, fence: ArmedFence, epoch: number, run: string): Promise<FenceOutcome> {
  const target = { region: fence.region, epoch };
  const signal = ports.timeLimit(fence.timeoutMs);
  const endAtMs = ports.clock.nowMs() + fence.timeoutMs;
  const known = await ports.own.get(fenceRunKey(fence.region, epoch, fence.name));
  if (known === undefined || parseFenceRun(known).memo === null) {
    const memo = await within(signal, fence, async () => ({ kind: 'remembered' as const, memo: await fence.driver.remember(target, signal) }));
    if (memo.kind !== 'remembered') return { ...memo, because: `nothing was changed: what undoing needs could not be read (${memo.because})` };
    const remembered = await ports.own.change(rememberFence(fence, epoch, run, memo.memo));
    if (remembered.kind === 'refused') return { kind: 'unknown', because: 'another run has it by now; nothing was changed' };
  }
  // The last thing before it acts: whatever was read earlier may be over, and a host that was frozen meanwhile has lost its claim.
  requireFenceable(await chosenValue(ports), fence.region, epoch);
  if (signal.aborted || ports.clock.nowMs() >= endAtMs) return { kind: 'unknown', because: `${fence.timeoutMs} ms were over before it was begun; nothing was changed` };
  return within(signal, fence, async () => fence.driver.fence(target, signal));
}

/** Ends with the signal, also where the driver does not; a driver that throws broke its contract, and has told nothing. */
export async function within<T>(signal: AbortSignal, fence: Pick<FencePolicy, 'timeoutMs'>, call: () => Promise<T>): Promise<T | { readonly kind: 'unknown'; readonly because: string }> {
  const unknown = (because: string) => ({ kind: 'unknown' as const, because });
  let end: () => void = () => undefined;
  const ended = new Promise<{ readonly kind: 'unknown'; readonly because: string }>((resolve) => {
    end = () => resolve(unknown(`no answer within ${fence.timeoutMs} ms`));
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
  });
  try {
    return await Promise.race([call().catch((error: unknown) => unknown(messageOf(error))), ended]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

export async function chosenValue(ports: Pick<FencePorts, 'register'>): Promise<RegisterValue> {
  const sighting = await ports.register.look();
  if (sighting.kind !== 'chosen')
    throw new NoQuorumError(`The register cannot be read for certain (${sighting.because}), so nobody is fenced or unfenced by it. Nothing was changed; it is tried again.`);
  return sighting.value;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
