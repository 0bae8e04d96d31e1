// Restores to any second of 200 random histories, against what really stood in the live table at that second: puts and removals, scans with
// writes in between, a stream that reaches the logs late and twice, a failover with writes that did not survive, and back.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { alwaysAsync } from '../core/property.ts';
import { createWorld, east, live, plain, west, type World } from './backup-fixture.ts';

type Step =
  | { readonly kind: 'write'; readonly key: number; readonly value: number | null; readonly afterMs: number }
  | { readonly kind: 'flush'; readonly count: number; readonly again: number }
  | { readonly kind: 'ship' }
  | { readonly kind: 'apply' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'backup'; readonly type: 'full' | 'incremental' | 'differential' | 'snapshot'; readonly writesPerPage: number }
  | { readonly kind: 'archive' }
  /** What happens all the time: the stream is shipped, the minute's archive is made. */
  | { readonly kind: 'minute' }
  | { readonly kind: 'fail-over'; readonly shipped: number; readonly late: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('write' as const), key: fc.nat(11), value: fc.option(fc.nat(999), { freq: 4 }), afterMs: fc.nat(3000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('flush' as const), count: fc.nat(6), again: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ship' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('apply' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(40_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('backup' as const), type: fc.constantFrom('full', 'incremental', 'incremental', 'differential', 'snapshot'), writesPerPage: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('archive' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('minute' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail-over' as const), shipped: fc.nat(4), late: fc.boolean() }) },
);

/** The live table at each of its changes: the journal that the restores are held against. */
type Journal = { readonly atMs: number; readonly contents: Record<string, string> }[];

class Play {
  readonly world: World;
  readonly journal: Journal = [];
  /** From the first write that reached no other region's log to the opening there: nobody can know what stood then. */
  readonly unknowable: { readonly fromMs: number; readonly toMs: number }[] = [];
  active = east;
  epoch = 0;
  #values = 0;
  #keys = 0;

  constructor(world: World) {
    this.world = world;
  }

  get other(): string {
    return this.active === east ? west : east;
  }

  async begin(): Promise<void> {
    this.epoch = 1;
    await this.world.region(east).open(1, west);
    this.note();
  }

  note(): void {
    this.journal.push({ atMs: this.world.clock.nowMs(), contents: plain(this.world.region(this.active).tables.contents(live)) });
  }

  /** A stream lags, but never by as much as the settling time: that is what coverage assumes. */
  async pass(ms: number): Promise<void> {
    this.world.clock.advance(ms);
    const { pending } = this.world.region(this.active);
    const overdue = pending.findLastIndex((entry) => entry.atMs < this.world.clock.nowMs() - logSettleMs / 2);
    if (overdue >= 0) await this.world.region(this.active).flush(overdue + 1);
  }

