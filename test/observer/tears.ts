// How the network around the region that acts is torn, each way by what a link can do to it: all of them end its majority, none ends it alike. Drawn
// from a seed, so that a run can be had again.
import { sleep } from './clock.ts';
import type { ControlRequest } from './control.ts';

/** Longer than any call between regions is waited for. */
const SLOW_MS = 30_000;
const FLAPS_MAX = 3;
const FLAP_TORN_MS: readonly [number, number] = [2000, 9000];
const FLAP_WHOLE_MS: readonly [number, number] = [300, 2500];
const LAG_MS: readonly [number, number] = [20, 200];

export interface Tear {
  readonly name: string;
  /** Resolves once it is in place for good. */
  readonly begin: () => Promise<void>;
}

export interface TearOptions {
  readonly random: () => number;
  readonly ask: (request: ControlRequest) => Promise<void>;
  /** The region that is to lose its majority, and all others. */
  readonly region: string;
  readonly others: readonly string[];
  readonly pause?: (ms: number) => Promise<void>;
}

export const TEARS = ['isolated', 'flapping', 'hears nothing', 'is not heard', 'reaches nobody', 'slow'] as const;

/** @param kind one of TEARS */
export function makeTear(kind: (typeof TEARS)[number], { random, ask, region, others, pause = sleep }: TearOptions): Tear {
  const isolate = () => ask({ kind: 'isolate', region });
  const toEach = async (request: (to: string) => ControlRequest) => {
    for (const to of others) await ask(request(to));
  };
  switch (kind) {
    case 'isolated':
      return { name: `${region} is isolated`, begin: isolate };
    case 'flapping': {
      const flaps = Array.from({ length: 1 + Math.floor(random() * FLAPS_MAX) }, () => ({ tornMs: between(random, FLAP_TORN_MS), wholeMs: between(random, FLAP_WHOLE_MS) }));
      return {
        name: `${region} is isolated after ${flaps.map(({ tornMs, wholeMs }) => `${tornMs} ms torn and ${wholeMs} ms whole`).join(', ')}`,
        begin: async () => {
          for (const { tornMs, wholeMs } of flaps) {
            await isolate();
            await pause(tornMs);
            await ask({ kind: 'heal' });
            await pause(wholeMs);
          }
          await isolate();
        },
      };
    }
    case 'hears nothing':
      return { name: `answers to ${region} are lost`, begin: () => toEach((to) => ({ kind: 'one-way', from: region, to, lost: 'answers' })) };
    case 'is not heard':
      return { name: `requests of ${region} are lost`, begin: () => toEach((to) => ({ kind: 'one-way', from: region, to, lost: 'requests' })) };
    case 'reaches nobody':
      return { name: `${region} reaches nobody, and is reached`, begin: () => toEach((to) => ({ kind: 'cut', from: region, to })) };
    case 'slow':
      return { name: `calls of ${region} take ${SLOW_MS / 1000} s`, begin: () => toEach((to) => ({ kind: 'delay', from: region, to, delayMs: SLOW_MS })) };
  }
}

/** A link that is slower than the others while a region is brought back. */
export function drawLag(random: () => number, regions: readonly string[]): Extract<ControlRequest, { kind: 'delay' }> {
  const [from = '', to = ''] = shuffled(random, regions);
  return { kind: 'delay', from, to, delayMs: between(random, LAG_MS) };
}

/** Each kind once in an order of its own before any comes again. */
export function* drawTears(random: () => number): Generator<(typeof TEARS)[number], never> {
  for (;;) yield* shuffled(random, TEARS);
}

function shuffled<T>(random: () => number, all: readonly T[]): T[] {
  return all
    .map((one) => ({ one, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ one }) => one);
}

function between(random: () => number, [least, most]: readonly [number, number]): number {
  return Math.round(least + random() * (most - least));
}
