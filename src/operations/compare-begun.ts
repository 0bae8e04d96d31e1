// Part of each tick of a candidate: goes by what the register says about where the newest epoch began, and looks whether this region
// holds writes that it began without. Such a region is not reconciled, and says so in the register before it may take over.
import { begunKey, compared, createBegun, goBy, isLeftBehind, limitsAfter, parseBegunRow, type BegunRow } from '../core/failover/begun.ts';
import { foundLeftBehind, isBeginningFinal } from '../core/failover/register-changes.ts';
import { NoQuorumError } from '../core/errors.ts';
import { isMarkerKey } from '../core/failover/hand-over.ts';
import type { ChangeRecord } from '../core/log/change-record.ts';
import { sequencesOf } from '../core/log/segment.ts';
import type { Sighting } from '../core/register/sighting.ts';
import { listDivergent, notDealtWith, readPosition, type LogApplier } from './apply-log.ts';
import { registerOf, tell, type Governor } from './governor.ts';

const segmentsPerPage = 20;

type Found = { readonly origin: string; readonly record: ChangeRecord };

/** Repeated until it has been through once for an epoch; after that it is one read. */
export async function compareBegun(governor: Governor, applier: LogApplier, sighting: Sighting): Promise<void> {
  if (sighting.kind !== 'chosen' || sighting.value.begun === undefined || !isBeginningFinal(sighting.value)) return;
  const { begun } = sighting.value;
  const row = parseBegunRow(await applier.own.get(begunKey));
  if (row.comparedEpoch >= begun.epoch) return;
  if (row.epoch < begun.epoch) {
    await applier.own.change(createBegun);
    await applier.own.change(goBy(begun));
  }
  // From here on nothing more that was left behind is applied: what is found now is all.
  const found = begun.by === governor.me ? [] : await findLeftBehind(governor.me, applier, { ...begun, comparedEpoch: row.comparedEpoch });
  if (found === undefined || found.length > 0) await sayUnreconciled(governor, applier, sighting, found);
  await applier.own.change(compared(begun.epoch));
}

/** What was applied here and stands here still; undefined where the log of it has expired. */
async function findLeftBehind(me: string, applier: LogApplier, begun: BegunRow): Promise<Found[] | undefined> {
  const found: Found[] = [];
  for (const [origin, limits] of Object.entries(limitsAfter(begun.limits, begun.comparedEpoch))) {
    if (origin === me || limits.length === 0) continue;
    const { sequence: position } = await readPosition(applier.own, origin);
    // To the end of the log that is here, not of what was dealt with: what was applied last may not have been noted yet.
    const from = Math.min(...limits.map((l) => l.through));
    const beyond: ChangeRecord[] = [];
    for (let after = from; ; ) {
      const segments = await applier.log.read(origin, after, segmentsPerPage);
      const [first] = segments;
      if (first === undefined ? after < position : first.sequence - first.records.length > after) return undefined;
      for (const [record, sequence] of sequencesOf(segments)) {
        if (sequence > after && !isMarkerKey(record.key) && isLeftBehind({ [origin]: limits }, origin, sequence, record) && (await applier.data.stands(origin, record))) beyond.push(record);
      }
      const last = segments.at(-1);
      if (last === undefined) break;
      after = last.sequence;
    }
    found.push(...(await notDealtWith(applier, origin, from, beyond)).map((record) => ({ origin, record })));
  }
  return found;
}

async function sayUnreconciled(governor: Governor, applier: LogApplier, sighting: Exclude<Sighting, { kind: 'nothing' }>, found: readonly Found[] | undefined): Promise<void> {
  if (found !== undefined) await listDivergent(applier, found);
  const outcome = await registerOf(governor).change(sighting, (current) => foundLeftBehind(current, governor.me));
  if (outcome.kind === 'unknown')
    throw new NoQuorumError(`${governor.me} holds writes that the newest epoch began without, and the register does not say so yet: ${outcome.because}. The next tick tries again.`);
  const what =
    found === undefined ? 'cannot tell which of its writes the newest epoch began without (the log of them has expired)' : `holds ${found.length} writes that the newest epoch began without`;
  await tell(governor, {
    severity: 'warning',
    subject: `${governor.policy.group}: ${governor.me} is not reconciled`,
    text: `${governor.me} ${what}. It is not taken as a target until a person has looked at its divergence report.`,
  });
}
