// The set `small`: 200,000 files in 2,000 directories, most of them under 4 KiB, a few of some hundred: notes, records, pieces of programs, images that do not compress.
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineFiles } from './machine-files.ts';
import { recordLine, sentence } from './records.ts';
import { Seeded } from './seeded.ts';

export const fullFiles = 200_000;
const [filesOfDirectory, medianBytes, spread, bytesMax, materialBytes] = [100, 1500, 1.3, 256 * 1024, 32 * 1024 * 1024];

/** Of 100 files: 3 are changed in the middle, 1 is there only after the change, 1 only before it. */
export type Fate = 'kept' | 'changed' | 'new' | 'removed';

export function fateOf(chance: Seeded): Fate {
  const drawn = chance.below(100);
  return drawn < 3 ? 'changed' : drawn === 3 ? 'new' : drawn === 4 ? 'removed' : 'kept';
}

/** @returns how many files there are before the change */
export function buildSmall(was: string, is: string, scale: number, seed: string, times: readonly [Date, Date]): number {
  const count = Math.max(filesOfDirectory, Math.round(fullFiles * scale));
  const chance = new Seeded(seed);
  const material = materialOf(chance);
  let files = 0;
  for (let i = 0; i < count; i += 1) {
    const folder = folderOf(Math.floor(i / filesOfDirectory));
    if (i % filesOfDirectory === 0) for (const version of [was, is]) mkdirSync(join(version, folder), { recursive: true });
    const fate = fateOf(chance);
    const content = contentOf(chance, material, i);
    const name = join(folder, `${chance.bytes(5).toString('hex')}${i}`);
    if (fate !== 'new') {
      write(join(was, name), content, times[0]);
      files += 1;
    }
    if (fate === 'changed') chance.bytes(Math.min(200, content.length)).copy(content, content.length >> 1);
    if (fate !== 'removed') write(join(is, name), content, times[1]);
  }
  return files;
}

function folderOf(index: number): string {
  return join(`team-${index % 20}`, `project-${Math.floor(index / 20) % 10}`, `folder-${Math.floor(index / 200)}`);
}

function write(path: string, content: Uint8Array, time: Date): void {
  writeFileSync(path, content);
  utimesSync(path, time, time);
}

function contentOf(chance: Seeded, material: Buffer, index: number): Buffer {
  const bytes = Math.min(bytesMax, Math.floor(medianBytes * Math.exp(spread * chance.normal())));
  const kind = chance.below(10);
  if (kind < 4)
    return Buffer.from(
      repeated(bytes, (i) => recordLine(chance, index * 8 + i, false)),
      'latin1',
    );
  if (kind < 6)
    return Buffer.from(
      repeated(bytes, () => `${sentence(chance, 12)}.\n`),
      'latin1',
    );
  if (kind === 9) return chance.bytes(bytes);
  const from = chance.below(material.length - bytes);
  const piece = Buffer.from(material.subarray(from, from + bytes));
  const mask = chance.below(256);
  for (let i = 0; i < bytes; i += 1) piece[i] = (piece[i] ?? 0) ^ mask;
  return piece;
}

function repeated(bytes: number, make: (i: number) => string): string {
  let text = '';
  for (let i = 0; text.length < bytes; i += 1) text += make(i);
  return text.slice(0, bytes);
}

function materialOf(chance: Seeded): Buffer {
  const pieces = machineFiles(materialBytes, 1).map(({ path }) => readFileSync(path));
  const found = Buffer.concat(pieces);
  return found.length >= bytesMax * 2 ? found : chance.bytes(materialBytes);
}
