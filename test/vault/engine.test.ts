// What the engine promises beside the round trip: bounded memory, sources that use their buffers again, sites that lie, keys that do not answer.
import { describe, expect, it } from 'vitest';
import { KeyUnavailableError } from '../../src/core/vault/vault-errors.ts';
import { packName, vaultFileName } from '../../src/core/vault/object-names.ts';
import { FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import type { KeyWrap } from '../../src/ports/key-wrap.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { chunkId, chunkTag } from '../../src/vault/chunk-crypto.ts';
import { deriveKeys, type DataKey } from '../../src/vault/data-key.ts';
import { PackBuilder } from '../../src/vault/pack-builder.ts';
import { indexOf, openPack, verifyPack } from '../../src/vault/pack-reader.ts';
import { PartWriter } from '../../src/vault/part-writer.ts';
import { PassphraseWrap } from '../../src/vault/passphrase-wrap.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, openVault, type Vault } from '../../src/vault/vault.ts';
import { verifyPoint } from '../../src/vault/verify.ts';
import { verifyKeys } from '../../src/vault/verify-keys.ts';
import { backUp, cheapWrap, memorySites, objectsOf, pieces, randomFrom, readBack, shown, siteOf, type Contents } from './small-vault.ts';

const MiB = 1024 * 1024;

async function world(sites: readonly VaultSite[] = memorySites()): Promise<{ sites: SiteSet; vault: Vault; key: DataKey; random: (bytes: number) => Uint8Array }> {
  const set = new SiteSet(sites);
  const random = randomFrom('engine');
  const vault = await createVault(set, random);
  return { sites: set, vault, key: await vault.newKey(cheapWrap, 0, random, null), random };
}

describe('chunks and packs', () => {
  it('have the ids, tags and keys that the page names', async () => {
    const { createHmac, hkdfSync, createCipheriv, createHash } = await import('node:crypto');
    const key = { keyId: '00'.repeat(8), bytes: Buffer.alloc(32, 9) };
    const keys = deriveKeys(key);
    const derived = (info: Buffer | string) => Buffer.from(hkdfSync('sha256', key.bytes, '', info, 32));
    for (const length of [0, 1, 63, 64, 65, 5000]) {
      const plain = Buffer.alloc(length, 7);
      expect(Buffer.from(chunkId(keys, plain)).equals(createHmac('sha256', derived('holdfast/1/id')).update(createHash('sha256').update(plain).digest()).digest())).toBe(true);
      const gmac = createCipheriv('aes-256-gcm', derived('holdfast/1/tag'), Buffer.alloc(12)).setAAD(plain);
      gmac.final();
      expect(Buffer.from(chunkTag(keys, plain)).equals(gmac.getAuthTag())).toBe(true);
    }
    const packId = Buffer.alloc(16, 5);
    expect(Buffer.from(keys.packKey(packId)).equals(derived(Buffer.concat([Buffer.from('holdfast/1/pack'), packId])))).toBe(true);
    expect(Buffer.from(keys.pointKey(packId)).equals(derived(Buffer.concat([Buffer.from('holdfast/1/point'), packId])))).toBe(true);
  });

  it('store a chunk of 16 MiB and refuse one byte more; packs stay below the format’s limit', () => {
    const key = { keyId: '00'.repeat(8), bytes: Buffer.alloc(32, 9) };
    const builder = new PackBuilder(key, 64 * 1024, 1, randomFrom('packs'));
    for (const length of [16 * MiB - 1, 16 * MiB]) {
      const reference = builder.add(new Uint8Array(length).fill(length % 251));
      expect([reference.rawBytes, builder.chunks]).toEqual([length, length === 16 * MiB ? 2 : 1]);
    }
    expect(() => builder.add(new Uint8Array(16 * MiB + 1))).toThrow(/the most is 16777216/);
    const { bytes, sha256: name, row } = builder.seal();
    expect(verifyPack(bytes, name, key)).toBe(2);
    expect([row.bytes, builder.chunks]).toEqual([bytes.length, 0]);
    expect(openPack(bytes, key).chunks.every(({ codec }) => codec === 1)).toBe(true);
    expect(() => builder.seal()).toThrow(/without chunks/);
  });

  it('know from their index whether a reference is theirs, field by field', () => {
    const key = { keyId: '00'.repeat(8), bytes: Buffer.alloc(32, 9) };
    const random = randomFrom('index');
    const builder = new PackBuilder(key, MiB, 1, random);
    const references = [10, 2000, 0, 300].map((length) => builder.add(random(length)));
    const { bytes, packId } = builder.seal();
    const index = indexOf(bytes, packId, key);
    for (const reference of references) {
      expect(index.has(reference, true)).toBe(true);
      const otherTag = { ...reference, tag: new Uint8Array(16) };
      expect([index.has(otherTag, true), index.has(otherTag, false)]).toEqual([false, true]);
      const others = [{ id: new Uint8Array(32) }, { offset: reference.offset + 1 }, { storedBytes: reference.storedBytes + 1 }, { rawBytes: reference.rawBytes + 1 }, { codec: 1 as const }];
      for (const change of others) if (change.codec !== reference.codec) expect(index.has({ ...reference, ...change }, false)).toBe(false);
    }
    expect(() => indexOf(bytes, '0'.repeat(32), key)).toThrow(/it is/);
    expect(() => indexOf(bytes, packId, { ...key, keyId: '11'.repeat(8) })).toThrow(/belongs to key/);
  });

  it('are made in memory that is lent for each, and are the same', () => {
    const key = { keyId: '00'.repeat(8), bytes: Buffer.alloc(32, 9) };
    const lent: Uint8Array[] = [];
    const lend = (bytes: number) => {
      const memory = new Uint8Array(new SharedArrayBuffer(bytes)).fill(0xee);
      lent.push(memory);
      return memory;
    };
    const content = randomFrom('lent content');
    const plains = Array.from({ length: 40 }, (_, i) => (i === 30 ? content(9 * MiB) : content(20_000)));
    const packsOf = (builder: PackBuilder) => {
      const packs: Uint8Array[] = [];
      for (const plain of plains) {
        builder.add(plain);
        if (builder.isFull) packs.push(builder.seal().bytes);
      }
      return packs;
    };
    const [copied, made] = [packsOf(new PackBuilder(key, 256 * 1024, 1, randomFrom('ids'))), packsOf(new PackBuilder(key, 256 * 1024, 1, randomFrom('ids'), lend))];
    expect(made.map((bytes, i) => bytes.buffer === lent[i]?.buffer)).toEqual(copied.map(() => true));
    expect(made.map((bytes, i) => Buffer.compare(bytes, copied[i] ?? new Uint8Array(0)))).toEqual(copied.map(() => 0));
    expect(copied.length).toBeGreaterThan(2);
  });

  it('leave a chunk as it is where compressing does not help', () => {
    const key = { keyId: '00'.repeat(8), bytes: Buffer.alloc(32, 9) };
    const random = randomFrom('raw');
    const builder = new PackBuilder(key, MiB, 3, random);
    const references = [random(3000), new Uint8Array(3000)].map((plain) => builder.add(plain));
    expect(references.map(({ codec }) => codec)).toEqual([0, 1]);
    expect(references[0]?.storedBytes).toBe(3016);
  });
});

describe('a part', () => {
  it('is right though its source uses one buffer again and again, a Buffer or not', async () => {
    for (const shared of [Buffer.alloc(700), new Uint8Array(700)]) {
      const { sites, vault, key, random } = await world();
      const contents = [random(5000), random(20), random(650)];
      async function* again(content: Uint8Array): AsyncIterable<Uint8Array> {
        for (let at = 0; at < content.length; at += shared.length) {
          shared.set(content.subarray(at, at + shared.length));
          yield shared.subarray(0, Math.min(shared.length, content.length - at));
          shared.fill(0xee);
        }
      }
      const writer = new PartWriter({ sites, key, lock: null, packBytes: 64 * 1024, zstdLevel: 1, chunkBytes: 1024, random });
      for (const [i, content] of contents.entries()) await writer.add({ meta: { n: `${i}` }, content: again(content) });
      const { commitPoint } = await import('../../src/vault/point-writer.ts');
      const name = { chain: 'test.20260101T000000Z.00112233', point: '20260101T000000000Z-full-0011223344556677' };
      const header = { ...name, source: 'test', type: 'full' as const, parent: null, createdAtMs: 1, class: 'hourly' as const, lockedUntilMs: null };
      await commitPoint({ sites, vault: vault.id, key, header, body: { source: { kind: 'test' }, fromMs: 1, throughMs: 1 }, parts: [await writer.finish(null)], random, lock: null });
      expect(shown(await readBack(vault, name, key))).toEqual(shown(Object.fromEntries(contents.entries())));
    }
  });

  it('has at most two packs on their way at once', async () => {
    let [now, most] = [0, 0];
    class Slow extends MemorySite {
      override async put(...args: Parameters<MemorySite['put']>) {
        if (args[0].startsWith('packs/')) {
          now += 1;
          most = Math.max(most, now);
          await new Promise((resolve) => setTimeout(resolve, 5));
          now -= 1;
        }
        return super.put(...args);
      }
    }
    const made = await world([new Slow('a')]);
    await backUp({ ...made, contents: { big: made.random(800_000) }, chunkBytes: 16 * 1024, pieceBytes: 10_000 });
    expect(most).toBe(2);
  });

  it('says it where a pack found no majority, however early it was', async () => {
    const inner = memorySites();
    const made = await world(inner);
    let packs = 0;
    const faulty = inner.map(
      (site) => new FaultySite(site, ({ method, name }) => (method === 'put' && name.startsWith('packs/') && site.name !== 'c' && (packs += 1) <= 2 ? { kind: 'lose-request' } : undefined)),
    );
    await expect(backUp({ ...made, sites: new SiteSet(faulty), contents: { big: made.random(300_000) } })).rejects.toMatchObject({ name: 'TooFewSitesError', retryable: true });
    expect(await made.vault.listPoints()).toEqual([]);
  });

  it('keeps entries in order, puts small contents into one chunk, and does not wait for ever with those that have none', async () => {
    const made = await world();
    const writer = new PartWriter({ sites: made.sites, key: made.key, lock: null, packBytes: 64 * 1024, zstdLevel: 1, chunkBytes: 1024, random: made.random });
    await writer.add({ meta: { n: 'small' }, content: pieces(made.random(10), 3) });
    for (let i = 0; i < 5000; i += 1) await writer.add({ meta: { n: `directory ${i}` }, content: null });
    const part = await writer.finish(null);
    expect(part.entries.count).toBe(5001);
    const name = await backUp({ ...made, contents: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`small ${i}`, made.random(10)])) });
    const point = await openPoint(made.vault, name, made.key);
    const chunks = new Set<string>();
    const found: string[] = [];
    for await (const entry of point.entries()) {
      found.push(String(entry.meta.n));
      for (const extent of entry.extents) if (extent.kind === 'chunk') chunks.add(Buffer.from(extent.reference.id).toString('hex'));
    }
    expect(found).toEqual(Array.from({ length: 100 }, (_, i) => `small ${i}`));
    expect(chunks.size).toBe(1);
  });

  it('stores nothing but a manifest and its entries where nothing changed', async () => {
    const made = await world();
    const contents: Contents = { large: made.random(50_000), small: made.random(10), other: made.random(30) };
    const first = await backUp({ ...made, contents });
    const known = await (await openPoint(made.vault, first, made.key)).dedupIndex();
    const packs = async () => [...(await objectsOf(made.sites.sites[0]!)).keys()].filter((name) => name.startsWith('packs/')).length;
    const before = await packs();
    const second = await backUp({ ...made, contents, chain: first.chain, type: 'incremental', parent: { point: first.point, sha256: first.sha256 }, known });
    expect(await packs()).toBe(before);
    expect(shown(await readBack(made.vault, second, made.key))).toEqual(shown(contents));
  });
});

