// The contract of VaultSite (its comment in src/ports/vault-site.ts), for every driver.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectLock, VaultSite } from '../../src/ports/vault-site.ts';

export type SiteUnderTest = {
  /** A site with nothing in it. */
  readonly fresh: () => Promise<VaultSite>;
  /** Another way to the same store as `site`: what a second process would have. */
  readonly again: (site: VaultSite) => VaultSite;
  readonly keepsVersions: boolean;
  /** Whether `head` knows the SHA-256 without reading. */
  readonly knowsHashes: boolean;
  /** null: the site takes no locks (and refuses them). */
  readonly locks: 'enforced' | 'kept' | null;
  /** What is given up goes at once, or when the store gets round to it. */
  readonly retires: 'at once' | 'by lifecycle';
  readonly remove: () => Promise<void>;
};

const hour = 3_600_000;
export const shaOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Whole seconds, which every store keeps exactly. */
export const inHours = (hours: number): number => Math.ceil(Date.now() / 1000) * 1000 + hours * hour;

async function listed(site: VaultSite, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const object of site.list(prefix)) names.push(object.name);
  return names;
}

const put = async (site: VaultSite, name: string, text: string, lock: ObjectLock | null = null) => site.put(name, bytesOf(text), { sha256: shaOf(bytesOf(text)), lock });
const replace = async (site: VaultSite, name: string, text: string, lock: ObjectLock | null = null) => site.replace(name, bytesOf(text), { sha256: shaOf(bytesOf(text)), lock });
const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));

