// zstd of whole chunks by contexts that are used again. Node's one-shot calls make a context and an output buffer for each chunk, which costs a tenth of compressing
// and up to half of decompressing; the streams behind them take another frame after one has ended, by a call that Node does not document. So it is tried once
// at the beginning, and where it is not what it was, the documented calls are made.
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Runs the codec over all of `input`; how many bytes came out, -1 where they did not fit or did not end, or it failed. */
type Codec = (input: Uint8Array, output: Uint8Array) => number;

const probe = new Uint8Array(100).fill(7);
let output = new Uint8Array(0);
const compressors = new Map<number, Codec | null>();
let decompressor: Codec | null | undefined;

/** One frame. The bytes are good until the next call. */
export function compress(plain: Uint8Array, level: number): Uint8Array {
  let codec = compressors.get(level);
  if (codec === undefined) {
    codec = tried(
      () => codecOf(createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }), false),
      probe,
      (frame) => Buffer.compare(zstdDecompressSync(frame), probe) === 0,
    );
    compressors.set(level, codec);
  }
  if (codec !== null) {
    const most = plain.length + (plain.length >> 8) + 1024;
    if (output.length < most) output = new Uint8Array(most);
    const bytes = codec(plain, output);
    if (bytes >= 0) return output.subarray(0, bytes);
    compressors.set(level, null);
  }
  return zstdCompressSync(plain, { chunkSize: Math.max(1024, plain.length), params: { [constants.ZSTD_c_compressionLevel]: level } });
}

/** A frame of at most `rawBytes`, into memory of the caller's where it is given and long enough. @throws Error where it is none, or is longer. */
export function decompress(frame: Uint8Array, rawBytes: number, into?: Uint8Array): Uint8Array {
  decompressor ??= tried(
    () => codecOf(createZstdDecompress(), true),
    zstdCompressSync(probe),
    (plain) => Buffer.compare(plain, probe) === 0,
  );
  if (decompressor !== null && rawBytes > 0) {
    const plain = into !== undefined && into.length >= rawBytes ? into.subarray(0, rawBytes) : Buffer.allocUnsafeSlow(rawBytes);
    const bytes = decompressor(frame, plain);
    if (bytes >= 0) return plain.subarray(0, bytes);
    decompressor = undefined;
  }
  // As long as the chunk is: else Node grows its output step by step, and a frame that lies could fill the memory.
  return zstdDecompressSync(frame, { chunkSize: Math.max(64, rawBytes), maxOutputLength: Math.max(64, rawBytes) });
}

function tried(make: () => Codec | null, input: Uint8Array, isRight: (output: Uint8Array) => boolean): Codec | null {
  try {
    const codec = make();
    if (codec === null) return null;
    const bytes = new Uint8Array(4096);
    for (let round = 0; round < 2; round++) {
      const length = codec(input, bytes);
      if (length < 0 || !isRight(bytes.subarray(0, length))) return null;
    }
    return codec;
  } catch {
    return null;
  }
}

function codecOf(stream: ReturnType<typeof createZstdCompress> | ReturnType<typeof createZstdDecompress>, isDecompressing: boolean): Codec | null {
  const handle: unknown = Reflect.get(stream, '_handle');
  const state: unknown = Reflect.get(stream, '_writeState');
  if (typeof handle !== 'object' || handle === null || !(state instanceof Uint32Array)) return null;
  const write: unknown = Reflect.get(handle, 'writeSync');
  if (typeof write !== 'function') return null;
  let hasFailed = false;
  stream.on('error', () => {
    hasFailed = true;
  });
  return (input, into) => {
    if (hasFailed || stream.destroyed) return -1;
    Reflect.apply(write, handle, [constants.ZSTD_e_end, input, 0, input.length, into, 0, into.length]);
    const [left = 0, unread = 0] = state;
    if (stream.destroyed || unread > 0 || (!isDecompressing && left === 0)) {
      stream.destroy();
      return -1;
    }
    return into.length - left;
  };
}
