// The arithmetic of the bench: medians, ratios, and whether the machine was quiet.

export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const [below, above] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return below === undefined || above === undefined ? null : (below + above) / 2;
}

export function spread(values: readonly number[]): { readonly least: number; readonly most: number } | null {
  return values.length === 0 ? null : { least: Math.min(...values), most: Math.max(...values) };
}

/** How many times faster (or smaller) `ours` is than `theirs`: of the medians, and the median, least and most of the rounds' own. Only rounds that have both count. */
export type Ratio = { readonly ofMedians: number; readonly perRound: number; readonly least: number; readonly most: number; readonly rounds: number };

export function ratio(theirs: ReadonlyMap<number, number>, ours: ReadonlyMap<number, number>): Ratio | null {
  const both = [...ours].flatMap(([round, mine]) => {
    const other = theirs.get(round);
    return other === undefined ? [] : [{ mine, other }];
  });
  const of = both.map(({ mine, other }) => other / mine);
  const [theirMedian, ourMedian, perRound, ends] = [median(both.map((each) => each.other)), median(both.map((each) => each.mine)), median(of), spread(of)];
  if (theirMedian === null || ourMedian === null || perRound === null || ends === null) return null;
  return { ofMedians: theirMedian / ourMedian, perRound, ...ends, rounds: both.length };
}

export type Timed = { readonly wallSeconds: number; readonly cpuSeconds: number; readonly foreignSeconds: number | null };

/** Below it the start of a program is most of what is measured. */
const judgedSeconds = 0.5;
const [busySpreadMax, foreignShareMax] = [1.25, 0.1];

/** Why these measurements of one step should not be believed; null: nothing speaks against them. */
export function noiseOf(runs: readonly Timed[], processors: number): string | null {
  const judged = runs.filter((run) => run.wallSeconds >= judgedSeconds);
  const foreign = median(judged.flatMap((run) => (run.foreignSeconds === null ? [] : [run.foreignSeconds / (run.wallSeconds * processors)])));
  if (foreign !== null && foreign > foreignShareMax) return `others used ${Math.round(foreign * 100)} % of the processors`;
  const busy = spread(judged.map((run) => run.cpuSeconds / run.wallSeconds));
  if (busy === null || busy.most / busy.least <= busySpreadMax) return null;
  return `CPU/wall was ${busy.least.toFixed(2)} to ${busy.most.toFixed(2)} from round to round`;
}
