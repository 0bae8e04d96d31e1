// Whether bytes are all zero: then they are a hole, and are not stored.
const zeros = Buffer.alloc(1024 * 1024);

export function isZero(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0 || bytes[bytes.length - 1] !== 0) return false;
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}
