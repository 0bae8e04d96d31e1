// A plan is carried out: the order, a group that cannot move, and a person who stops it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { movePlan, type GroupMover, type PlanMove } from '../../src/client/plan-client.ts';
import { RefusedError } from '../../src/core/errors.ts';
import type { PlannedGroup } from '../../src/core/plan/recovery-plan.ts';
import { alwaysAsync } from '../core/property.ts';

const [east, west] = ['us-east-1', 'us-west-2'];

class Groups {
  readonly holders: Map<string, string>;
  readonly moved: string[] = [];
  readonly #planned: readonly PlannedGroup[];
  /** `name to` of moves that fail. */
  readonly #failing: ReadonlySet<string>;
  refused: string | undefined;

  constructor(planned: readonly PlannedGroup[], failing: readonly string[] = [], holders: Record<string, string> = {}) {
    this.#planned = planned;
    this.#failing = new Set(failing);
    this.holders = new Map(planned.map(({ name }) => [name, holders[name] ?? east]));
  }

  movers(): GroupMover[] {
    return this.#planned.map(({ name, after }) => ({
      name,
      stand: async () => ({ holder: this.holders.get(name) ?? '', refusal: name === this.refused ? 'it is paused' : undefined }),
      move: async (to) => {
        // What it depends on serves there already, or, going back, nobody that depends on it is left behind.
        if (to === west) expect(after.map((other) => this.holders.get(other))).toEqual(after.map(() => west));
        else for (const other of this.#planned) if (other.after.includes(name)) expect(this.holders.get(other.name)).toBe(east);
        await Promise.resolve();
        if (this.#failing.has(`${name} ${to}`)) throw new RefusedError('it was handed back');
        this.holders.set(name, to);
        this.moved.push(`${name} ${to}`);
      },
    }));
  }
}

const planned: readonly PlannedGroup[] = [
  { name: 'database', after: [] },
  { name: 'api', after: ['database'] },
  { name: 'mail', after: ['database'] },
  { name: 'web', after: ['api'] },
];
const options = (change: { allOrNothing?: boolean; stopAfter?: number; groups?: Groups } = {}) => ({
  to: west,
  allOrNothing: change.allOrNothing ?? true,
  say: () => undefined,
  isStopped: () => (change.groups?.moved.length ?? 0) >= (change.stopAfter ?? Number.POSITIVE_INFINITY),
});
const outcomes = (moves: readonly PlanMove[]) => Object.fromEntries(moves.map((m) => [m.group, m.outcome]));

describe('a plan', () => {
  test('moves every group after those that it waits for', async () => {
    const groups = new Groups(planned);
    expect(outcomes(await movePlan(planned, groups.movers(), options()))).toEqual({ database: 'moved', api: 'moved', mail: 'moved', web: 'moved' });
    expect(groups.moved).toEqual([`database ${west}`, `api ${west}`, `mail ${west}`, `web ${west}`]);
  });
  test('moves nothing where anything stands against one of them', async () => {
    const groups = new Groups(planned);
    groups.refused = 'web';
    await expect(movePlan(planned, groups.movers(), options())).rejects.toThrow(/web: it is paused.*Nothing was moved/);
    expect(groups.moved).toEqual([]);
  });
  test('moves all back where one could not move, in the reverse order', async () => {
    const groups = new Groups(planned, [`web ${west}`]);
    expect(outcomes(await movePlan(planned, groups.movers(), options()))).toEqual({ database: 'moved back', api: 'moved back', mail: 'moved back', web: 'failed' });
    expect(new Set(groups.holders.values())).toEqual(new Set([east]));
    expect(groups.moved.at(-1)).toBe(`database ${east}`);
  });
  test('leaves what moved where it is, and begins nothing more, where it is not all or nothing', async () => {
    const groups = new Groups(planned, [`api ${west}`]);
    expect(outcomes(await movePlan(planned, groups.movers(), options({ allOrNothing: false })))).toEqual({ database: 'moved', api: 'failed', mail: 'moved', web: 'not moved' });
  });
  test('says which group could not go back either', async () => {
    const groups = new Groups(planned, [`api ${west}`, `database ${east}`]);
    const moves = await movePlan(planned, groups.movers(), options());
    expect(outcomes(moves)).toEqual({ database: 'not moved back', api: 'failed', mail: 'moved back', web: 'not moved' });
    expect(moves[0]?.because).toMatch(/handed back/);
  });
  test('keeps what a group depends on where that group had to stay', async () => {
    const moves = await movePlan(planned, new Groups(planned, [`api ${west}`, `mail ${east}`]).movers(), options());
    expect(outcomes(moves)).toEqual({ database: 'not moved back', api: 'failed', mail: 'not moved back', web: 'not moved' });
    expect(moves[0]?.because).toBe(`mail, which needs it, stays in ${west}`);
  });
  test('is gone on with where it was stopped', async () => {
    const groups = new Groups(planned);
    expect(outcomes(await movePlan(planned, groups.movers(), options({ stopAfter: 1, groups })))).toEqual({ database: 'moved', api: 'not moved', mail: 'not moved', web: 'not moved' });
    expect(outcomes(await movePlan(planned, groups.movers(), options()))).toEqual({ database: 'there already', api: 'moved', mail: 'moved', web: 'moved' });
  });
});

test('all or nothing: whichever moves fail, either all serve there, or each that could go back is where it was', async () => {
  const anyFailing = fc.subarray(planned.flatMap(({ name }) => [`${name} ${west}`, `${name} ${east}`]));
  await alwaysAsync(
    fc.asyncProperty(anyFailing, fc.subarray(planned.map((p) => p.name)), async (failing, there) => {
      // An earlier run got so far: nobody is there before what it waits for.
      const already: Record<string, string> = {};
      for (const { name, after } of planned) if (there.includes(name) && after.every((other) => already[other] === west)) already[name] = west;
      const groups = new Groups(planned, failing, already);
      const before = new Map(groups.holders);
      const moves = await movePlan(planned, groups.movers(), options());
      for (const { group, outcome } of moves) {
        const now = groups.holders.get(group);
        if (outcome === 'moved' || outcome === 'there already' || outcome === 'not moved back') expect(now).toBe(west);
        else expect(now).toBe(before.get(group));
        const needs = planned.filter((p) => p.after.includes(group)).map((p) => p.name);
        if (outcome === 'not moved back') expect(failing.includes(`${group} ${east}`) || moves.some((m) => needs.includes(m.group) && m.outcome === 'not moved back')).toBe(true);
      }
      expect(moves.length).toBe(planned.length);
      if (moves.some((m) => m.outcome === 'failed')) expect(moves.every((m) => m.outcome !== 'moved')).toBe(true);
    }),
  );
});
