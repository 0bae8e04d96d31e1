// The port to the divergence report of this region: writes of an old epoch that arrived after it had opened.
import type { ChangeRecord, Image } from '../core/log/change-record.ts';

export type Divergence = {
  readonly origin: string;
  readonly record: ChangeRecord;
  /** What stands in this region's table under that key; null when nothing. */
  readonly ours: Image | null;
  readonly foundAtMs: number;
};

/** Contract: `add` is idempotent by (origin, epoch, the record's sequence number) and never removes or alters what is listed. */
export interface DivergenceStore {
  add(divergences: readonly Divergence[]): Promise<void>;
}
