// What a tree is, as text that two trees can be compared by: names as bytes, types, modes, owners, times to the microsecond, links, contents.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export function treePicture(root: string): string[] {
  const inodes = new Map<bigint, number>();
  const lines: string[] = [];
  const look = (path: Buffer, name: string) => {
    const stat = lstatSync(path, { bigint: true });
    const line = [name, stat.mode.toString(8), stat.uid, stat.gid, stat.mtimeNs / 1000n];
    if (stat.isSymbolicLink()) line.push(readlinkSync(path, 'buffer').toString('latin1'));
    if (stat.isFile()) {
      const first = inodes.get(stat.ino) ?? inodes.size;
      inodes.set(stat.ino, first);
      line.push(stat.size, createHash('sha256').update(readFileSync(path)).digest('hex'), stat.nlink > 1n ? `file ${first}` : '');
    }
    lines.push(line.join(' '));
    if (!stat.isDirectory()) return;
    for (const child of readdirSync(path, 'buffer').sort((a, b) => Buffer.compare(a, b))) look(Buffer.concat([path, Buffer.from('/'), child]), `${name}/${child.toString('latin1')}`);
  };
  look(Buffer.from(root), '.');
  return lines;
}
