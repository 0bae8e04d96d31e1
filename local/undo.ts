// Ends what was begun, in reverse order, each thing once, and the rest also when one fails. What is begun after that (by work that did not
// know yet) is ended at once.

export type Undo = { push(step: () => Promise<void> | void): void; all(): Promise<void> };

export function createUndo(): Undo {
  const steps: (() => Promise<void> | void)[] = [];
  let isOver = false;
  return {
    push(step) {
      if (isOver) void (async () => step())().catch(() => undefined);
      else steps.push(step);
    },
    async all() {
      isOver = true;
      const failures: unknown[] = [];
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        try {
          await step();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, `not everything could be ended: ${failures.map(String).join('; ')}`);
    },
  };
}
