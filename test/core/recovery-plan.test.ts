// Several groups that move together: the order, and plans that cannot be carried out.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { definePlan } from '../../src/config/recovery-plan.ts';
import { flattenPlan, wavesOf, type PlannedGroup } from '../../src/core/plan/recovery-plan.ts';
import { always } from './property.ts';

const leaf = (name: string, ...after: string[]) => ({ name, after, config: `./${name}/holdfast.config.ts` });
const flat = (groups: Parameters<typeof definePlan>[0]['groups']) => flattenPlan(definePlan({ name: 'shop', groups }).groups);
const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  return 'nothing was thrown';
};

describe('a plan', () => {
  test('moves what others wait for first, and what waits for nobody side by side', () => {
    expect(wavesOf(flat([leaf('web', 'api'), leaf('api', 'database', 'queue'), leaf('database'), leaf('queue')]))).toEqual([['database', 'queue'], ['api'], ['web']]);
  });
  test('with a plan of its own in it: who waits for that waits for all of it, and all of it waits for what that waits for', () => {
    const groups = flat([leaf('network'), { name: 'data', after: ['network'], groups: [leaf('primary'), leaf('search', 'primary')] }, leaf('api', 'data')]);
    expect(groups.map(({ name, after }) => [name, after])).toEqual([
      ['network', []],
      ['primary', ['network']],
      ['search', ['network', 'primary']],
      ['api', ['primary', 'search']],
    ]);
    expect(wavesOf(groups)).toEqual([['network'], ['primary'], ['search'], ['api']]);
    expect(groups.map((g) => g.config)[1]).toBe('./primary/holdfast.config.ts');
  });
  test.each([
    ['a circle', [leaf('a', 'b'), leaf('b', 'a'), leaf('c')], /'a', 'b' wait for each other/],
    ['a name that is not there', [leaf('a', 'z'), leaf('b')], /'a' comes after 'z', which is not beside it; it may be b/],
    ['a name of another level', [{ name: 'data', groups: [leaf('primary', 'api')] }, leaf('api')], /'primary' comes after 'api', which is not beside it/],
    ['itself', [leaf('a', 'a')], /'a' comes after itself/],
    ['a name twice', [leaf('a'), { name: 'data', groups: [leaf('a')] }], /'a' stands in the plan twice/],
    ['nothing', [], /it has no groups/],
    ['a child of nothing', [{ name: 'data', groups: [] }], /'data' has no groups/],
    ['an odd name', [leaf('A b')], /groups\[0\]/],
  ])('is refused for %s', (_, groups, because) => {
    expect(messageOf(() => definePlan({ name: 'shop', groups }))).toMatch(because);
  });
  test('is all or nothing unless it says otherwise', () => {
    expect(definePlan({ name: 'shop', groups: [leaf('a')] }).allOrNothing).toBe(true);
    expect(definePlan({ name: 'shop', allOrNothing: false, groups: [leaf('a')] }).allOrNothing).toBe(false);
  });
});

test('waves: everybody who can move does, once, and after all that they wait for', () => {
  const anyGroups = fc
    .integer({ min: 1, max: 8 })
    .chain((n) =>
      fc
        .array(fc.array(fc.integer({ min: 0, max: n - 1 }), { maxLength: 3 }), { minLength: n, maxLength: n })
        .map((all) => all.map((after, i): PlannedGroup => ({ name: `g${i}`, after: after.map((k) => `g${k}`) }))),
    );
  always(
    fc.property(anyGroups, (groups) => {
      const waves = wavesOf(groups);
      const order = waves.flat();
      expect(new Set(order).size).toBe(order.length);
      const waveOf = (name: string) => waves.findIndex((w) => w.includes(name));
      for (const { name, after } of groups.filter((g) => order.includes(g.name))) for (const other of after) expect(waveOf(other)).toBeLessThan(waveOf(name));
      for (const { name, after } of groups.filter((g) => !order.includes(g.name)))
        expect(
          after.some((other) => !order.includes(other)),
          name,
        ).toBe(true);
      // Nobody waits longer than for the last of those.
      for (const { name, after } of groups.filter((g) => order.includes(g.name))) expect(waveOf(name)).toBe(Math.max(-1, ...after.map(waveOf)) + 1);
    }),
  );
});
