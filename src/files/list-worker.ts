// A thread that looks at files for a backup (listing.ts), and what it sends.
import type { EntryName } from './entry-name.ts';
import { fileOf, metaJson, settledByNs, type FileStat } from './file-meta.ts';
import { lookAt, type Found, type NameRun } from './file-walk.ts';

export type LookRequest = { readonly runs: readonly NameRun[]; readonly askedMs: number };

/** Columns instead of objects: what a thread sends is copied. */
export type MadeEntries = {
  /** Of each entry, as of the first name of its file and with a time that is settled, without extended attributes: up to where `ends` says. */
  readonly json: Buffer;
  readonly ends: Uint32Array;
  readonly isSettled: Uint8Array;
  /** Of its content. */
  readonly bytes: Float64Array;
  /** See `statOf`. */
  readonly numbers: BigInt64Array;
  /** Those of files that have several, by their place: which file it is. */
  readonly linked: ReadonlyMap<number, string>;
};

export type SentEntries = Omit<MadeEntries, 'json'> & { readonly json: Uint8Array; readonly warnings: readonly string[] };

export function begin(): typeof makeEntries {
  return ({ runs, askedMs }) => makeEntries({ runs: runs.map(received), askedMs });
}

/** A Buffer arrives as what it is made of. */
function received({ name, path, children, hasFolder }: NameRun): NameRun {
  return { name: asName(name), path: asName(path), children: children?.map(asName) ?? null, hasFolder };
}

function asName(sent: string | Uint8Array): EntryName {
  return typeof sent === 'string' ? sent : Buffer.from(sent.buffer, sent.byteOffset, sent.length);
}

export function makeEntries({ runs, askedMs }: LookRequest): SentEntries {
  const made = new Making(settledByNs(askedMs));
  for (const run of runs) made.add(run);
  return made.sent;
}

const statNumbers = 10;

// Where what is sent is put together.
let room = Buffer.allocUnsafeSlow(256 * 1024);
let numbersRoom = new BigInt64Array(2048 * statNumbers);

class Making {
  readonly #settledBy: bigint;
  readonly #warnings: string[] = [];
  readonly #ends: number[] = [];
  readonly #isSettled: number[] = [];
  readonly #bytes: number[] = [];
  readonly #linked = new Map<number, string>();
  #end = 0;

  constructor(settledBy: bigint) {
    this.#settledBy = settledBy;
  }

  add(run: NameRun): void {
    for (const found of lookAt(run, (what) => this.#warnings.push(what))) this.#add(found);
  }

  get sent(): SentEntries {
    return {
      // A copy: of a view, everything behind it would be sent.
      json: new Uint8Array(room.subarray(0, this.#end)),
      ends: new Uint32Array(this.#ends),
      isSettled: new Uint8Array(this.#isSettled),
      bytes: new Float64Array(this.#bytes),
      numbers: numbersRoom.slice(0, this.#ends.length * statNumbers),
      linked: this.#linked,
      warnings: this.#warnings,
    };
  }

  #add({ name, type, stat, target }: Found): void {
    const bytes = type === 'f' ? Number(stat.size) : 0;
    const json = metaJson({ name, type, stat, target, attributes: undefined }, bytes);
    // A code unit is 3 bytes of UTF-8 at most.
    if (this.#end + 3 * json.length > room.length) room = Buffer.concat([room], 2 * (room.length + 3 * json.length));
    this.#end += room.write(json, this.#end);
    if (type === 'f' && stat.nlink > 1n) this.#linked.set(this.#ends.length, fileOf(stat));
    setStat(this.#ends.length, stat);
    this.#ends.push(this.#end);
    this.#isSettled.push(type !== 'f' || stat.ctimeNs < this.#settledBy ? 1 : 0);
    this.#bytes.push(bytes);
  }
}

/** One by one: a loop over the fields' names takes several times as long. */
function setStat(index: number, { dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs }: FileStat): void {
  const at = index * statNumbers;
  if (at === numbersRoom.length) {
    const larger = new BigInt64Array(2 * at);
    larger.set(numbersRoom);
    numbersRoom = larger;
  }
  numbersRoom[at] = dev;
  numbersRoom[at + 1] = ino;
  numbersRoom[at + 2] = mode;
  numbersRoom[at + 3] = nlink;
  numbersRoom[at + 4] = uid;
  numbersRoom[at + 5] = gid;
  numbersRoom[at + 6] = rdev;
  numbersRoom[at + 7] = size;
  numbersRoom[at + 8] = mtimeNs;
  numbersRoom[at + 9] = ctimeNs;
}

export function statOf(numbers: BigInt64Array, index: number): FileStat {
  const number = (i: number) => numbers[index * statNumbers + i] ?? 0n;
  return {
    dev: number(0),
    ino: number(1),
    mode: number(2),
    nlink: number(3),
    uid: number(4),
    gid: number(5),
    rdev: number(6),
    size: number(7),
    mtimeNs: number(8),
    ctimeNs: number(9),
  };
}
