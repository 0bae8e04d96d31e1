// Slots: the ticks of a region, numbered by its own wall clock; each is claimed once.
import { MalformedError } from '../errors.ts';

export function slotOf(atMs: number, tickMs: number): number {
  return Math.floor(atMs / tickMs);
}

/** Two fires of a schedule of one minute can be 119 s apart (H6). */
const aheadMs = 130_000;

/** The slots that each fire of the schedule puts on the queue; most are put there twice. */
export function slotsAhead(nowMs: number, tickMs: number): number[] {
  const first = slotOf(nowMs, tickMs) + 1;
  return Array.from({ length: Math.ceil(aheadMs / tickMs) }, (_, i) => first + i);
}

/** The slots that an invocation of the tick is for: an SQS event's records, or one message handed over by the gate. @throws MalformedError */
export function parseSlots(event: unknown): number[] {
  if (typeof event === 'object' && event !== null && 'Records' in event && Array.isArray(event.Records)) {
    return event.Records.map((record: unknown) => {
      const body = typeof record === 'object' && record !== null && 'body' in record ? record.body : undefined;
      return parseSlot(typeof body === 'string' ? parseJson(body) : undefined);
    });
  }
  return [parseSlot(event)];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseSlot(raw: unknown): number {
  const slot = typeof raw === 'object' && raw !== null && 'slot' in raw ? raw.slot : undefined;
  if (typeof slot !== 'number' || !Number.isSafeInteger(slot) || slot < 0) {
    throw new MalformedError(`A tick was asked for with ${JSON.stringify(raw)?.slice(0, 80)}: it needs {"slot": <whole number>}. It was dropped.`);
  }
  return slot;
}
