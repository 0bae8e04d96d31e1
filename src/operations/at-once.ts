// Many calls, so many under way at a time: a call's time limit must not be spent waiting for all the others.

/** The results in the order of `all`; the first call that throws ends it. */
export async function mapAtOnce<T, R>(all: readonly T[], atOnce: number, act: (each: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const rest = all.entries();
  const work = async () => {
    for (const [index, each] of rest) results[index] = await act(each);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, work));
  return results;
}
