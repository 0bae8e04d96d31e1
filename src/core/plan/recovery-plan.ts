// Several groups that move together: in which order, and what is left to do. Pure; who moves a group is in client/plan-client.ts.

/** A group, and the names of those that must serve in the new region before it moves: the database before the API. */
export type PlannedGroup = { readonly name: string; readonly after: readonly string[] };

/**
 * `config`: where the group's own configuration lies, seen from the plan's file. A plan may stand as a child in another: whoever comes after the
 * child comes after all its groups, and all its groups come after what the child does.
 */
export type PlanEntry = { readonly name: string; readonly after: readonly string[] } & ({ readonly config: string } | { readonly groups: readonly PlanEntry[] });

/** @returns the groups of all plans, each with the groups that it waits for */
export function flattenPlan(entries: readonly PlanEntry[]): (PlannedGroup & { readonly config: string })[] {
  const groupsOf = (entry: PlanEntry): string[] => ('groups' in entry ? entry.groups.flatMap(groupsOf) : [entry.name]);
  const flatten = (siblings: readonly PlanEntry[], inherited: readonly string[]): (PlannedGroup & { readonly config: string })[] =>
    siblings.flatMap((entry) => {
      const after = [...inherited, ...entry.after.flatMap((name) => siblings.filter((s) => s.name === name).flatMap(groupsOf))];
      return 'groups' in entry ? flatten(entry.groups, after) : [{ name: entry.name, after, config: entry.config }];
    });
  return flatten(entries, []);
}

/** What is wrong with a plan, each in a sentence. Names of one level are looked up on that level. */
export function refusalsOfPlan(entries: readonly PlanEntry[]): string[] {
  const names: string[] = [];
  const refusals: string[] = [];
  const look = (siblings: readonly PlanEntry[]): void => {
    const known = siblings.map((s) => s.name);
    for (const entry of siblings) {
      if (names.includes(entry.name)) refusals.push(`'${entry.name}' stands in the plan twice`);
      names.push(entry.name);
      for (const other of entry.after) {
        if (other === entry.name) refusals.push(`'${entry.name}' comes after itself`);
        else if (!known.includes(other))
          refusals.push(`'${entry.name}' comes after '${other}', which is not beside it; it may be ${known.filter((n) => n !== entry.name).join(', ') || 'after nothing'}`);
      }
      if ('groups' in entry) {
        if (entry.groups.length === 0) refusals.push(`'${entry.name}' has no groups`);
        look(entry.groups);
      }
    }
  };
  look(entries);
  if (entries.length === 0) refusals.push('it has no groups');
  if (refusals.length > 0) return refusals;
  const flat = flattenPlan(entries);
  const ordered = wavesOf(flat).flat();
  const rest = flat.filter((g) => !ordered.includes(g.name)).map((g) => `'${g.name}'`);
  return rest.length === 0 ? [] : [`${rest.join(', ')} wait for each other: nobody could move first`];
}

/** Groups that may move at the same time, wave after wave; those that wait for each other are in none. */
export function wavesOf(groups: readonly PlannedGroup[]): string[][] {
  const waves: string[][] = [];
  const moved = new Set<string>();
  for (;;) {
    const wave = groups.filter((g) => !moved.has(g.name) && g.after.every((name) => moved.has(name))).map((g) => g.name);
    if (wave.length === 0) return waves;
    waves.push(wave);
    for (const name of wave) moved.add(name);
  }
}