  async write(key: number, value: number | null, afterMs: number): Promise<void> {
    await this.pass(1 + afterMs);
    await this.world.region(this.active).put(`k${key}`, value === null ? null : (this.#values += 1) * 1000 + value, this.epoch);
    this.note();
  }

  /** The active region is lost: what it shipped is applied elsewhere, which opens; the rest of its log may arrive later, and did not survive. */
  async failOver(shipped: number, late: boolean): Promise<void> {
    const { world, active, other } = this;
    const [from, to] = [world.region(active), world.region(other)];
    await from.flush(shipped);
    await world.ship(active, other);
    const [lost] = from.pending;
    await from.flush();
    await to.apply(from);
    await this.world.clock.wait(2000);
    await from.setLease(this.epoch, 0);
    this.epoch += 1;
    await to.open(this.epoch, active);
    this.active = other;
    this.note();
    if (late) await world.ship(active, other);
    else if (lost !== undefined) this.unknowable.push({ fromMs: lost.atMs, toMs: world.clock.nowMs() });
    // The lost region is brought up by what survived before it may act again.
    await from.become(to);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const s of steps) {
      const region = this.world.region(this.active);
      if (s.kind === 'write') await this.write(s.key, s.value, s.afterMs);
      else if (s.kind === 'flush') await region.flush(s.count, s.again);
      else if (s.kind === 'ship') await this.world.ship(this.active, this.other);
      else if (s.kind === 'apply') await this.world.region(this.other).apply(region);
      else if (s.kind === 'wait') await this.pass(s.ms);
      else if (s.kind === 'minute') {
        await this.pass(60_000);
        await region.flush();
        await this.world.ship(this.active, this.other);
        await this.world.archive(this.active);
      } else if (s.kind === 'archive') await this.world.archive(this.active);
      else if (s.kind === 'backup') await this.backup(s.type, s.writesPerPage);
      else await this.failOver(s.shipped, s.late);
      await this.pass(1);
    }
  }

  async backup(type: 'full' | 'incremental' | 'differential' | 'snapshot', writesPerPage: number): Promise<void> {
    const { tables } = this.world.region(this.active);
    tables.onPage = async () => {
      for (let i = 0; i < writesPerPage; i += 1) await this.write((this.#keys += 5) % 12, (this.#keys % 3) - 1 === 0 ? null : 7, 300);
      // Some of it is logged while the scan goes on: positions asked for afterwards would miss it.
      await this.world.region(this.active).flush(1);
    };
    await this.world.backup(this.active, type);
    tables.onPage = async () => undefined;
  }

  /** As the live table stood at the end of that moment; a stream's times are whole seconds, so moments are, too. */
  at(atMs: number): Record<string, string> {
    return this.journal.findLast((j) => Math.floor(j.atMs / 1000) * 1000 <= atMs)?.contents ?? {};
  }
}

describe('a restore to any second', () => {
  test('gives what stood in the live table then', async () => {
    const seen = { restored: 0, refused: 0, acrossFailover: 0 };
    await alwaysAsync(
      fc.asyncProperty(
        fc.array(step, { minLength: 15, maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, moments, shards) => {
          const play = new Play(await createWorld());
          const { world } = play;
          await play.begin();
          await play.write(0, 1, 0);
          const startMs = world.clock.nowMs();
          await play.backup('full', 1);
          await play.run(steps);
          await world.region(play.active).flush();
          await play.pass(logSettleMs + 5000);
          await world.archive(play.active);
          const endMs = world.clock.nowMs();
          for (const [i, moment] of moments.entries()) {
            const atMs = Math.floor((startMs + (moment / 10_000) * (endMs - startMs)) / 1000) * 1000 + 999;
            if (play.unknowable.some((u) => u.fromMs <= atMs && atMs < u.toMs)) continue;
            try {
              const restored = await world.restore(play.active, world.request(atMs, `orders-restored-${i}`), shards);
              expect(restored.contents, `at ${atMs} of ${startMs}..${endMs} from ${JSON.stringify(restored.plan)}`).toEqual(play.at(atMs));
              seen.restored += 1;
              if (restored.plan.cuts.some((c) => c.epoch > 1 && c.openedAtMs <= atMs && c.openedAtMs > restored.plan.coveredFromMs)) seen.acrossFailover += 1;
            } catch (error) {
              if (!(error instanceof Error) || error.name !== 'NotCoveredError') throw error;
              seen.refused += 1;
              // Refused is only what is before the first full backup, within the settling time of the end, or what a full backup of the lost region cannot tell.
              const isExcused = /ended only at/.test(error.message) || /did not survive/.test(error.message) || atMs > endMs - logSettleMs;
              expect(isExcused, error.message).toBe(true);
            }
          }
        },
      ),
      200,
    );
    // A property that refuses everything, or never crosses a failover, says nothing.
    expect(seen.restored).toBeGreaterThan(300);
    expect(seen.acrossFailover).toBeGreaterThan(20);
  }, 240_000);
});
