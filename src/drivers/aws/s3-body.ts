// The body of an S3 answer as one piece of memory, copied once.
import { Readable } from 'node:stream';

/** @param bytes what the answer's head promised; fewer is a broken connection, not an answer. */
export async function readBody(body: unknown, bytes: number | undefined): Promise<Uint8Array> {
  if (!(body instanceof Readable)) throw new Error(`an answer of S3 without a readable body (${typeof body}): its client must run on Node's http`);
  if (bytes === undefined) return readToEnd(body);
  // Not zeroed: it is filled wholly or not given.
  const whole = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  let filled = 0;
  // Events, not an iterator: a promise for each piece costs as much as copying it.
  await new Promise<void>((resolve, reject) => {
    const broken = (error?: Error) => reject(Object.assign(new Error(`an answer of S3 ended after ${filled} of ${bytes} bytes`, { cause: error }), { code: 'ECONNRESET' }));
    body.on('data', (piece: Uint8Array) => {
      if (filled + piece.length > bytes) {
        body.destroy();
        broken();
        return;
      }
      whole.set(piece, filled);
      filled += piece.length;
    });
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