export function vaultSiteContract(driver: string, start: () => Promise<SiteUnderTest>): void {
  describe(`a vault site: ${driver}`, () => {
    let it: SiteUnderTest;
    beforeAll(async () => {
      it = await start();
    });
    afterAll(async () => {
      await it?.remove();
    });

    test('what is not there is null, has no versions and is not listed', async () => {
      const site = await it.fresh();
      expect([await site.get('points/a/b'), await site.get('points/a/b', { offset: 0, bytes: 1 }), await site.head('points/a/b')]).toEqual([null, null, null]);
      expect([await site.versions('points/a/b'), await listed(site, '')]).toEqual([[], []]);
    });

    test('put and get give the same bytes, whatever their number', async () => {
      const site = await it.fresh();
      for (const size of [0, 1, 65_535, 65_536, 65_537, 3 * 1024 * 1024 + 1]) {
        const bytes = new Uint8Array(size).map((_, i) => (i * 31 + (i >> 8)) & 255);
        const sha256 = shaOf(bytes);
        const answer = await site.put(`packs/${size}`, bytes, { sha256, lock: null });
        expect(answer.kind).toBe('stored');
        const back = await site.get(`packs/${size}`);
        expect(back !== null && shaOf(back)).toBe(sha256);
        const state = await site.head(`packs/${size}`);
        expect(state).toMatchObject({ name: `packs/${size}`, bytes: size, lock: null, isHeld: false, sha256: it.knowsHashes ? sha256 : null });
        expect(state?.versionId).toBe(answer.kind === 'stored' ? answer.versionId : undefined);
        expect(answer.kind === 'stored' && typeof answer.versionId === 'string').toBe(it.keepsVersions);
      }
    });

    test('the caller may use its buffer again once put has answered', async () => {
      const site = await it.fresh();
      // Of memory that threads share, which some calls of Node and the SDK refuse.
      const bytes = new Uint8Array(new SharedArrayBuffer(9));
      bytes.set(bytesOf('as it was'));
      await site.put('x', bytes, { sha256: shaOf(bytes), lock: null });
      bytes.fill(0);
      expect(textOf(await site.get('x'))).toBe('as it was');
    });

    test('a range beyond the end gives what is there', async () => {
      const site = await it.fresh();
      await put(site, 'x', '0123456789');
      await put(site, 'empty', '');
      const part = async (offset: number, bytes: number, name = 'x') => textOf(await site.get(name, { offset, bytes }));
      expect([await part(0, 10), await part(0, 11), await part(0, 1), await part(3, 4), await part(9, 1), await part(9, 2), await part(8, 100)]).toEqual([
        '0123456789',
        '0123456789',
        '0',
        '3456',
        '9',
        '9',
        '89',
      ]);
      expect([await part(10, 1), await part(11, 5), await part(3, 0), await part(0, 5, 'empty'), await part(0, 0, 'none'), await part(4, 0, 'none')]).toEqual(['', '', '', '', null, null]);
    });

    test('memory that was given for an answer may be used for it, and again for the next one', async () => {
      const site = await it.fresh();
      const bytes = new Uint8Array(300_000).map((_, i) => (i * 31 + (i >> 8)) & 255);
      await site.put('packs/x', bytes, { sha256: shaOf(bytes), lock: null });
      const into = new Uint8Array(new SharedArrayBuffer(200_000)).fill(7);
      for (const [offset, length] of [
        [0, 200_000],
        [100_000, 150_000],
        [250_000, 200_000],
        [0, 300_001],
        [5, 3],
      ] as const) {
        const back = await site.get('packs/x', { offset, bytes: length, into });
        expect(back !== null && Buffer.compare(back, bytes.subarray(offset, offset + length))).toBe(0);
      }
      expect([(await site.get('packs/x', { offset: 300_000, bytes: 5, into }))?.length, await site.get('packs/none', { offset: 0, bytes: 5, into })]).toEqual([0, null]);
    });

    test('any range of any object is that slice of it', async () => {
      const site = await it.fresh();
      const text = 'abcdefghijklmnopqrstuvwxyz';
      const answer = await put(site, 'x', text);
      const versionId = answer.kind === 'stored' ? (answer.versionId ?? undefined) : undefined;
      await fc.assert(
        fc.asyncProperty(fc.nat(28), fc.nat(28), async (offset, bytes) => {
          expect(textOf(await site.get('x', { offset, bytes }))).toBe(text.slice(offset, offset + bytes));
          expect(textOf(await site.get('x', { offset, bytes }, versionId))).toBe(text.slice(offset, offset + bytes));
        }),
        { numRuns: 30 },
      );
    });

    test('put never touches what is there: neither its bytes nor its lock', async () => {
      const site = await it.fresh();
      const before = await put(site, 'x', 'first', it.locks === null ? null : { mode: 'GOVERNANCE', untilMs: inHours(1) });
      const state = await site.head('x');
      expect(await put(site, 'x', 'first')).toEqual({ kind: 'exists' });
      expect(await put(site, 'x', 'second')).toEqual({ kind: 'exists' });
      if (it.locks !== null) expect(await put(site, 'x', 'second', { mode: 'COMPLIANCE', untilMs: inHours(2) })).toEqual({ kind: 'exists' });
      expect([before.kind, textOf(await site.get('x')), await site.head('x')]).toEqual(['stored', 'first', state]);
      expect(await site.versions('x')).toEqual([state]);
    });

    test('of writers side by side one wins, and its bytes are whole', async () => {
      const site = await it.fresh();
      const other = it.again(site);
      const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(200_000));
      const answers = await Promise.all(texts.map(async (text, i) => put(i % 2 === 0 ? site : other, 'keys/k/00000001', text)));
      const winners = answers.flatMap((answer, i) => (answer.kind === 'stored' ? [i] : []));
      expect(winners).toHaveLength(1);
      expect(textOf(await other.get('keys/k/00000001'))).toBe(texts[winners[0] ?? -1]);
      expect(await site.versions('keys/k/00000001')).toHaveLength(1);
    });

    test('refuses bytes that do not have the hash, and stores nothing of them', async () => {
      const site = await it.fresh();
      const wrong = { sha256: shaOf(bytesOf('other')), lock: null };
      await expect(site.put('x', bytesOf('bytes'), wrong)).rejects.toMatchObject({ name: 'DamagedError', message: expect.stringContaining('x') });
      expect([await site.get('x'), await listed(site, '')]).toEqual([null, []]);
      await put(site, 'y', 'good');
      await expect(site.replace('y', bytesOf('bytes'), wrong)).rejects.toMatchObject({ name: 'DamagedError' });
      expect([textOf(await site.get('y')), (await site.versions('y')).length]).toEqual(['good', 1]);
    });

    test.each(['', '.', '..', 'a/../b', '../x', '/etc/passwd', 'a//b', 'a/', '.locks/x', 'a/.hidden', 'a\\b', 'ä', 'a b', 'a\0b', 'x'.repeat(513)])(
      'refuses the name %j before anything changes',
      async (name) => {
        const site = await it.fresh();
        await expect(put(site, name, 'x')).rejects.toMatchObject({ name: 'RefusedError' });
        await expect(replace(site, name, 'x')).rejects.toMatchObject({ name: 'RefusedError' });
        await expect(site.get(name)).rejects.toMatchObject({ name: 'RefusedError' });
        await expect(site.head(name)).rejects.toMatchObject({ name: 'RefusedError' });
        await expect(site.versions(name)).rejects.toMatchObject({ name: 'RefusedError' });
        expect(await listed(site, '')).toEqual([]);
      },
    );

    test('list gives the names with a prefix in ascending order of their bytes, each once', async () => {
      const site = await it.fresh();
      const names = [
        'holdfast-vault.json',
        'keys/ab/00000001',
        'packs/0a/0a1',
        'packs/0b/0b1',
        'packs/0b/0b2',
        'points/s-1.c/p',
        'points/s.c/p1',
        'points/s.c/p2',
        'points/s/p',
        'points/S/p',
        'points/s_1.c/p',
        'points/s1.c/p',
      ];
      for (const name of [...names].reverse()) await put(site, name, name);
      for (const prefix of ['', 'packs/', 'packs/0b/', 'packs/0b/0b2', 'p', 'points/s', 'points/s.', 'points/s.c/p2', 'nothing/', 'holdfast-vault.json', 'packs/0b/0b22']) {
        expect([prefix, await listed(site, prefix)]).toEqual([prefix, names.filter((name) => name.startsWith(prefix)).sort()]);
      }
      for await (const object of site.list('packs/0a/')) expect(object).toMatchObject({ name: 'packs/0a/0a1', bytes: 12, versionId: (await site.head('packs/0a/0a1'))?.versionId });
      for (const prefix of ['../', '.', '/x', 'a//']) await expect(listed(site, prefix)).rejects.toMatchObject({ name: 'RefusedError' });
    });

    test('list goes on over more than one page', async () => {
      const site = await it.fresh();
      const names = Array.from({ length: 1_005 }, (_, i) => `packs/${String(i).padStart(5, '0')}`);
      for (let i = 0; i < names.length; i += 50) await Promise.all(names.slice(i, i + 50).map(async (name) => put(site, name, 'x')));
      await replace(site, 'packs/00999', 'y');
      await replace(site, 'packs/01000', 'y');
      expect(await listed(site, 'packs/')).toEqual(names);
    });

    test('replace writes a new version over a name; the old one stays where versions are kept', async () => {
      const site = await it.fresh();
      const first = await put(site, 'x', 'first');
      const { versionId } = await replace(site, 'x', 'second!');
      expect([textOf(await site.get('x')), (await site.head('x'))?.bytes, await listed(site, '')]).toEqual(['second!', 7, ['x']]);
      const versions = await site.versions('x');
      if (!it.keepsVersions) {
        expect([versions.length, versionId]).toEqual([1, null]);
        return;
      }
      const firstId = first.kind === 'stored' ? first.versionId : null;
      expect(versions.map((v) => [v.versionId, v.bytes])).toEqual([
        [versionId, 7],
        [firstId, 5],
      ]);
      expect(versions[0]).toEqual(await site.head('x'));
      expect([textOf(await site.get('x', undefined, firstId ?? '')), textOf(await site.get('x', { offset: 1, bytes: 3 }, firstId ?? ''))]).toEqual(['first', 'irs']);
      expect(await site.get('x', undefined, versions[0]?.versionId === null ? '' : 'no-such-version')).toBeNull();
    });

    test('replace makes what is not there as well', async () => {
      const site = await it.fresh();
      await replace(site, 'packs/aa/x', 'new');
      expect(textOf(await site.get('packs/aa/x'))).toBe('new');
    });

    test('versions are of the very name, not of longer ones', async () => {
      const site = await it.fresh();
      for (const name of ['points/p', 'points/pq', 'points/p-1']) await put(site, name, name);
      await replace(site, 'points/p-1', 'again');
      expect((await site.versions('points/p')).map((v) => v.name)).toEqual(['points/p']);
    });

    test('locks: as asked for, only ever longer', async (context) => {
      if (it.locks === null) return context.skip();
      const site = await it.fresh();
      const lock = { mode: 'COMPLIANCE', untilMs: inHours(2) } as const;
      const answer = await put(site, 'x', 'locked', lock);
      const versionId = answer.kind === 'stored' ? answer.versionId : null;
      const now = async () => (await site.head('x'))?.lock;
      expect(await now()).toEqual(lock);
      for (const id of [versionId, null]) {
        await expect(site.extendLock('x', id, { mode: 'COMPLIANCE', untilMs: lock.untilMs - 1000 })).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('x') });
        await expect(site.extendLock('x', id, { mode: 'GOVERNANCE', untilMs: lock.untilMs })).rejects.toMatchObject({ name: 'RefusedError' });
        await expect(site.extendLock('x', id, { mode: 'GOVERNANCE', untilMs: lock.untilMs + hour })).rejects.toMatchObject({ name: 'RefusedError' });
        expect(await now()).toEqual(lock);
      }
      await site.extendLock('x', versionId, lock);
      expect(await now()).toEqual(lock);
      for (const [id, untilMs] of [
        [versionId, lock.untilMs + 1000],
        [null, lock.untilMs + hour],
      ] as const) {
        await site.extendLock('x', id, { mode: 'COMPLIANCE', untilMs });
        await site.extendLock('x', id, { mode: 'COMPLIANCE', untilMs });
        expect(await now()).toEqual({ mode: 'COMPLIANCE', untilMs });
      }
      expect(textOf(await site.get('x'))).toBe('locked');
    });

    test('a GOVERNANCE lock is not shortened either; it becomes COMPLIANCE, or the site refuses that', async (context) => {
      if (it.locks === null) return context.skip();
      const site = await it.fresh();
      await put(site, 'x', 'locked');
      expect((await site.head('x'))?.lock).toBeNull();
      await site.extendLock('x', null, { mode: 'GOVERNANCE', untilMs: inHours(2) });
      await expect(site.extendLock('x', null, { mode: 'GOVERNANCE', untilMs: inHours(1) })).rejects.toMatchObject({ name: 'RefusedError' });
      const longer = { mode: 'GOVERNANCE', untilMs: inHours(3) } as const;
      await site.extendLock('x', null, longer);
      expect((await site.head('x'))?.lock).toEqual(longer);
      const harder = { mode: 'COMPLIANCE', untilMs: inHours(4) } as const;
      const refusal = await site.extendLock('x', null, harder).catch((error: unknown) => error);
      if (refusal !== undefined) expect(refusal).toMatchObject({ name: 'RefusedError' });
      expect((await site.head('x'))?.lock).toEqual(refusal === undefined ? harder : longer);
    });

    test('a lock of less than a second more is never rounded to less', async (context) => {
      if (it.locks === null) return context.skip();
      const site = await it.fresh();
      const untilMs = inHours(1) + 1;
      await put(site, 'x', 'locked', { mode: 'GOVERNANCE', untilMs });
      const kept = (await site.head('x'))?.lock?.untilMs ?? 0;
      expect(kept >= untilMs && kept < untilMs + 1000).toBe(true);
      await site.extendLock('x', null, { mode: 'GOVERNANCE', untilMs }); // the same again
    });

    test('a new version has its own lock; the old one keeps its own', async (context) => {
      if (it.locks === null || !it.keepsVersions) return context.skip();
      const site = await it.fresh();
      const [short, long] = [inHours(1), inHours(2)];
      await put(site, 'x', 'first', { mode: 'COMPLIANCE', untilMs: long });
      await replace(site, 'x', 'second', { mode: 'COMPLIANCE', untilMs: short });
      expect((await site.versions('x')).map((v) => v.lock?.untilMs)).toEqual([short, long]);
    });

    test('holds are put on and taken off', async (context) => {
      if (it.locks === null) return context.skip();
      const site = await it.fresh();
      const answer = await put(site, 'x', 'held');
      const held = async () => (await site.head('x'))?.isHeld;
      for (const [id, isHeld] of [
        [null, true],
        [answer.kind === 'stored' ? answer.versionId : null, true],
        [null, false],
        [null, false],
      ] as const) {
        await site.setHold('x', id, isHeld);
        expect([await held(), (await site.versions('x')).map((v) => v.isHeld)]).toEqual([isHeld, [isHeld]]);
      }
    });

    test('what is given up goes, in a version or in all; what is gone may be given up again', async () => {
      const site = await it.fresh();
      await put(site, 'packs/x', 'first');
      await replace(site, 'packs/x', 'second');
      await put(site, 'packs/xy', 'another');
      const [newest, ...older] = await site.versions('packs/x');
      for (const { versionId } of older) await site.retire('packs/x', versionId);
      expect(textOf(await site.get('packs/x'))).toBe('second');
      if (it.retires === 'at once') expect(await site.versions('packs/x')).toEqual([newest]);
      await site.retire('packs/x', newest?.versionId ?? null);
      await site.retire('packs/x', newest?.versionId ?? null);
      await site.retire('packs/never', null);
      if (it.retires === 'at once') expect([await site.get('packs/x'), await site.head('packs/x'), await site.versions('packs/x'), await listed(site, '')]).toEqual([null, null, [], ['packs/xy']]);
      if (it.retires === 'at once') expect(await put(site, 'packs/x', 'anew')).toMatchObject({ kind: 'stored' });
      expect(textOf(await site.get('packs/xy'))).toBe('another');
      await expect(site.retire('../x', null)).rejects.toMatchObject({ name: 'RefusedError' });
    });

    test('what is locked or held is not given up, until the lock is over and the hold is off', async (context) => {
      if (it.locks === null) return context.skip();
      const site = await it.fresh();
      const untilMs = Math.ceil(Date.now() / 1000) * 1000 + 1000;
      const lock = { mode: 'GOVERNANCE', untilMs } as const;
      await put(site, 'x', 'locked', lock);
      await put(site, 'y', 'held');
      await site.setHold('y', null, true);
      const state = async () => [await site.versions('x'), await site.versions('y')];
      const before = await state();
      for (const name of ['x', 'y'])
        for (const id of [null, (await site.head(name))?.versionId ?? null])
          await expect(site.retire(name, id)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining(name) });
      expect([await state(), textOf(await site.get('x')), textOf(await site.get('y'))]).toEqual([before, 'locked', 'held']);
      await new Promise((resolve) => setTimeout(resolve, untilMs + 50 - Date.now()));
      await site.setHold('y', null, false);
      for (const name of ['x', 'y']) await site.retire(name, null);
      if (it.retires === 'at once') expect(await listed(site, '')).toEqual([]);
    });

    test('says when each object was stored', async () => {
      const site = await it.fresh();
      const beforeMs = Date.now();
      await put(site, 'x', 'x');
      const [atMs] = (await site.versions('x')).map((v) => v.storedAtMs);
      // Stores' clocks, and dates in whole seconds.
      expect(Math.abs((atMs ?? 0) - beforeMs)).toBeLessThan(60_000);
      for await (const object of site.list('')) expect(Math.abs((object.storedAtMs ?? 0) - (atMs ?? 0))).toBeLessThan(1000);
    });

    test('what is not there cannot be locked or held', async (context) => {
      if (it.locks === null) return context.skip();
      const site = await it.fresh();
      await expect(site.extendLock('x', null, { mode: 'GOVERNANCE', untilMs: inHours(1) })).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('no x') });
      await expect(site.setHold('x', null, true)).rejects.toMatchObject({ name: 'RefusedError' });
    });

    test('where no lock can be kept, one that is asked for is refused and nothing is stored', async (context) => {
      if (it.locks !== null) return context.skip();
      const site = await it.fresh();
      await expect(put(site, 'x', 'locked', { mode: 'GOVERNANCE', untilMs: inHours(1) })).rejects.toMatchObject({ name: 'InvalidConfigError', message: expect.stringContaining('Object Lock') });
      expect(await listed(site, '')).toEqual([]);
      await put(site, 'x', 'not locked');
      await expect(site.extendLock('x', null, { mode: 'GOVERNANCE', untilMs: inHours(1) })).rejects.toMatchObject({ name: 'InvalidConfigError' });
    });
  });
}
