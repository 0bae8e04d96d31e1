// The region's clocks against each other: the Lambda host's and DynamoDB's, by the `Date` header. Whole seconds cannot prove
// σ; this finds a clock that is plainly wrong, and then the region refuses to act.

export type ClockSample = { readonly dateMs: number; readonly sentAtMs: number; readonly receivedAtMs: number };
export type ClockVerdict = { readonly kind: 'agree' | 'disagree' | 'unknown'; readonly because: string };

/** The server read its clock within [Date, Date + 1 s), and between our sending and receiving, give or take σ. */
export function checkClock(samples: readonly ClockSample[], clockSkewMs: number): ClockVerdict {
  if (samples.length === 0) return { kind: 'unknown', because: 'no answer carried a Date header' };
  // offset = server − ours; each sample bounds it, and all bounds must meet [−σ, σ].
  const low = Math.max(-clockSkewMs, ...samples.map((s) => s.dateMs - s.receivedAtMs));
  const high = Math.min(clockSkewMs, ...samples.map((s) => s.dateMs + 1000 - s.sentAtMs));
  if (low <= high) return { kind: 'agree', because: `the region's clock differs from ours by ${low} to ${high} ms` };
  return { kind: 'disagree', because: `this host's clock differs from the region's DynamoDB by more than ${clockSkewMs} ms: check the time service; nothing was done` };
}
