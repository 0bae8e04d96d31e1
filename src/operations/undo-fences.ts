// Lets a region act again that was fenced, once it is reconciled. The register's value comes in: it alone gives the permit.
import { planFences, type FenceOutcome } from '../core/fences/fence-plan.ts';
import { claimUndo, endUndo, fenceRunPk, fenceRunPrefix, parseFenceRun, whyNotUndoable, type FenceRun } from '../core/fences/fence-rows.ts';
import { UndoPermit } from '../core/fences/undo-permit.ts';
import { MalformedError } from '../core/errors.ts';
import { fieldOf } from '../core/failover/event-field.ts';
import type { RegisterValue } from '../core/register/value.ts';
import type { RowPages } from '../ports/row-pages.ts';
import { messageOf, within, type ArmedFence, type FencePorts } from './run-fences.ts';

export type UndoPorts = Omit<FencePorts, 'register'> & { readonly pages: RowPages };
export type UndoAsked = { readonly by: string; readonly reason: string };
export type UndoneFence = Pick<FenceRun, 'name' | 'epoch'> & { readonly outcome: FenceOutcome };

/** @throws MalformedError naming the field. */
export function parseUndo(raw: unknown): UndoAsked & { readonly region: string } {
  const [region, by, reason] = ['undo', 'by', 'reason'].map((name) => fieldOf(raw, name));
  if (typeof region !== 'string' || typeof by !== 'string' || typeof reason !== 'string')
    throw new MalformedError("Undoing fences needs { undo: region, by, reason } as text: ask by 'holdfast fences undo'. Nothing was changed.");
  return { region, by, reason };
}

export function isUndone(raw: unknown): raw is UndoneFence {
  const kind = fieldOf(fieldOf(raw, 'outcome'), 'kind');
  return typeof fieldOf(raw, 'name') === 'string' && typeof fieldOf(raw, 'epoch') === 'number' && (kind === 'confirmed' || kind === 'failed' || kind === 'unknown');
}

const pageRows = 100;
const undoMarginMs = 10_000;

/**
 * Every fence of `region` that was run from here, in the plan's order turned round. Repeated, it goes on with what is
 * not undone. @param chosen the register's value, read from a majority. @throws RefusedError where that region is not reconciled
 */
export async function undoFences(ports: UndoPorts, chosen: RegisterValue, region: string, asked: UndoAsked): Promise<UndoneFence[]> {
  const permit = UndoPermit.of(chosen, region);
  const rows = await fenceRuns(ports.pages, region);
  const last = planFences(ports.fences, region)
    .flat()
    .map(({ name }) => name);
  // Whatever the epochs: the first one remembers what stood before anything was changed, later ones that it was stopped already.
  const turn = (row: FenceRun) => last.indexOf(row.name);
  const open = rows.filter(({ state }) => state !== 'undone').toSorted((a, b) => turn(b) - turn(a));
  const undone: UndoneFence[] = [];
  for (const row of open) undone.push({ name: row.name, epoch: row.epoch, outcome: await undoOne(ports, permit, row, asked) });
  return undone;
}

export async function fenceRuns(pages: RowPages, region: string): Promise<FenceRun[]> {
  const runs: FenceRun[] = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<RowPages['page']>> = await pages.page(fenceRunPk, fenceRunPrefix(region), after, pageRows);
    runs.push(...page.rows.map(parseFenceRun));
    if (page.next === null) return runs;
    after = page.next;
  }
}

async function undoOne(ports: UndoPorts, permit: UndoPermit, row: FenceRun, asked: UndoAsked): Promise<FenceOutcome> {
  const atMs = Math.round(ports.clock.nowMs());
  const because = whyNotUndoable(row, atMs);
  if (because !== undefined) return { kind: 'failed', because };
  const fence = ports.fences.find(({ name, region }) => name === row.name && region === row.region);
  if (fence === undefined && row.memo !== null)
    return { kind: 'failed', because: `the configuration has no fence '${row.name}' of ${row.region} any more: put it back, or undo it by hand (${row.memo})` };
  const run = ports.chance.id();
  try {
    const claimed = await ports.own.change(claimUndo(row, { run, atMs, freeAtMs: atMs + (fence?.timeoutMs ?? 0) + undoMarginMs }));
    if (claimed.kind === 'refused') return { kind: 'unknown', because: 'another run has it by now: ask again' };
    const outcome = await restore(ports, permit, fence, row.memo);
    await ports.own.change(endUndo(row, run, outcome, asked, Math.round(ports.clock.nowMs())));
    return outcome;
  } catch (error) {
    return { kind: 'unknown', because: messageOf(error) };
  }
}

/** Without a memo nothing was changed. */
async function restore(ports: UndoPorts, permit: UndoPermit, fence: ArmedFence | undefined, memo: string | null): Promise<FenceOutcome> {
  if (fence === undefined || memo === null) return { kind: 'confirmed', because: 'it had changed nothing' };
  const signal = ports.timeLimit(fence.timeoutMs);
  return within(signal, fence, async () => fence.driver.undo(permit, memo, signal));
}