describe('a chunk that was shared by small contents', () => {
  it('is found again as one content, with the tag of all of it', async () => {
    const made = await world();
    const whole = made.random(1024);
    const first = await backUp({ ...made, contents: { a: whole.subarray(0, 500), b: whole.subarray(500) } });
    const known = await (await openPoint(made.vault, first, made.key)).dedupIndex();
    const second = await backUp({ ...made, contents: { whole }, chain: first.chain, type: 'incremental', parent: { point: first.point, sha256: first.sha256 }, known });
    expect((await made.vault.readManifest(second)).packs.length).toBe(2);
    expect((await verifyPoint(made.vault, second, { key: made.key })).violations).toEqual([]);
  });
});

describe('reading', () => {
  it('asks for what lies together at once, and never opens more than 16 MiB of it', async () => {
    const sites = [new FaultySite(new MemorySite('a'))];
    const made = await world(sites);
    const compressible = new Uint8Array(40 * MiB).map((_, i) => (i >> 20) + 1);
    const name = await backUp({ ...made, contents: { zeros: compressible }, chunkBytes: MiB, pieceBytes: MiB });
    const point = await openPoint(made.vault, name, made.key);
    const from = sites[0]!.calls.length;
    let bytes = 0;
    for await (const entry of point.entries()) for await (const piece of point.content(entry)) bytes += piece.length;
    const gets = sites[0]!.calls.slice(from).filter(({ method }) => method === 'get').length;
    expect(bytes).toBe(40 * MiB);
    // One for the entries; the content's 40 chunks lie in a few kilobytes.
    expect(gets).toBe(1 + Math.ceil(40 / 16));
  });
});

