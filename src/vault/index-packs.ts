// The packs of a dedup index, by number: on disk, since a hundred million chunks are in millions of packs. Rows of 64 bytes with a checksum each, only added to.
import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { PackRow } from '../core/vault/recovery-point.ts';

/** Pack id 16 ‖ SHA-256 32 ‖ bytes u32 ‖ number u32 ‖ CRC-32 of all before it ‖ zeros. */
const rowBytes = 64;
const [bytesAt, numberAt, checkAt] = [48, 52, 56];
/** The same pack comes many times in a row. */
const recentMax = 4096;

export class IndexPacks {
  readonly #file: number;
  readonly #numbers = new Map<string, number>();
  readonly #rows = new Map<number, PackRow>();
  #pending = Buffer.alloc(rowBytes * 1024);
  #pendingRows = 0;
  #stored: number;
  readonly #row = Buffer.alloc(rowBytes);
  #lastId = '';
  #lastNumber = 0;

  /** Whatever lies beyond `count` was not committed. */
  constructor(path: string, count: number) {
    this.#file = openSync(path, 'a+');
    ftruncateSync(this.#file, count * rowBytes);
    this.#stored = count;
  }

  /** How many are on disk. */
  get stored(): number {
    return this.#stored;
  }

  /** The pack's number; one that was long ago may get another one, which costs 64 bytes. */
  numberOf(pack: PackRow): number {
    if (pack.packId === this.#lastId) return this.#lastNumber;
    const number = this.#numbers.get(pack.packId) ?? this.#append(pack);
    this.#lastId = pack.packId;
    this.#lastNumber = number;
    return number;
  }

  /** null: the row is damaged, or is not there. */
  row(number: number): PackRow | null {
    const known = this.#rows.get(number);
    if (known !== undefined) return known;
    const row = number >= this.#stored ? this.#pendingRow(number - this.#stored) : this.#read(number);
    if (row.readUInt32LE(checkAt) !== crc32(row.subarray(0, checkAt)) || row.readUInt32LE(numberAt) !== number) return null;
    const pack = { packId: row.toString('hex', 0, 16), sha256: row.toString('hex', 16, bytesAt), bytes: row.readUInt32LE(bytesAt) };
    remember(this.#rows, number, pack);
    return pack;
  }

  flush(): void {
    const bytes = this.#pending.subarray(0, this.#pendingRows * rowBytes);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    fsyncSync(this.#file);
    this.#stored += this.#pendingRows;
    this.#pendingRows = 0;
  }

  #append(pack: PackRow): number {
    if ((this.#pendingRows + 1) * rowBytes > this.#pending.length) this.#pending = Buffer.concat([this.#pending, Buffer.alloc(this.#pending.length)]);
    const number = this.#stored + this.#pendingRows;
    const row = this.#pendingRow(this.#pendingRows);
    this.#pendingRows += 1;
    row.fill(0);
    row.write(pack.packId, 0, 'hex');
    row.write(pack.sha256, 16, 'hex');
    row.writeUInt32LE(pack.bytes, bytesAt);
    row.writeUInt32LE(number, numberAt);
    row.writeUInt32LE(crc32(row.subarray(0, checkAt)), checkAt);
    remember(this.#numbers, pack.packId, number);
    return number;
  }

  #pendingRow(at: number): Buffer {
    return this.#pending.subarray(at * rowBytes, (at + 1) * rowBytes);
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(number: number): Buffer {
    const got = readSync(this.#file, this.#row, 0, rowBytes, number * rowBytes);
    return this.#row.fill(0, got);
  }
}

function remember<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (map.size >= recentMax) for (const oldest of map.keys()) if (map.delete(oldest)) break;
  map.set(key, value);
}
