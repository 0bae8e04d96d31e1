// Calls in parallel, on at the answer that suffices: never wait for the last one, which may be in a region that hangs.

/**
 * Resolves with the results so far as soon as `isEnough` says so, else when every call has ended. Failed calls are left out
 * (and reported to `onFailure`); calls that are still running go on unobserved.
 */
export async function untilEnough<T>(calls: readonly Promise<T>[], isEnough: (sofar: readonly T[]) => boolean, onFailure?: (index: number, message: string) => void): Promise<T[]> {
  const results: T[] = [];
  let ended = 0;
  return new Promise((resolve) => {
    const finish = () => {
      ended += 1;
      if (ended === calls.length || isEnough(results)) resolve([...results]);
    };
    if (calls.length === 0) resolve([]);
    calls.forEach((call, index) => {
      call.then(
        (result) => {
          results.push(result);
          finish();
        },
        (error: unknown) => {
          onFailure?.(index, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
          finish();
        },
      );
    });
  });
}