describe('sites that lie', () => {
  it('about which vault they are, or have no such file, are outvoted; where no majority agrees, nothing is opened', async () => {
    const made = await world();
    const name = await backUp({ ...made, contents: { a: made.random(5000) } });
    const objects = await objectsOf(made.sites.sites[0]!);
    const another = new Map([...objects, [vaultFileName, Buffer.from(`{"format":1,"vault":"${'0'.repeat(32)}"}`)]]);
    const none = new Map([...objects].filter(([each]) => each !== vaultFileName));
    for (const bad of [another, none]) {
      const set = new SiteSet([await siteOf('a', bad), await siteOf('b', objects), await siteOf('c', objects)]);
      const vault = await openVault(set);
      expect(vault.id).toBe(made.vault.id);
      expect((await readBack(vault, name, made.key))['a']?.length).toBe(5000);
      expect((await verifyKeys(vault, null)).map(({ site }) => site)).toEqual(['a']);
    }
    await expect(openVault(new SiteSet([await siteOf('a', another), await siteOf('b', objects)]))).rejects.toThrow(/belong to different vaults/);
    await expect(openVault(new SiteSet(memorySites()))).rejects.toThrow(/There is no vault/);
    await expect(createVault(made.sites, made.random)).rejects.toThrow(/There is a vault already/);
  });

  it('about what is not there: a majority’s no is a no, too few answers are none', async () => {
    const inner = memorySites();
    const made = await world(inner);
    const without = (...down: string[]) => new SiteSet(inner.map((site) => new FaultySite(site, () => (down.includes(site.name) ? { kind: 'lose-request' } : undefined))));
    expect(await without('a').get(packName('ab'.repeat(32)))).toBeNull();
    await expect(without('a', 'b').get(packName('ab'.repeat(32)))).rejects.toMatchObject({ name: 'TooFewSitesError' });
    expect((await without('a', 'b').get(vaultFileName))?.length).toBeGreaterThan(0);
    const name = await backUp({ ...made, contents: { a: made.random(10) } });
    expect((await new SiteSet(without('a').sites).list('points/')[Symbol.asyncIterator]().next()).value).toMatchObject({ sites: ['b', 'c'] });
    await expect(async () => {
      for await (const each of without('a', 'b').list('points/')) expect(each).toBeDefined();
    }).rejects.toMatchObject({ name: 'TooFewSitesError' });
    expect(Object.keys(await readBack(await openVault(without('b')), name, made.key))).toEqual(['a']);
  });
});

