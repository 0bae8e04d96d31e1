// The faults of a run. Regions and clients are hurt side by side; which, how and for how long comes from the seed (not when the
// operating system carries it out: a run cannot be replayed, its recording can be judged again). They are paced by the calls that
// were answered: a slow machine takes longer, and does not spend its time on starting processes again.
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../simulation/random.ts';
import type { Clients } from './clients.ts';
import { regionNames, type RegionName, type Regions } from './regions.ts';

export type Fault = { readonly kind: 'stop' | 'pause' | 'kill'; readonly what: string; readonly atNs: number; readonly untilNs: number };

/** A region that stands still for less is paused: too short for a caller to give up, long enough to part the acceptors. */
const pauseMsMax = 500;
const lookMs = 50;
const kinds = ['pause', 'stop', 'pause', 'kill'] as const;

export type FaultsContext = {
  readonly regions: Regions;
  readonly clients: Clients;
  readonly random: Random;
  readonly nowNs: () => number;
  readonly answered: () => number;
  readonly signal: AbortSignal;
};

/** Hurts regions and clients until the signal; all of them are well again when it returns. */
export async function makeFaults(context: FaultsContext, note: (fault: Fault) => void): Promise<void> {
  await Promise.all([hurtRegions(context, note), hurtClients(context, note)]);
}

async function hurtRegions(context: FaultsContext, note: (fault: Fault) => void): Promise<void> {
  const { random, signal } = context;
  let turn = 0;
  while (!signal.aborted) {
    await calmFor(context, random.between(100, 400));
    if (signal.aborted) return;
    // Two at once now and then: then no majority is left, and what is under way is of unknown outcome.
    const count = random.chance(0.15) ? 2 : 1;
    const hurt = shuffled(random, regionNames).slice(0, count);
    const kind = kinds[turn % kinds.length] ?? 'pause';
    turn += 1;
    await Promise.all(hurt.map((region) => hurtRegion(context, kind, region, note)));
  }
}

async function hurtRegion({ regions, random, nowNs, signal }: FaultsContext, kind: Fault['kind'], region: RegionName, note: (fault: Fault) => void): Promise<void> {
  if (kind === 'pause') {
    // A volley: each parts the acceptors of other calls.
    for (let i = 0; i < 8 && !signal.aborted; i += 1) {
      await standStill(random.between(5, pauseMsMax / 3));
      await pausedFor(random.between(5, 120), signal);
    }
    return;
  }
  if (kind === 'stop') return standStill(random.between(pauseMsMax, 2500));
  const atNs = nowNs();
  await regions.kill(region);
  await pausedFor(random.between(0, 800), signal);
  await regions.restart(region);
  note({ kind, what: region, atNs, untilNs: nowNs() });

  async function standStill(forMs: number): Promise<void> {
    const atNs = nowNs();
    regions.stop(region);
    try {
      await delay(forMs);
    } finally {
      regions.continue(region);
    }
    note({ kind, what: region, atNs, untilNs: nowNs() });
  }
}

async function hurtClients(context: FaultsContext, note: (fault: Fault) => void): Promise<void> {
  const { clients, random, nowNs, signal } = context;
  while (!signal.aborted) {
    await calmFor(context, random.between(100, 400));
    if (signal.aborted) return;
    const slot = random.below(clients.count);
    const atNs = nowNs();
    const isKill = random.chance(0.15);
    if (isKill) {
      await clients.replace(slot);
    } else {
      clients.signal(slot, 'SIGSTOP');
      await delay(random.between(20, random.chance(0.5) ? 300 : 3000));
      clients.signal(slot, 'SIGCONT');
    }
    note({ kind: isKill ? 'kill' : 'stop', what: `client ${slot}`, atNs, untilNs: nowNs() });
  }
}

/** Until so many calls more were answered. */
async function calmFor({ answered, signal }: FaultsContext, calls: number): Promise<void> {
  const until = answered() + calls;
  while (answered() < until && !signal.aborted) await pausedFor(lookMs, signal);
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

async function pausedFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
