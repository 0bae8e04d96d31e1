// The port to the change logs that one region keeps, its own included.
import type { LogHead, Segment } from '../core/log/segment.ts';

/**
 * Contract (test/contract/log-store.ts):
 * - `append` adds the segment only if the chain's head is still `head`; all or nothing. 'refused' changed nothing.
 * - `read` gives segments in order, each with sequence > `after`, at most `limit`.
 * - `readBack` gives segments in falling order, each with sequence < `before`, at most `limit`.
 * - a call that throws may have been carried out.
 */
export interface LogStore {
  readonly region: string;
  head(origin: string): Promise<LogHead>;
  append(head: LogHead, segment: Segment): Promise<'done' | 'refused'>;
  read(origin: string, after: number, limit: number): Promise<Segment[]>;
  readBack(origin: string, before: number, limit: number): Promise<Segment[]>;
}
