// The chunks that a point needs, by pack, and what the packs' own indexes say of them: what must agree before the point can be restored.
import { MalformedError } from '../core/errors.ts';
import { decodeReference, referenceBytes } from '../core/vault/chunk-reference.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';
import { PackIndex } from '../vault/pack-reader.ts';
import { ExtentList, isHole, readExtent } from './extent-list.ts';

export type Wrong = { /** The first 16 hex of its id. */ readonly pack: string; readonly because: string };

/** Where in a reference the tag is: an extent that is a part of its chunk has one of its own. */
const [tagAt, placeAt] = [32, 48];

export class NeededChunks {
  readonly #needed = new Map<string, ExtentList>();
  readonly #indexes = new Map<string, PackIndex | null>();
  readonly #wrong: Wrong[] = [];
  #last: Uint8Array = new Uint8Array(referenceBytes);

  add(extents: Uint8Array): void {
    for (let index = 0; index < extents.length / extentBytes; index++) {
      if (isHole(extents, index)) continue;
      const row = extents.subarray(index * extentBytes, (index + 1) * extentBytes);
      const extent = readExtent(row, 0);
      if (extent.pack === null) continue;
      const isWhole = extent.from === 0 && extent.length === extent.rawBytes;
      if (extent.from + extent.length > extent.rawBytes)
        this.#wrong.push({ pack: hexOf(extent.pack), because: `an extent names ${extent.length} bytes at ${extent.from} of a chunk of ${extent.rawBytes}` });
      // Small files share a chunk: it is looked up once.
      if (!isWhole && isSamePlace(row, this.#last)) continue;
      this.#last = row;
      this.#listOf(hexOf(extent.pack)).addAll(row);
    }
  }

  /** @param packId 32 hex. @param rows of the pack's index; null: it is damaged, which has been said */
  index(packId: string, rows: Uint8Array | null): void {
    this.#indexes.set(packId.slice(0, 16), rows === null ? null : new PackIndex(rows));
  }

  /** When all packs and entries are there. Of each pack one chunk is named, and how many others. */
  wrong(): readonly Wrong[] {
    const found = [...this.#wrong];
    for (const [pack, list] of this.#needed) {
      const index = this.#indexes.get(pack);
      if (index === null) continue;
      if (index === undefined) {
        found.push({ pack, because: 'an entry needs it, and the manifest does not name it: the point cannot be relied on' });
        continue;
      }
      const strange: number[] = [];
      for (let i = 0; i < list.count; i++) {
        const row = list.bytes.subarray(i * extentBytes, (i + 1) * extentBytes);
        const extent = readExtent(row, 0);
        const isWhole = extent.pack !== null && extent.from === 0 && extent.length === extent.rawBytes;
        if (!isIn(index, row, isWhole)) strange.push(extent.pack === null ? 0 : extent.offset);
      }
      if (strange.length > 0) found.push({ pack, because: `the point names a chunk at ${strange[0]} that the pack does not have so${strange.length > 1 ? `, and ${strange.length - 1} more` : ''}` });
    }
    return found;
  }

  #listOf(pack: string): ExtentList {
    const known = this.#needed.get(pack);
    if (known !== undefined) return known;
    const made = new ExtentList();
    this.#needed.set(pack, made);
    return made;
  }
}

/** What is no reference at all is in no pack. */
function isIn(index: PackIndex, row: Uint8Array, isWhole: boolean): boolean {
  try {
    return index.has(decodeReference(row, 0), isWhole);
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}

function isSamePlace(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a.subarray(placeAt, referenceBytes), b.subarray(placeAt, referenceBytes)) === 0 && Buffer.compare(a.subarray(0, tagAt), b.subarray(0, tagAt)) === 0;
}

function hexOf(pack: Uint8Array): string {
  return Buffer.from(pack.buffer, pack.byteOffset, pack.length).toString('hex');
}
