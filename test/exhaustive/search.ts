// Breadth first over the states of a scenario: what is found is found by a shortest way.
import type { Broken } from './judge.ts';
import type { Space, State, Step } from './space.ts';
import { hashOf, StateSet } from './state-set.ts';

export type Found = { readonly broken: Broken; readonly trace: readonly string[] };
export type Search = {
  readonly states: number;
  readonly steps: number;
  /** States from which only time could pass, and did not any more. */
  readonly ends: number;
  /** False: stopped at `statesMax`, or at a violation. */
  readonly isExhausted: boolean;
  readonly found: Found | undefined;
};

export async function search(space: Space, first: State, statesMax: number): Promise<Search> {
  const seen = new StateSet();
  seen.add(hashOf(space.numbersOf(first)), 0, 0);
  let frontier: { state: State; id: number }[] = [{ state: first, id: 0 }];
  let steps = 0;
  let ends = 0;
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { state, id } of frontier) {
      const choices = space.stepsOf(state);
      if (choices.length === 0) ends += 1;
      for (const [index, step] of choices.entries()) {
        steps += 1;
        const { state: after, broken } = await space.apply(state, step);
        if (broken !== undefined)
          return { states: seen.size, steps, ends, isExhausted: false, found: { broken, trace: [...(await retrace(space, first, seen.pathTo(id))), space.describe(state, step)] } };
        const added = seen.add(hashOf(space.numbersOf(after)), id, index);
        if (added !== undefined) next.push({ state: after, id: added });
      }
      if (seen.size > statesMax) return { states: seen.size, steps, ends, isExhausted: false, found: undefined };
    }
    frontier = next;
  }
  return { states: seen.size, steps, ends, isExhausted: true, found: undefined };
}

async function retrace(space: Space, first: State, path: readonly number[]): Promise<string[]> {
  const lines: string[] = [];
  let state = first;
  for (const index of path) {
    const step = space.stepsOf(state)[index];
    if (step === undefined) throw new RangeError('The way to a state cannot be walked again: two states were confused.');
    lines.push(space.describe(state, step));
    state = (await space.apply(state, step)).state;
  }
  return lines;
}

const calmStepsMax = 5000;

/** One way to the end without anything going wrong: time passes only where nothing else can happen. */
export async function settle(space: Space, first: State, isOver: (state: State) => boolean): Promise<State | Found> {
  let state = first;
  for (let i = 0; i < calmStepsMax; i += 1) {
    const steps = space.stepsOf(state);
    const isCalm = (step: Step) => step.kind !== 'time out' && step.kind !== 'lose' && step.kind !== 'act and freeze' && step.kind !== 'time passes';
    const step = steps.find(isCalm) ?? (isOver(state) ? undefined : steps.find((s) => s.kind === 'time passes'));
    if (step === undefined) return state;
    const { state: after, broken } = await space.apply(state, step);
    if (broken !== undefined) return { broken, trace: ['on the way to the first state', space.describe(state, step)] };
    state = after;
  }
  throw new Error(`Nothing ends within ${calmStepsMax} steps.`);
}
