// Moves several groups by one plan: all are checked before any moves, waves follow each other, groups of one wave move side by side.
import { RefusedError } from '../core/errors.ts';
import { wavesOf, type PlannedGroup } from '../core/plan/recovery-plan.ts';
import { describe } from './region-status.ts';

/** One group, as far as a plan moves it. */
export interface GroupMover {
  readonly name: string;
  /** The region that holds its lease; whether anything stands against its moving to `to` now. @throws NoQuorumError */
  stand(to: string): Promise<{ readonly holder: string; readonly refusal: string | undefined }>;
  /** Resolves once it serves in `to`. @throws HoldfastError saying what became of it */
  move(to: string): Promise<void>;
}

export type PlanMove = {
  readonly group: string;
  readonly from: string;
  readonly to: string;
  readonly outcome: 'moved' | 'there already' | 'not moved' | 'moved back' | 'failed' | 'not moved back';
  readonly because: string;
};

export type PlanOptions = {
  readonly to: string;
  readonly allOrNothing: boolean;
  readonly say: (line: string) => void;
  /** A person's Ctrl-C: what moves is awaited, nothing more is begun. */
  readonly isStopped: () => boolean;
};

/**
 * Repeating it goes on where it stopped: what is there already is left alone.
 * @throws RefusedError with all that stands against it, before anything moved
 */
export async function movePlan(groups: readonly PlannedGroup[], movers: readonly GroupMover[], options: PlanOptions): Promise<PlanMove[]> {
  const { to, allOrNothing, say, isStopped } = options;
  const stands = await standsOf(movers, to);
  const moves = new Map<string, PlanMove>();
  const put = (group: string, outcome: PlanMove['outcome'], because: string) => moves.set(group, { group, from: stands.get(group) ?? to, to, outcome, because });
  const waves = wavesOf(groups);
  let isFailed = false;
  for (const wave of waves) {
    const left = wave.filter((name) => stands.get(name) !== to);
    for (const name of wave) if (!left.includes(name)) put(name, 'there already', `${to} holds its lease`);
    if (isFailed || isStopped()) {
      for (const name of left) put(name, 'not moved', isFailed ? 'another group of the plan could not move' : 'it was stopped before');
      continue;
    }
    if (left.length > 0) say(`${left.join(', ')}: moving to ${to}`);
    await Promise.all(
      left.map(async (name) => {
        const problem = await moveOne(movers, name, to);
        put(name, problem === undefined ? 'moved' : 'failed', problem ?? `it serves in ${to}`);
        say(`${name}: ${problem ?? `serves in ${to}`}`);
        isFailed ||= problem !== undefined;
      }),
    );
  }
  if (isFailed && allOrNothing) await moveBack(groups, movers, moves, say);
  return waves.flat().flatMap((name) => moves.get(name) ?? []);
}

async function standsOf(movers: readonly GroupMover[], to: string): Promise<Map<string, string>> {
  const stands = await Promise.all(movers.map(async (mover) => ({ name: mover.name, stand: await mover.stand(to).catch((error: unknown) => ({ holder: '', refusal: describe(error) })) })));
  const against = stands.flatMap(({ name, stand: { holder, refusal } }) => (holder === to || refusal === undefined ? [] : [`${name}: ${refusal}`]));
  if (against.length > 0) throw new RefusedError(`The plan cannot move to ${to}: ${against.join('; ')}. Nothing was moved.`);
  return new Map(stands.map(({ name, stand }) => [name, stand.holder]));
}

/** In the reverse order, so that nobody serves without what it depends on: where one cannot go back, what it depends on stays with it. */
async function moveBack(groups: readonly PlannedGroup[], movers: readonly GroupMover[], moves: Map<string, PlanMove>, say: (line: string) => void): Promise<void> {
  for (const wave of wavesOf(groups).toReversed()) {
    await Promise.all(
      wave.map(async (name) => {
        const done = moves.get(name);
        if (done?.outcome !== 'moved') return;
        const stays = groups.find((g) => g.after.includes(name) && ['moved', 'not moved back'].includes(moves.get(g.name)?.outcome ?? ''));
        if (stays === undefined) say(`${name}: moving back to ${done.from}`);
        const problem = stays === undefined ? await moveOne(movers, name, done.from) : `${stays.name}, which needs it, stays in ${done.to}`;
        moves.set(name, { ...done, outcome: problem === undefined ? 'moved back' : 'not moved back', because: problem ?? 'another group of the plan could not move' });
        say(`${name}: ${problem ?? `serves in ${done.from} again`}`);
      }),
    );
  }
}

/** @returns why not */
async function moveOne(movers: readonly GroupMover[], name: string, to: string): Promise<string | undefined> {
  try {
    await movers.find((m) => m.name === name)?.move(to);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}
