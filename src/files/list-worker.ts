// A thread that looks at files for a backup (listing.ts), and what it sends.
import type { EntryName } from './entry-name.ts';
import { fileOf, metaJson, settledByNs } from './file-meta.ts';
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
  /** How many names its file has. */
  readonly links: Uint32Array;
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

/** Where the JSON is put together. */
let room = Buffer.allocUnsafeSlow(128 * 1024);

class Making {
  readonly #settledBy: bigint;
  readonly #warnings: string[] = [];
  readonly #ends: number[] = [];
  readonly #isSettled: number[] = [];
  readonly #bytes: number[] = [];
  readonly #links: number[] = [];
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
      links: new Uint32Array(this.#links),
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
    this.#ends.push(this.#end);
    this.#isSettled.push(type !== 'f' || stat.ctimeNs < this.#settledBy ? 1 : 0);
    this.#bytes.push(bytes);
    this.#links.push(Number(stat.nlink));
  }
}
