// OpenGate: the only thing that opens fence rows and gate, once the data is there. Repeated until both stand; a row that is
// open already counts as done (R2).
import { cutKey, logPositionKey, recordCut, stillApplied } from '../core/backup/backup-rows.ts';
import { reachesNoFurther, reachingTo } from '../core/failover/begun.ts';
import { StepNotReadyError, SupersededError } from '../core/errors.ts';
import { epochBegins, gateOpened } from '../core/failover/register-changes.ts';
import { stillAt, type RunbookInput } from '../core/failover/runbook.ts';
import { isFenceOpen, isLeaseOpen, openFence, openLease } from '../core/lease/lease-rows.ts';
import { candidatesOf } from '../core/policy.ts';
import type { RowChange, RowCheck } from '../core/rows/row.ts';
import { beginStep, requireHeld, type Held } from './current-lease.ts';
import { makerOf, registerOf, type Governor } from './governor.ts';
import { readOwnRows } from './keep-lease.ts';

export async function openGateStep(governor: Governor, input: RunbookInput): Promise<{ readonly openedAtMs: number }> {
  await beginStep(governor, input, 'OpenGate');
  const sighting = await requireHeld(governor, input);
  await requireReadiness(governor);
  const { lease, fences } = await readOwnRows(governor);
  if (lease.epoch < input.epoch || fences.some((f) => f.epoch < input.epoch))
    throw new StepNotReadyError(`The rows of ${governor.me} do not carry epoch ${input.epoch} yet: its next tick repeats TakeLease's writes.`);
  const nowMs = governor.clock.nowMs();
  if (lease.untilAtMs <= nowMs + governor.policy.timing.effectMs) throw new StepNotReadyError(`The lease of epoch ${input.epoch} waits for its next renewal (until ${lease.untilAtMs}, now ${nowMs}).`);
  const check = stillAt(input, 'OpenGate');
  const shut = fences.flatMap((row, k) => (isFenceOpen(row) ? [] : [openFence(k, input.epoch, lease.untilAtMs)]));
  if (shut.length > 0 && (await openFences(governor, input, sighting, shut, check)) === 'refused') {
    throw new StepNotReadyError(`The fence rows of ${governor.me} could not be opened for epoch ${input.epoch}; they are looked at again.`);
  }
  if (!isLeaseOpen(lease) && (await governor.own.changeTogether([openLease(input.epoch)], [check])) === 'refused') {
    throw new SupersededError(`The lease row of ${governor.me} was closed for good or raised beyond epoch ${input.epoch}: the gate stays shut.`);
  }
  const openedAtMs = Math.round(governor.clock.nowMs());
  if (sighting.value.state === 'failing-over' || sighting.value.state === 'failed') {
    const maker = makerOf(governor, `${governor.me} opened its gate in epoch ${input.epoch}`, { lease, fences });
    const outcome = await registerOf(governor).change(sighting, (current) => gateOpened(current, governor.me, input.epoch, input.attempt, maker));
    if (outcome.kind !== 'chosen') throw new StepNotReadyError(`The gate is open, but the register does not say so yet: ${outcome.because}.`);
  }
  return { openedAtMs };
}

/**
 * With the fence rows goes the CUT row, for backups: how much of the others' logs was applied when this epoch opened. It is written once; an
 * epoch whose fence rows are opened again keeps the first. An apply in between refuses the transaction, and the step is repeated.
 * Where a third region might take over next, the register says the same before anything is open (docs/decisions/0020).
 */
async function openFences(governor: Governor, input: RunbookInput, sighting: Held, shut: readonly RowChange[], check: RowCheck): Promise<'done' | 'refused'> {
  const { own, me } = governor;
  const { epoch, attempt } = input;
  const others = candidatesOf(governor.policy).filter((region) => region !== me);
  const applied = await Promise.all(others.map(async (origin) => [origin, Number((await own.get(logPositionKey(origin)))?.['sequence'] ?? 0)] as const));
  const positions = Object.fromEntries(applied);
  // Looked for after the positions were read: where there is none, they are of a time before anything was opened.
  if ((await own.get(cutKey(epoch))) !== undefined) return own.changeTogether(shut, [check]);
  if (others.length > 1) {
    const outcome = await registerOf(governor).change(sighting, (current) => epochBegins(current, me, epoch, attempt, positions));
    if (outcome.kind !== 'chosen') throw new StepNotReadyError(`The register does not say yet where epoch ${epoch} begins: ${outcome.because}. Nothing was opened; it is looked at again.`);
    // A log that nobody has begun to apply since this version was deployed has no such row.
    await Promise.all(applied.map(async ([origin, sequence]) => own.change(reachingTo(origin, sequence))));
  }
  const cut = recordCut({ epoch, region: me, openedAtMs: Math.round(governor.clock.nowMs()), positions });
  return own.changeTogether([...shut, cut], [check, ...stillApplied(positions), ...(others.length > 1 ? reachesNoFurther(positions) : [])]);
}

/** Readiness is needed to open after a take-over; once open, only lease, release or revocation shuts the gate (H9). */
async function requireReadiness(governor: Governor): Promise<void> {
  if (governor.serviceUrl === null) throw new StepNotReadyError(`${governor.me} has no service endpoint configured: HOLDFAST_SERVICE_URL.`);
  const readiness = await governor.probe.probe(governor.me, governor.serviceUrl, 'readiness');
  if (readiness.outcome === 'failed') throw new StepNotReadyError(`The service in ${governor.me} is not ready (${readiness.because}): the gate stays shut.`);
}
