// Shows that the dedup index's memory does not grow with what is in it: fills one with synthetic chunks, looks up some that are there and some that are not, and
// prints rates and the peak of the resident memory.
//   node scripts/bootstrap.mjs test/bench/index-memory.ts --entries 1e8
import { fstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { DedupIndex } from '../../src/vault/dedup-index.ts';
import { IndexReader } from '../../src/vault/index-reader.ts';
import { Seeded } from './seeded.ts';

const { values } = parseArgs({
  options: { entries: { type: 'string', default: '1e7' }, 'memory-mib': { type: 'string', default: '128' }, lookups: { type: 'string', default: '300000' }, work: { type: 'string' } },
});
const [entries, lookups, memoryBytesMax] = [Number(values.entries), Number(values.lookups), Number(values['memory-mib']) * 2 ** 20];
const [chunksOfPack, saidEvery] = [16, Math.min(1e7, entries / 10)];
const directory = values.work ?? tmpdir();
const peakMib = () => process.resourceUsage().maxRSS / 1024;
const memoryNow = () => {
  const { rss, heapTotal, arrayBuffers } = process.memoryUsage();
  return `RSS ${(rss / 2 ** 20).toFixed(0)} MiB (heap ${(heapTotal / 2 ** 20).toFixed(0)}, arrays ${(arrayBuffers / 2 ** 20).toFixed(0)}), peak ${peakMib().toFixed(0)} MiB`;
};

/** The ids of chunk `i`: any of them can be made again without keeping them. */
function idOf(i: number, into: Uint8Array): Uint8Array {
  const view = new DataView(into.buffer, into.byteOffset, 32);
  for (let word = 0; word < 8; word += 1) view.setUint32(4 * word, mixed(mixed(i + word * 0x9e37_79b9) + Math.floor(i / 2 ** 16) + word), true);
  return into;
}

function mixed(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function packOf(i: number): Uint8Array {
  const pack = new Uint8Array(8);
  new DataView(pack.buffer).setFloat64(0, Math.floor(i / chunksOfPack));
  return pack;
}

function timed<T>(act: () => T): { readonly result: T; readonly wallSeconds: number; readonly cpuSeconds: number } {
  const [cpu, started] = [process.cpuUsage(), performance.now()];
  const result = act();
  const { user, system } = process.cpuUsage(cpu);
  return { result, wallSeconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function told(what: string, count: number, { wallSeconds, cpuSeconds }: { readonly wallSeconds: number; readonly cpuSeconds: number }): void {
  process.stdout.write(
    `${what}: ${count} in ${wallSeconds.toFixed(1)} s = ${(count / wallSeconds / 1000).toFixed(0)} k/s (CPU ${cpuSeconds.toFixed(1)} s = ${(count / cpuSeconds / 1000).toFixed(0)} k/s); peak RSS ${peakMib().toFixed(0)} MiB\n`,
  );
}

const id = new Uint8Array(32);
const index = new DedupIndex({ directory, memoryBytesMax });
let shared = { runs: [] } as ReturnType<typeof index.share>;
told(
  'inserts',
  entries,
  timed(() => {
    for (let i = 0; i < entries; i += 1) {
      index.add(idOf(i, id), { pack: packOf(i), offset: (i % chunksOfPack) * 1_000_000, storedBytes: 900_000, rawBytes: 1_048_576, codec: 1 });
      if ((i + 1) % saidEvery === 0) process.stdout.write(`  ${i + 1}: ${memoryNow()}\n`);
    }
    shared = index.share();
  }),
);
const { runs } = shared;
const indexed = runs.reduce((sum, { facts }) => sum + facts.entries, 0);
process.stdout.write(`${indexed} entries in ${runs.length} runs; ${memoryNow()}\n`);
const reader = new IndexReader(shared);
const chance = new Seeded('index-memory');
let wrong = 0;
const hits = timed(() => {
  for (let n = 0; n < lookups; n += 1) {
    const i = chance.below(entries);
    const found = reader.find(idOf(i, id));
    if (found?.offset !== (i % chunksOfPack) * 1_000_000 || Buffer.compare(found.pack, packOf(i)) !== 0) wrong += 1;
  }
});
told('lookups of what is there', lookups, hits);
const misses = timed(() => {
  for (let n = 0; n < lookups; n += 1) if (reader.find(idOf(entries + n, id)) !== null) wrong += 1;
});
told('lookups of what is not there', lookups, misses);
const bytes = runs.reduce((sum, { file }) => sum + fstatSync(file).size, 0);
process.stdout.write(`on disk ${(bytes / 1e6).toFixed(0)} MB = ${(bytes / entries).toFixed(1)} bytes an entry; wrong answers ${wrong}; peak RSS ${peakMib().toFixed(0)} MiB\n`);
index.close();
if (wrong > 0 || indexed < entries) process.exitCode = 1;
