// Which chunk goes where, by pack, so that each run of a pack is read once and each chunk opened once, whatever the order of the files. Bounded: when it is
// full it is worked off, and a chunk that is needed again later is read again.
import type { EntryName } from './entry-name.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';
import { extentLength, isHole, packOf, readExtent } from './extent-list.ts';
import type { FileMeta } from './file-meta.ts';
import { fileNumbers, pieceNumbers, type RestoreTask } from './restore-task.ts';

/** A file that is to be written; `pieces` of it are still missing. */
export type TargetFile = { readonly path: EntryName; readonly meta: FileMeta; pieces: number; isMade: boolean; isBroken: boolean };

type Need = { readonly extents: Uint8Array; readonly index: number; readonly offset: number; readonly end: number; readonly file: TargetFile; readonly position: number };

/** What is asked of a worker but for the bytes themselves. */
export type PlannedRun = Pick<RestoreTask, 'runOffset' | 'chunks' | 'paths' | 'files' | 'pieces'> & {
  readonly pack: bigint;
  readonly runBytes: number;
  readonly targets: readonly TargetFile[];
  readonly pieceFiles: readonly TargetFile[] /** Indexes of the files that need a chunk; null: any. */;
  readonly filesOf: (chunk: number | null) => readonly number[];
};

const needsMax = 400_000;
/** A gap so small is read through; a run is at most so long, but for a single chunk. */
const [gapBytesMax, runBytesMax] = [256 * 1024, 8 * 1024 * 1024];

export class RestoreWindow {
  readonly #byPack = new Map<bigint, Need[]>();
  #needs = 0;
  #storedBytes = 0;
  #lastOffset = -1;

  get isFull(): boolean {
    return this.#needs >= needsMax;
  }

  get isWorthARun(): boolean {
    return this.#storedBytes >= runBytesMax / 2;
  }

  /** All extents of one file. */
  add(extents: Uint8Array, file: TargetFile): void {
    let position = 0;
    for (let index = 0; index < extents.length / extentBytes; index++) {
      const length = extentLength(extents, index);
      if (!isHole(extents, index)) {
        const { offset = 0, storedBytes = 0 } = chunkOf(extents, index);
        const pack = packOf(extents, index);
        const needs = this.#byPack.get(pack) ?? [];
        if (needs.length === 0) this.#byPack.set(pack, needs);
        needs.push({ extents, index, offset, end: offset + storedBytes, file, position });
        this.#needs += 1;
        // Small files share a chunk.
        if (offset !== this.#lastOffset) this.#storedBytes += storedBytes;
        this.#lastOffset = offset;
        file.pieces += 1;
      }
      position += length;
    }
  }

  /** The runs of all packs, from the first and the last of the files in turn, so that workers seldom write into the same one; empties the window. */
  *runs(): Generator<PlannedRun> {
    const runs: { readonly pack: bigint; readonly needs: Need[] }[] = [];
    for (const [pack, needs] of this.#byPack) {
      needs.sort((a, b) => a.offset - b.offset);
      let run: Need[] = [];
      for (const need of needs) {
        const [first, last] = [run[0], run.at(-1)];
        if (first !== undefined && last !== undefined && (need.offset - last.end > gapBytesMax || need.end - first.offset > runBytesMax)) {
          runs.push({ pack, needs: run });
          run = [];
        }
        run.push(need);
      }
      if (run.length > 0) runs.push({ pack, needs: run });
    }
    this.#byPack.clear();
    [this.#needs, this.#storedBytes, this.#lastOffset] = [0, 0, -1];
    for (let [front, back] = [0, runs.length - 1]; front <= back; front++, back--) {
      for (const run of front === back ? [runs[front]] : [runs[front], runs[back]]) if (run !== undefined) yield planned(run.pack, run.needs);
    }
  }
}

function chunkOf(extents: Uint8Array, index: number): { readonly offset?: number; readonly storedBytes?: number } {
  const extent = readExtent(extents, index);
  return extent.pack === null ? {} : extent;
}

function planned(pack: bigint, run: readonly Need[]): PlannedRun {
  const runOffset = run[0]?.offset ?? 0;
  const chunks: Uint8Array[] = [];
  const pieces: number[] = [];
  const targets: TargetFile[] = [];
  const pieceFiles: TargetFile[] = [];
  const indexOf = new Map<TargetFile, number>();
  const here: number[] = [];
  let [end, chunkAt] = [runOffset, -1];
  for (const { extents, index, offset, end: needEnd, file, position } of run) {
    const row = extents.subarray(index * extentBytes, (index + 1) * extentBytes);
    if (offset !== chunkAt) {
      chunks.push(row);
      chunkAt = offset;
    } else if (isWhole(row)) chunks[chunks.length - 1] = row;
    end = Math.max(end, needEnd);
    if (file.isBroken) continue;
    const known = indexOf.get(file);
    const target = known ?? targets.push(file) - 1;
    if (known === undefined) indexOf.set(file, target);
    here[target] = (here[target] ?? 0) + 1;
    const extent = readExtent(row, 0);
    pieces.push(chunks.length - 1, target, position, extent.pack === null ? 0 : extent.from, extent.length);
    pieceFiles.push(file);
  }
  const files = new Float64Array(targets.length * fileNumbers);
  for (const [i, { meta, pieces: all, isMade }] of targets.entries()) {
    files.set([meta.mode, meta.user, meta.group, Number(meta.mtimeNs / 1000n), meta.bytes, !isMade && here[i] === all ? 1 : 0], i * fileNumbers);
  }
  return {
    pack,
    runOffset,
    runBytes: end - runOffset,
    chunks: Buffer.concat(chunks),
    paths: targets.map(({ path }) => path),
    files,
    pieces: Float64Array.from(pieces),
    targets,
    pieceFiles,
    filesOf: (chunk) => filesOf(pieces, chunk),
  };
}

function filesOf(pieces: readonly number[], chunk: number | null): number[] {
  const files = new Set<number>();
  for (let at = 0; at < pieces.length; at += pieceNumbers) if (chunk === null || pieces[at] === chunk) files.add(pieces[at + 1] ?? 0);
  return [...files];
}

/** Its tag is that of the whole chunk. */
function isWhole(row: Uint8Array): boolean {
  const extent = readExtent(row, 0);
  return extent.pack !== null && extent.from === 0 && extent.length === extent.rawBytes;
}
