// Memory in which one reading worker makes its packs, and from which the main thread sends them: used again and again, since new memory costs a page fault for each 4 KiB of
// it, and sets the garbage collector to work. No more packs can be under way than there is memory for.

/** A place that is lent. */
export type Lent = { readonly state: SharedArrayBuffer; readonly slot: number };

const freed = 0;

export class PackMemory {
  readonly #slots: SharedArrayBuffer[] = [];
  readonly #slotsMax: number;
  /** How often something was given back, then of each slot 1 while it is lent. */
  readonly #state: Int32Array<SharedArrayBuffer>;

  constructor(slotsMax: number) {
    this.#slotsMax = slotsMax;
    this.#state = new Int32Array(new SharedArrayBuffer(4 * (1 + slotsMax)));
  }

  /** Waits, with this thread, while all is lent. */
  lend(bytes: number): Uint8Array {
    for (;;) {
      const before = Atomics.load(this.#state, freed);
      const slot = this.#free();
      if (slot !== null) return new Uint8Array(this.#take(slot, bytes));
      Atomics.wait(this.#state, freed, before);
    }
  }

  /** What whoever has the bytes gives back. */
  lentOf(bytes: Uint8Array): Lent {
    const slot = this.#slots.findIndex((each) => each === bytes.buffer);
    if (slot < 0) throw new Error(`${bytes.length} bytes were never lent`);
    return { state: this.#state.buffer, slot };
  }

  /** The first, so that no more memory is used than is needed. */
  #free(): number | null {
    for (let slot = 0; slot < this.#slotsMax; slot += 1) if (Atomics.load(this.#state, 1 + slot) === 0) return slot;
    return null;
  }

  #take(slot: number, bytes: number): SharedArrayBuffer {
    Atomics.store(this.#state, 1 + slot, 1);
    const known = this.#slots[slot];
    if (known !== undefined && known.byteLength >= bytes) return known;
    const made = new SharedArrayBuffer(bytes);
    this.#slots[slot] = made;
    return made;
  }
}

/** From any thread, once. */
export function giveBack({ state, slot }: Lent): void {
  const numbers = new Int32Array(state);
  Atomics.store(numbers, 1 + slot, 0);
  Atomics.add(numbers, freed, 1);
  Atomics.notify(numbers, freed);
}
