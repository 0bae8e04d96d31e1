// The limits of format 1 (docs/vault-format.md, *Limits*).

/** Raw bytes of a chunk. */
export const chunkBytesMax = 16 * 1024 * 1024;
export const packBytesMax = 64 * 1024 * 1024;
export const entryJsonBytesMax = 1024 * 1024;
export const packsOfPointMax = 2 ** 24;
export const manifestBytesMax = 1024 * 1024 * 1024;
/** Before the first chunk of a pack. */
export const packHeaderBytes = 32;
/** What sealing adds: the tag of GCM. */
export const sealBytes = 16;
