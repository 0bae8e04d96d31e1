// Synchronise: applies the lost region's log to the end of what was shipped anywhere that answers. It needs no failed region.
import { stillAt, type RunbookInput } from '../core/failover/runbook.ts';
import { candidatesOf } from '../core/policy.ts';
import type { RegisterValue } from '../core/register/value.ts';
import type { LogStore } from '../ports/log-store.ts';
import { applyLog, type Applied, type LogApplier } from './apply-log.ts';
import { beginStep, requireHeld } from './current-lease.ts';
import type { Governor } from './governor.ts';
import { catchUp } from './ship-log.ts';

export type Loss = {
  readonly origin: string;
  /** When the newest change that is here was made; what was acknowledged after it and not shipped is only in the lost region. */
  readonly newestAtMs: number | null;
  readonly newestAgeMs: number | null;
  readonly records: number;
  /** Regions whose copy of the log could not be read. */
  readonly unread: readonly string[];
};

export type Synchronised = { readonly isComplete: boolean; readonly applied: number; readonly approvalNeeded: boolean; readonly loss: readonly Loss[] };

const pagesPerCall = 50;

/** @param peers the logs that the other regions keep. */
export async function synchroniseStep(governor: Governor, input: RunbookInput, applier: LogApplier, peers: readonly LogStore[]): Promise<Synchronised> {
  await beginStep(governor, input, 'Synchronise');
  const { value } = await requireHeld(governor, input);
  const origins = candidatesOf(governor.policy).filter((region) => region !== governor.me);
  const results = await Promise.all(
    origins.map(async (origin) => {
      const unread = await gather(
        origin,
        applier,
        peers.filter((p) => p.region !== origin),
      );
      return { applied: await applyLog(applier, origin, pagesPerCall, [stillAt(input, 'Synchronise')]), unread };
    }),
  );
  const nowMs = governor.clock.nowMs();
  return {
    isComplete: results.every((r) => r.applied.isComplete),
    applied: results.reduce((sum, r) => sum + r.applied.applied, 0),
    approvalNeeded: governor.policy.mode === 'approve' && !isAgreedTo(value, input.epoch),
    loss: results.map((r) => lossOf(r.applied, r.unread, nowMs)),
  };
}

/** A person asked for a planned switch-over, and it loses nothing: whether its successor took it as released, or its holder took it back. */
function isAgreedTo(value: RegisterValue, epoch: number): boolean {
  return value.planned === true || value.transitions.some((t) => t.on === 'handed-back' && t.epoch === epoch);
}

function lossOf(applied: Applied, unread: readonly string[], nowMs: number): Loss {
  return { origin: applied.origin, newestAtMs: applied.lastAtMs, newestAgeMs: applied.lastAtMs === null ? null : Math.max(0, Math.round(nowMs - applied.lastAtMs)), records: applied.sequence, unread };
}

/** Takes in what another region received and this one did not. A region that does not answer is named in the report. */
async function gather(origin: string, applier: LogApplier, peers: readonly LogStore[]): Promise<string[]> {
  const unread: string[] = [];
  for (const peer of peers) {
    try {
      await catchUp(origin, peer, applier.log, applier.digest);
    } catch (error) {
      unread.push(`${peer.region}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return unread;
}
