// The states seen so far, each with the one that it was reached from. A state is kept as a hash of 53 bits (hash compaction):
// of n states, some two are confused with probability n² / 2⁵⁴, one in 18,000 for a million.

const emptySlot = -1;

export class StateSet {
  #slots = new Float64Array(1 << 16).fill(emptySlot);
  #ids = new Int32Array(1 << 16);
  #parents = new Int32Array(1 << 15);
  #steps = new Int32Array(1 << 15);
  size = 0;

  /** @returns the state's number, or undefined where it was seen before. @param step which of the parent's steps led here. */
  add(hash: number, parent: number, step: number): number | undefined {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(hash);
    if (this.#slots[slot] === hash) return undefined;
    this.#slots[slot] = hash;
    this.#ids[slot] = this.size;
    this.#parents[this.size] = parent;
    this.#steps[this.size] = step;
    this.size += 1;
    return this.size - 1;
  }

  /** The steps from the first state to this one. */
  pathTo(id: number): number[] {
    const steps: number[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? 0) steps.push(this.#steps[at] ?? 0);
    return steps.toReversed();
  }

  #slotOf(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = (hash % 0x7fff_ffff) & mask;
    while (this.#slots[slot] !== emptySlot && this.#slots[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [slots, ids] = [this.#slots, this.#ids];
    this.#slots = new Float64Array(slots.length * 2).fill(emptySlot);
    this.#ids = new Int32Array(slots.length * 2);
    slots.forEach((hash, i) => {
      if (hash === emptySlot) return;
      const slot = this.#slotOf(hash);
      this.#slots[slot] = hash;
      this.#ids[slot] = ids[i] ?? 0;
    });
    this.#parents = larger(this.#parents);
    this.#steps = larger(this.#steps);
  }
}

function larger(list: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(list.length * 2);
  longer.set(list);
  return longer;
}

/** 53 bits from two rounds of MurmurHash3's mixing over the numbers. */
export function hashOf(numbers: readonly number[]): number {
  let a = 0x9747b28c;
  let b = 0x85ebca6b;
  for (const number of numbers) {
    a = Math.imul(a ^ mixed(number | 0), 0x1b873593);
    a = (a << 13) | (a >>> 19);
    b = Math.imul(b ^ mixed((number + 0x165667b1) | 0), 0xcc9e2d51);
    b = (b << 15) | (b >>> 17);
  }
  return (mixed(a) >>> 0) * 0x20_0000 + (mixed(b ^ a) >>> 11);
}

function mixed(number: number): number {
  let k = number;
  k = Math.imul(k ^ (k >>> 16), 0x85ebca6b);
  k = Math.imul(k ^ (k >>> 13), 0xc2b2ae35);
  return k ^ (k >>> 16);
}