describe('keys', () => {
  const silent: KeyWrap = {
    kind: 'regions',
    wrap: async (_vault, _keyId, dataKey) => ['one', 'two'].map((region) => ({ kind: 'regions', region, sealed: Buffer.from(dataKey).toString('base64') })),
    unwrap: async (_vault, _keyId, wrap) => {
      if (wrap['region'] === 'one') throw new KeyUnavailableError('KMS in one does not answer');
      return wrap['kind'] === 'regions' && wrap['region'] === 'two' ? Buffer.from(String(wrap['sealed']), 'base64') : null;
    },
  };

  it('open by another region’s wrap where the first one’s KMS does not answer, and say why where none does', async () => {
    const { vault, random } = await world();
    const key = await vault.newKey(silent, 0, random, null);
    expect(Buffer.from((await vault.openKey(key.keyId, silent)).bytes).equals(Buffer.from(key.bytes))).toBe(true);
    await expect(vault.openKey(key.keyId, { ...silent, unwrap: async () => Promise.reject(new KeyUnavailableError('KMS in one does not answer')) })).rejects.toThrow(/KMS in one does not answer/);
    await expect(vault.openKey('0'.repeat(16), silent)).rejects.toThrow(/has no key/);
  });

  it('are refused where a key file asks for more memory than anybody needs, and open by the same passphrase typed in another Unicode form', async () => {
    const { vault, random } = await world();
    const composed = new PassphraseWrap('p\u00e4ssphrase', { n: 2, r: 1, p: 1 });
    const key = await vault.newKey(composed, 0, random, null);
    expect((await vault.openKey(key.keyId, new PassphraseWrap('pa\u0308ssphrase'))).keyId).toBe(key.keyId);
    const wrap = { ...(await composed.wrapWith(key.keyId, key.bytes, random(16), random(12))) };
    for (const cost of [
      { n: 2 ** 20, r: 9, p: 1 },
      { n: 2, r: 1, p: 17 },
    ])
      await expect(composed.unwrap(vault.id, key.keyId, { ...wrap, ...cost })).rejects.toThrow(/It was altered/);
    expect(await composed.unwrap(vault.id, key.keyId, { ...wrap, p: 16 })).toBeNull();
    expect(() => new PassphraseWrap('short')).toThrow(/at least 8/);
    expect(await composed.unwrap(vault.id, 'f'.repeat(16), wrap)).toBeNull();
  });

  it('that nothing wrapped are not used', async () => {
    const { vault, random } = await world();
    const before = await vault.keyIds();
    await expect(vault.newKey({ ...silent, wrap: async () => [] }, 0, random, null)).rejects.toMatchObject({ name: 'KeyUnavailableError' });
    expect(await vault.keyIds()).toEqual(before);
  });

  it('that do not open any more are found, even in the only site', async () => {
    const sites = memorySites(['a']);
    const { vault, key } = await world(sites);
    expect(await verifyKeys(vault, cheapWrap)).toEqual([]);
    const objects = await objectsOf(sites[0]!);
    const [name, bytes] = [...objects].find(([each]) => each.startsWith('keys/'))!;
    const file = JSON.parse(Buffer.from(bytes).toString());
    const sealed = Buffer.from(file.wraps[0].sealed, 'base64');
    sealed[5] = (sealed[5] ?? 0) ^ 1;
    file.wraps[0].sealed = sealed.toString('base64');
    const damaged = await openVault(new SiteSet([await siteOf('a', new Map([...objects, [name, Buffer.from(JSON.stringify(file))]]))]));
    expect(await verifyKeys(damaged, null)).toEqual([]);
    expect((await verifyKeys(damaged, cheapWrap)).map((each) => [each.site, each.name])).toEqual([['a', name]]);
    await expect(damaged.openKey(key.keyId, cheapWrap)).rejects.toMatchObject({ name: 'KeyUnavailableError' });
  });

  it('wrapped anew by two at once: whoever did not get it is told', async () => {
    const sites = memorySites();
    const { vault, random } = await world(sites);
    const key = await vault.newKey(cheapWrap, 0, random, null);
    const [one, two] = ['one passphrase', 'two passphrases'].map((text) => new PassphraseWrap(text, { n: 2, r: 1, p: 1 }));
    const answers = await Promise.allSettled([vault.rewrapKey(key.keyId, cheapWrap, one!, 1, null), vault.rewrapKey(key.keyId, cheapWrap, two!, 1, null)]);
    for (const [i, answer] of answers.entries()) {
      const opens = await vault.openKey(key.keyId, [one!, two!][i]!).then(
        () => true,
        () => false,
      );
      expect(opens || answer.status === 'rejected').toBe(true);
    }
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(answers.some(({ status }) => status === 'rejected')).toBe(true);
  });
});
