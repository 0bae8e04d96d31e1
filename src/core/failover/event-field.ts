// Fields of what a state machine hands to a function, beside the runbook's input.

export function fieldOf(event: unknown, name: string): unknown {
  return typeof event === 'object' && event !== null ? Object.entries(event).find(([n]) => n === name)?.[1] : undefined;
}

/** `{step, error, cause}` of a failed step in a sentence. */
export function describeFailure(failure: unknown): string {
  const text = (name: string) => {
    const value = fieldOf(failure, name);
    return typeof value === 'string' ? value : 'unknown';
  };
  return failure === null || failure === undefined ? 'nothing failed' : `${text('step')} failed with ${text('error')}: ${text('cause')}`;
}
