// The virtual clock: events in order of time, run one by one, each to the end of every promise that it settles. The order is
// a function of the events alone, so a history repeats exactly.

type Event = { readonly atMs: number; readonly order: number; readonly run: () => void };

/**
 * Runs the pending microtasks now. Node calls it itself after each callback; called between two events it spares a turn of
 * the event loop an event (some 20,000 a history). Undocumented, hence the other way below.
 */
const drainMicrotasks: unknown = Reflect.get(process, '_tickCallback');

export class EventQueue {
  nowMs = 0;
  eventsRun = 0;
  /** Depends on the time of every event run and on whatever is mixed in: two runs with equal traces went the same way. */
  trace = 0x811c9dc5;
  readonly #heap: Event[] = [];
  #order = 0;

  at(atMs: number, run: () => void): void {
    this.#order += 1;
    const heap = this.#heap;
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.#order, run };
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  mix(number: number): void {
    this.trace = Math.imul(this.trace ^ (number | 0), 0x01000193) >>> 0;
  }

  mixText(text: string): void {
    for (let i = 0; i < text.length; i += 1) this.mix(text.charCodeAt(i));
  }

  #step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.nowMs = event.atMs;
    this.eventsRun += 1;
    this.mix(Math.floor(event.atMs * 1024));
    this.mix(event.order);
    event.run();
    return true;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      const right = heap[childIndex + 1];
      if (child === undefined) break;
      if (right !== undefined && isBefore(right, child)) {
        childIndex += 1;
        child = right;
      }
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
    return first;
  }

  /** Runs events until `isOver`, or until none is left. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        try {
          for (;;) {
            if (isOver() || !this.#step()) return resolve();
            if (typeof drainMicrotasks !== 'function') return void setImmediate(turn);
            drainMicrotasks.call(process);
          }
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      // Never from within a promise's reaction: microtasks are not drained there.
      setImmediate(turn);
    });
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
