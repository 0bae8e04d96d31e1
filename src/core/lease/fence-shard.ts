// Which of the K fence rows judges a write: by a hash of its key, so that one row does not cap the service's writes.

/** FNV-1a, 32 bits (Fowler, Noll, Vo), over UTF-16 code units. Not for secrets: it only spreads keys. @returns 0 … shards − 1 */
export function shardOf(key: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
