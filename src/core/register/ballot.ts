// A ballot is one string, compared as a string: a counter, the region, and an id of this one invocation, so that no two
// proposals ever share one (H1: two invocations under one ballot lose an acknowledged value).

const pattern = /^(\d{16})\.([a-z0-9-]+)\.([0-9a-f]{32})$/;

/** The ballot under which `create-rows` writes the first value; lower than every ballot of the protocol. */
export const genesisBallot = `${'0'.repeat(16)}.genesis.${'0'.repeat(32)}`;

/** @param highest the highest ballot seen so far. @param invocationId 32 hex digits, never used before. */
export function nextBallot(highest: string, region: string, invocationId: string): string {
  const ballot = `${String(counterOf(highest) + 1).padStart(16, '0')}.${region}.${invocationId}`;
  if (!pattern.test(ballot)) throw new RangeError(`'${ballot}' is not a ballot: 16 digits, region, 32 hex digits`);
  return ballot;
}

export function isBallot(text: string): boolean {
  return pattern.test(text);
}

export function counterOf(ballot: string): number {
  const counter = Number(pattern.exec(ballot)?.[1]);
  if (!Number.isSafeInteger(counter)) throw new RangeError(`'${ballot}' is not a ballot: 16 digits, region, 32 hex digits`);
  return counter;
}

export function highestOf(ballots: readonly string[]): string {
  return ballots.reduce((a, b) => (b > a ? b : a), genesisBallot);
}
