// Where this region's change log ends, once nothing more is accepted here (docs/switch-over.md, Why the log is at its end): a marker
// through every open shard of the stream, found again in the own log.
import { StepNotReadyError } from '../core/errors.ts';
import { markerKey, markersFor } from '../core/failover/hand-over.ts';
import { sequencesOf } from '../core/log/segment.ts';
import type { Clock } from '../ports/environment.ts';
import { mapAtOnce } from './at-once.ts';
import type { HandOverPorts } from './governor.ts';

const callsAtOnce = 8;
const segmentsPerPage = 20;
const pagesPerLook = 20;
/** How long one tick stays with it; the next tick begins before this one ends. */
const passMsMax = 8000;
const pollMs = 200;
/** Markers that reached no new shard in this time are followed by more. */
const markAgainMs = 1000;

export type Until = { readonly kind: 'complete'; readonly sequence: number } | { readonly kind: 'given-up'; readonly because: string } | { readonly kind: 'not-yet'; readonly because: string };

/**
 * Again and again, for as long as one tick stays with it. @param advance answers a number once it is complete, and before that what is missing
 * @param whyGiveUp asked after each look that was not complete
 */
export async function untilComplete(clock: Clock, advance: () => Promise<number | string>, whyGiveUp: () => Promise<string | undefined> = async () => undefined): Promise<Until> {
  for (const beganAtMs = clock.monotonicMs(); ; ) {
    const reached = await advance().catch((error: unknown) => String(error));
    if (typeof reached === 'number') return { kind: 'complete', sequence: reached };
    const because = await whyGiveUp();
    if (because !== undefined) return { kind: 'given-up', because: `${because}; ${reached}` };
    if (clock.monotonicMs() - beganAtMs >= passMsMax) return { kind: 'not-yet', because: reached };
    await clock.wait(pollMs);
  }
}

export class LogDrain {
  readonly #ports: Pick<HandOverPorts, 'stream' | 'log'>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #me: string;
  readonly #epoch: number;
  /** Where to read on in the shards that have not shown a marker. */
  #open = new Map<string, string>();
  /** Of a shard that closed without having shown one, the children must: their parent's records come before theirs. */
  #mustList = true;
  /** By shard: the marker whose removal it showed. */
  readonly #shown = new Map<string, string>();
  #markers = 0;
  #markedAtMs = Number.NEGATIVE_INFINITY;
  #logRead = 0;
  /** By marker: the number of its removal in the own log. */
  readonly #logged = new Map<string, number>();

  /** Every fence row of this region is confirmed closed for good in `epoch`. */
  constructor(ports: Pick<HandOverPorts, 'stream' | 'log'>, clock: Pick<Clock, 'monotonicMs'>, me: string, epoch: number) {
    this.#ports = ports;
    this.#clock = clock;
    this.#me = me;
    this.#epoch = epoch;
  }

  /** Goes on from where it is. @returns the number of the last record of the log that counts, or why it is not known yet */
  async advance(): Promise<number | string> {
    if (this.#open.size === 0 && this.#shown.size === 0) this.#logRead = (await this.#ports.log.head(this.#me)).sequence;
    if (this.#mustList) await this.#list();
    if (this.#open.size > 0 && this.#clock.monotonicMs() - this.#markedAtMs >= markAgainMs) await this.#mark();
    const failures = await mapAtOnce([...this.#open], callsAtOnce, ([shard, iterator]) =>
      this.#read(shard, iterator).then(
        () => [],
        (error: unknown) => [String(error)],
      ),
    );
    if (this.#open.size > 0 || this.#mustList) return [`${this.#open.size} shards of the stream have shown no marker yet`, ...failures.flat()].join('; ');
    return this.#find();
  }

  async #list(): Promise<void> {
    const ends = await this.#ports.stream.ends();
    if (ends.length === 0) throw new StepNotReadyError(`The change stream of ${this.#me} has no open shard: it is switched off, or is being made.`);
    const open = new Map(ends.filter((e) => !this.#shown.has(e.shard)).map((e) => [e.shard, this.#open.get(e.shard) ?? e.iterator]));
    // The markers of before were written into other shards.
    if ([...open.keys()].some((shard) => !this.#open.has(shard))) this.#markedAtMs = Number.NEGATIVE_INFINITY;
    this.#open = open;
    this.#mustList = false;
  }

  /** One that is not written, or not for certain, may be missed: more follow. */
  async #mark(): Promise<void> {
    this.#markedAtMs = this.#clock.monotonicMs();
    const from = this.#markers;
    this.#markers += markersFor(this.#open.size + this.#shown.size);
    const keys = Array.from({ length: this.#markers - from }, (_, i) => markerKey(this.#epoch, from + i));
    const failures = (
      await mapAtOnce(keys, callsAtOnce, (key) =>
        this.#ports.stream.mark(key, this.#epoch).then(
          () => [],
          (error: unknown) => [String(error)],
        ),
      )
    ).flat();
    if (failures.length === keys.length) throw new StepNotReadyError(`No marker could be written into the data table of ${this.#me}: ${failures[0]}.`);
  }

  async #read(shard: string, iterator: string): Promise<void> {
    for (let [at, pages] = [iterator, 0]; pages < pagesPerLook; pages += 1) {
      const { records, next } = await this.#ports.stream.read(at);
      const marker = records.find((r) => r.isRemoval && this.#isMine(r.key));
      if (marker !== undefined) {
        this.#shown.set(shard, marker.key);
        this.#open.delete(shard);
        return;
      }
      if (next === null) {
        this.#mustList = true;
        this.#open.delete(shard);
        return;
      }
      at = next;
      this.#open.set(shard, next);
      if (records.length === 0) return;
    }
  }

  /** A marker of this epoch, also another tick's: whoever writes one has closed the fence rows before. */
  #isMine(key: string): boolean {
    return key.startsWith(markerKey(this.#epoch, 0).slice(0, -1));
  }

  async #find(): Promise<number | string> {
    for (;;) {
      const segments = await this.#ports.log.read(this.#me, this.#logRead, segmentsPerPage);
      for (const [record, sequence] of sequencesOf(segments)) if (record.image === null && this.#isMine(record.key)) this.#logged.set(record.key, sequence);
      const last = segments.at(-1);
      if (last === undefined) break;
      this.#logRead = last.sequence;
    }
    const found = [...this.#shown.values()].map((key) => this.#logged.get(key));
    const missing = found.filter((sequence) => sequence === undefined).length;
    return missing > 0 || found.length === 0 ? `${missing} shards of the stream are not in the log up to their markers yet` : Math.max(...found.map((sequence) => sequence ?? 0));
  }
}
