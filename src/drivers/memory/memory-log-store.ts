// Change logs in memory.
import { emptyHead, headAfter, type LogHead, type Segment } from '../../core/log/segment.ts';
import type { LogStore } from '../../ports/log-store.ts';

export class MemoryLogStore implements LogStore {
  readonly region: string;
  readonly #chains = new Map<string, { head: LogHead; segments: Segment[] }>();

  constructor(region: string) {
    this.region = region;
  }

  async head(origin: string): Promise<LogHead> {
    return this.#chains.get(origin)?.head ?? emptyHead;
  }

  async append(head: LogHead, segment: Segment): Promise<'done' | 'refused'> {
    const chain = this.#chains.get(segment.origin) ?? { head: emptyHead, segments: [] };
    if (chain.head.sequence !== head.sequence || chain.head.hash !== head.hash) return 'refused';
    this.#chains.set(segment.origin, { head: headAfter(segment), segments: [...chain.segments, segment] });
    return 'done';
  }

  async read(origin: string, after: number, limit: number): Promise<Segment[]> {
    return (this.#chains.get(origin)?.segments ?? []).filter((s) => s.sequence > after).slice(0, limit);
  }

  async readBack(origin: string, before: number, limit: number): Promise<Segment[]> {
    return (this.#chains.get(origin)?.segments ?? [])
      .filter((s) => s.sequence < before)
      .toReversed()
      .slice(0, limit);
  }
}
