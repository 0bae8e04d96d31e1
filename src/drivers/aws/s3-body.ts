// The body of an S3 answer as one piece of memory, copied once.
import { Readable } from 'node:stream';

/** @param bytes what the answer's head promised; fewer is a broken connection, not an answer. @param into memory to be used where it is long enough */
export async function readBody(body: unknown, bytes: number | undefined, into?: Uint8Array): Promise<Uint8Array> {
  if (!(body instanceof Readable)) throw new Error(`an answer of S3 without a readable body (${typeof body}): its client must run on Node's http`);
  if (bytes === undefined) return readToEnd(body);
  // Not zeroed: it is filled wholly or not given.
  const whole = into !== undefined && into.length >= bytes ? into.subarray(0, bytes) : new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  let filled = 0;
  // Events, not an iterator: a promise for each piece costs as much as copying it.
  await new Promise<void>((resolve, reject) => {
    const broken = (error?: Error) => {
      // The memory may be somebody else's from here on.
      body.off('data', take);
      reject(Object.assign(new Error(`an answer of S3 ended after ${filled} of ${bytes} bytes`, { cause: error }), { code: 'ECONNRESET' }));
    };
    const take = (piece: Uint8Array) => {
      if (filled + piece.length > bytes) {
        body.destroy();
        broken();
        return;
      }
      whole.set(piece, filled);
      filled += piece.length;
      // Given back at once: else the next pieces are in new memory, and the garbage collector is called for all of it.
      if (piece.buffer instanceof ArrayBuffer && piece.buffer.byteLength === piece.length) piece.buffer.transfer(0);
    };
    body.on('data', take);
    body.on('end', () => (filled === bytes ? resolve() : broken()));
    body.on('error', broken);
    body.on('close', () => broken()); // without effect after an end
  });
  return whole;
}

async function readToEnd(body: Readable): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) if (piece instanceof Uint8Array) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
