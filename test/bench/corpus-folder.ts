// The folder of a run's corpora: built anew, or kept from a former run with the same seed and scale; and which version lies under the path that is backed up.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { hashTree, type TreeHash } from './content-hash.ts';
import { buildCorpora, versionPath, type CorpusSet } from './corpora.ts';

const hashSchema = z.object({ files: z.number(), bytes: z.number(), sha256: z.string() });
const stampSchema = z.object({
  format: z.literal(2),
  scale: z.number(),
  seed: z.string(),
  vm: z.enum(['mkfs.ext4', 'substitute']),
  recRatioZstd3: z.number(),
  recBytes: z.number(),
  smallFiles: z.number(),
  hashes: z.object({ big: z.array(hashSchema), small: z.array(hashSchema) }),
});
type Stamp = z.infer<typeof stampSchema>;

export class CorpusFolder {
  readonly #folder: string;
  readonly #version = new Map<CorpusSet, 0 | 1>();
  readonly stamp: Stamp;

  private constructor(folder: string, stamp: Stamp) {
    this.#folder = folder;
    this.stamp = stamp;
  }

  static async open(folder: string, scale: number, seed: string, sets: readonly CorpusSet[], say: (text: string) => void): Promise<CorpusFolder> {
    mkdirSync(folder, { recursive: true });
    const stampPath = join(folder, 'stamp.json');
    if (existsSync(stampPath)) {
      const stamp = stampSchema.parse(JSON.parse(readFileSync(stampPath, 'utf8')));
      if (stamp.scale !== scale || stamp.seed !== seed || sets.some((set) => stamp.hashes[set].length === 0))
        throw new Error(`${folder} holds corpora of scale ${stamp.scale} and seed ${stamp.seed}: say the same, or name another folder`);
      for (const set of sets) putBack(folder, set);
      const kept = new CorpusFolder(folder, stamp);
      say('proving the kept corpora …');
      for (const set of sets) for (const version of [0, 1] as const) kept.#requireHash(set, version);
      return kept;
    }
    if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty, and holds no finished corpora: remove it, or name another folder`);
    const built = await buildCorpora(folder, scale, seed, sets, say);
    say('hashing the corpora …');
    const hashesOf = (set: CorpusSet) => (sets.includes(set) ? ([0, 1] as const).map((version) => hashTree(versionPath(folder, set, version))) : []);
    const hashes = { big: hashesOf('big'), small: hashesOf('small') };
    const { vm, recRatioZstd3, recBytes, smallFiles } = built;
    const stamp: Stamp = { format: 2, scale, seed, vm, recRatioZstd3, recBytes, smallFiles, hashes };
    writeFileSync(stampPath, JSON.stringify(stamp));
    return new CorpusFolder(folder, stamp);
  }

  path(set: CorpusSet): string {
    return join(this.#folder, set);
  }

  hash(set: CorpusSet, version: 0 | 1): TreeHash {
    const hash = this.stamp.hashes[set][version];
    if (hash === undefined) throw new Error(`corpus ${set} was not built`);
    return hash;
  }

  /** Puts this version under the path that is backed up. */
  show(set: CorpusSet, version: 0 | 1): void {
    const shown = this.#version.get(set);
    if (shown === version) return;
    if (shown !== undefined) renameSync(this.path(set), versionPath(this.#folder, set, shown));
    renameSync(versionPath(this.#folder, set, version), this.path(set));
    this.#version.set(set, version);
  }

  close(): void {
    for (const [set, version] of this.#version) renameSync(this.path(set), versionPath(this.#folder, set, version));
    this.#version.clear();
  }

  #requireHash(set: CorpusSet, version: 0 | 1): void {
    if (hashTree(versionPath(this.#folder, set, version)).sha256 !== this.hash(set, version).sha256)
      throw new Error(`corpus ${set}-${version} in ${this.#folder} is not what it was: remove the folder`);
  }
}

/** A killed run may have left one version under the shown name. */
function putBack(folder: string, set: CorpusSet): void {
  if (!existsSync(join(folder, set))) return;
  renameSync(join(folder, set), existsSync(versionPath(folder, set, 0)) ? versionPath(folder, set, 1) : versionPath(folder, set, 0));
}
