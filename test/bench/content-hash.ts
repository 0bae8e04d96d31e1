// What a tree of files holds, as one hash: names and bytes. So that a tool that restores wrongly is not praised for its speed.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';

const buffer = Buffer.alloc(1024 * 1024);

export type TreeHash = { readonly files: number; readonly bytes: number; readonly sha256: string };

export function hashTree(root: string): TreeHash {
  const names = readdirSync(root, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [relative(root, join(entry.parentPath, entry.name))] : []))
    .toSorted();
  const whole = createHash('sha256');
  let sum = 0;
  for (const name of names) {
    const hash = createHash('sha256');
    const file = openSync(join(root, name), 'r');
    let bytes = 0;
    for (let got = readSync(file, buffer); got > 0; got = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, got));
      bytes += got;
    }
    closeSync(file);
    whole.update(`${name}\0${bytes}\0${hash.digest('hex')}\n`);
    sum += bytes;
  }
  return { files: names.length, bytes: sum, sha256: whole.digest('hex') };
}
