// The documented adapter: it keeps the contract of a source, and what it puts into a vault comes back and is the same.
import { DatabaseSync } from 'node:sqlite';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NotesSource } from '../../examples/adapter/notes-source.ts';
import { newChain, newPoint } from '../../src/core/vault/object-names.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { PartWriter } from '../../src/vault/part-writer.ts';
import { PassphraseWrap } from '../../src/vault/passphrase-wrap.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { commitPoint } from '../../src/vault/point-writer.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault } from '../../src/vault/vault.ts';
import { backupSourceContract, digestOfLines } from '../contract/backup-source.ts';

const random = (bytes: number) => new Uint8Array(randomBytes(bytes));

function database(): DatabaseSync {
  const made = new DatabaseSync(':memory:');
  made.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, changed INTEGER NOT NULL)');
  return made;
}

function write(into: DatabaseSync, id: number, text: string | null): void {
  into
    .prepare('INSERT INTO notes (id, text, changed) VALUES (?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM notes)) ON CONFLICT (id) DO UPDATE SET text = excluded.text, changed = excluded.changed')
    .run(id, text);
}

backupSourceContract(
  'the example of notes',
  async () => {
    const here = database();
    return {
      source: new NotesSource(here),
      itself: here,
      target: async () => database(),
      fill: async (count) => {
        here.exec('DELETE FROM notes');
        for (let id = 0; id < count; id += 1) write(here, id, id % 50 === 0 ? 'long '.repeat(10_000) : `note ${id} of ${count}`);
      },
      change: async () => {
        write(here, 0, 'changed');
        write(here, 1, null);
        write(here, 1_000_000, 'added');
      },
    };
  },
  digestOfLines,
);

describe('notes in a vault', () => {
  it('are restored and compared', async () => {
    const here = database();
    for (let id = 0; id < 1_200; id += 1) write(here, id, `note ${id}`);
    const source = new NotesSource(here);
    const sites = new SiteSet([new MemorySite('a')]);
    const vault = await createVault(sites, random);
    const key = await vault.newKey(new PassphraseWrap('of the example', { n: 1024, r: 8, p: 1 }), 0, random, null);
    const parts = [];
    for (const piece of await source.list(3)) {
      const writer = new PartWriter({ sites, key, lock: null, packBytes: 1024 * 1024, zstdLevel: 3, chunkBytes: 64 * 1024, random });
      for await (const entry of source.read(piece)) await writer.add(entry);
      parts.push(await writer.finish(null));
    }
    const name = { chain: newChain('notes', 0, '00000001'), point: newPoint(0, 'full', '0000000000000001') };
    const header = { ...name, source: 'notes', type: 'full', parent: null, createdAtMs: 0, class: 'daily', lockedUntilMs: null } as const;
    await commitPoint({ sites, vault: vault.id, key, header, body: { source: { kind: 'notes' }, fromMs: 0, throughMs: 0 }, parts, random, lock: null });

    const point = await openPoint(vault, name, key);
    const there = database();
    async function* entries() {
      for await (const entry of point.entries()) yield { meta: entry.meta, content: point.content(entry) };
    }
    expect(await source.writeBack(there, entries())).toMatchObject({ items: 1_200 });
    expect(await source.digest(there)).toEqual(await source.digest(here));
  });
});
