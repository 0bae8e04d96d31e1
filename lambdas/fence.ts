// Fence: stops the regions that lost the lease, beside the failover, and lets one act again that is reconciled.
import { connectFences } from '../src/client/connect-fences.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { fieldOf } from '../src/core/failover/event-field.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { fenceStep } from '../src/operations/fence-step.ts';
import type { FencedRegion } from '../src/operations/run-fences.ts';
import { chosenValue } from '../src/operations/run-fences.ts';
import { parseUndo, undoFences, type UndoneFence } from '../src/operations/undo-fences.ts';

/** Undone is asked for by a person's program, which waits for the answer. */
export async function handler(event: unknown): Promise<readonly FencedRegion[] | readonly UndoneFence[]> {
  if (fieldOf(event, 'undo') === undefined) return fenceStep(ports, parseRunbookInput(event));
  const { region, ...asked } = parseUndo(event);
  return undoFences(ports, await chosenValue(ports), region, asked);
}

const ports = connectFences(readEnvironment());
