// Part of each tick of a region that waits for its sign-off: finds where its change log ends for the epoch that it lost, once, and writes that down.
// Each tick does the whole again until one came through; who dies, freezes or overlaps with the next changes nothing.
import { drainedChange, drainedKey, epochToDrain, parseDrainedRow } from '../core/lease/drained-row.ts';
import type { Sighting } from '../core/register/sighting.ts';
import { LogDrain, untilComplete } from './drain-log.ts';
import type { Governor } from './governor.ts';
import type { OwnRows } from './keep-lease.ts';

/** @param rows read before: nothing may be accepted once the first marker is written. @returns what was done, for the tick's own account; empty: nothing was to do */
export async function drainEpoch(
  { me, own, clock, handOver: ports }: Pick<Governor, 'me' | 'own' | 'clock' | 'handOver'>,
  sighting: Sighting,
  rows: Pick<OwnRows, 'lease' | 'fences'>,
): Promise<string> {
  const epoch = epochToDrain(me, sighting, rows);
  if (epoch === undefined || ports === undefined) return '';
  const known = parseDrainedRow(await own.get(drainedKey));
  if (known !== undefined && known.epoch >= epoch) return '';
  const drain = new LogDrain(ports, clock, me, epoch);
  const until = await untilComplete(clock, () => drain.advance());
  if (until.kind !== 'complete') return `epoch ${epoch} is not drained yet: ${until.because}; the next tick goes on`;
  await own.change(drainedChange({ epoch, sequence: until.sequence }));
  return `drained epoch ${epoch}: its log holds all of it up to record ${until.sequence}`;
}
