// The sites that need nothing but this machine keep the contract; what a directory and a faulty site add to it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { DirectorySite } from '../../src/drivers/directory/directory-site.ts';
import { CrashPoint, FaultySite, type SiteFault } from '../../src/drivers/faulty/faulty-site.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { bytesOf, inHours, shaOf, type SiteUnderTest, vaultSiteContract } from './vault-site.ts';

vaultSiteContract('memory', async () => ({
  fresh: async () => new MemorySite('memory'),
  again: (site) => site,
  keepsVersions: true,
  knowsHashes: true,
  locks: 'kept',
  retires: 'at once',
  remove: async () => undefined,
}));

vaultSiteContract('faulty over memory, without a fault', async () => ({
  fresh: async () => new FaultySite(new MemorySite('memory')),
  again: (site) => site,
  keepsVersions: true,
  knowsHashes: true,
  locks: 'kept',
  retires: 'at once',
  remove: async () => undefined,
}));

const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'holdfast-site-'));
  folders.push(made);
  return made;
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

async function directories(): Promise<SiteUnderTest> {
  const roots = new Map<unknown, string>();
  const above = mkdtempSync(path.join(os.tmpdir(), 'holdfast-sites-'));
  const make = (root: string) => {
    const site = new DirectorySite('disk', root);
    roots.set(site, root);
    return site;
  };
  return {
    fresh: async () => make(mkdtempSync(path.join(above, 'site-'))),
    again: (site) => make(roots.get(site) ?? ''),
    keepsVersions: false,
    knowsHashes: false,
    locks: 'kept',
    retires: 'at once',
    remove: async () => rmSync(above, { recursive: true, force: true }),
  };
}
vaultSiteContract('directory', directories);

const put = async (site: { put: MemorySite['put'] }, name: string, text: string) => site.put(name, bytesOf(text), { sha256: shaOf(bytesOf(text)), lock: null });

describe('a directory site', () => {
  test('a directory that is not there is an error, never an empty vault, and is not made', async () => {
    const root = path.join(folder(), 'not-mounted');
    const site = new DirectorySite('disk', root);
    const calls = [async () => site.get('x'), async () => site.head('x'), async () => site.versions('x'), async () => site.list('')[Symbol.asyncIterator]().next(), async () => put(site, 'x', 'x')];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ name: 'InvalidConfigError', message: expect.stringContaining(root) });
    expect(existsSync(root)).toBe(false);
  });

  test('files are read-only, under their own names, and nothing half-written is left', async () => {
    const root = folder();
    const site = new DirectorySite('disk', root);
    await put(site, 'packs/ab/abc', 'pack');
    expect([readFileSync(path.join(root, 'packs/ab/abc'), 'utf8'), statSync(path.join(root, 'packs/ab/abc')).mode & 0o777, readdirSync(path.join(root, '.tmp'))]).toEqual(['pack', 0o444, []]);
  });

  test('replaced bytes are set aside', async () => {
    const root = folder();
    const site = new DirectorySite('disk', root);
    await put(site, 'packs/ab/abc', 'damaged');
    for (const text of ['better', 'best']) await site.replace('packs/ab/abc', bytesOf(text), { sha256: shaOf(bytesOf(text)), lock: null });
    const aside = path.join(root, '.replaced/packs/ab/abc');
    expect(
      readdirSync(aside)
        .map((name) => readFileSync(path.join(aside, name), 'utf8'))
        .sort(),
    ).toEqual(['better', 'damaged']);
  });

  test('what a dead process left half-written is removed after a day, not sooner', async () => {
    const root = folder();
    mkdirSync(path.join(root, '.tmp'));
    for (const [name, ageHours] of [
      ['old', 25],
      ['young', 23],
    ] as const) {
      writeFileSync(path.join(root, '.tmp', name), 'half');
      const at = new Date(Date.now() - ageHours * 3_600_000);
      utimesSync(path.join(root, '.tmp', name), at, at);
    }
    await put(new DirectorySite('disk', root), 'x', 'x');
    expect(readdirSync(path.join(root, '.tmp'))).toEqual(['young']);
  });

  test('the date is there before the object is', async () => {
    const root = folder();
    const site = new DirectorySite('disk', root);
    mkdirSync(path.join(root, 'packs'));
    chmodSync(path.join(root, 'packs'), 0o555);
    if (process.getuid?.() === 0) writeFileSync(path.join(root, 'packs', 'ab'), 'a file where a folder should be'); // root may write anywhere
    const lock = { mode: 'GOVERNANCE', untilMs: inHours(1) } as const;
    await expect(site.put('packs/ab/abc', bytesOf('x'), { sha256: shaOf(bytesOf('x')), lock })).rejects.toThrow();
    expect(JSON.parse(readFileSync(path.join(root, '.locks/packs/ab/abc.json'), 'utf8'))).toEqual({ lock, isHeld: false });
    chmodSync(path.join(root, 'packs'), 0o755);
  });

  test('a lock file that says nothing is an error, not "no lock"', async () => {
    const root = folder();
    const site = new DirectorySite('disk', root);
    await put(site, 'x', 'x');
    mkdirSync(path.join(root, '.locks'));
    for (const text of ['', '{}', '{"lock":{"mode":"COMPLIANCE"},"isHeld":false}', '{"lock":{"mode":"SOFT","untilMs":1},"isHeld":false}', '{"lock":null}']) {
      writeFileSync(path.join(root, '.locks/x.json'), text);
      await expect(site.head('x')).rejects.toMatchObject({ name: 'MalformedError' });
    }
  });

  test('of eight processes that put one name at once one stores it', async () => {
    const root = folder();
    const script = path.join(root, 'put.mts');
    const module = path.resolve('src/drivers/directory/directory-site.ts');
    writeFileSync(
      script,
      `import { createHash } from 'node:crypto'; import { DirectorySite } from ${JSON.stringify(module)};
       const bytes = Buffer.alloc(300_000, process.argv[2]); const sha256 = createHash('sha256').update(bytes).digest('hex');
       while (Date.now() < Number(process.argv[3])) {}
       console.log((await new DirectorySite('disk', ${JSON.stringify(root)}).put('points/c/p', bytes, { sha256, lock: null })).kind);`,
    );
    const at = Date.now() + 1_500;
    const kinds = await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const child = spawn(process.execPath, [script, String(i), String(at)], { stdio: ['ignore', 'pipe', 'inherit'] });
        let output = '';
        child.stdout.on('data', (text) => {
          output += String(text);
        });
        await once(child, 'close');
        return output.trim();
      }),
    );
    expect(kinds.filter((kind) => kind === 'stored')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'exists')).toHaveLength(7);
    const stored = readFileSync(path.join(root, 'points/c/p'), 'utf8');
    expect(stored).toBe(String(kinds.indexOf('stored')).repeat(300_000));
  });

  test('a put that is told to trust the hash does not check it', async () => {
    const site = new DirectorySite('disk', folder(), { isHashing: false });
    expect((await site.put('x', bytesOf('x'), { sha256: '0'.repeat(64), lock: null })).kind).toBe('stored');
  });
});

describe('a faulty site', () => {
  function create(fault?: SiteFault) {
    const memory = new MemorySite('us-east-1');
    return { memory, site: new FaultySite(memory, () => fault) };
  }
  const forever = Promise.withResolvers<void>();

  test('loses a request: not carried out, and thrown as an unknown outcome', async () => {
    const { memory, site } = create({ kind: 'lose-request' });
    await expect(put(site, 'x', 'x')).rejects.toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('put of x in us-east-1') });
    await expect(site.get('x')).rejects.toThrow();
    await expect(site.list('')[Symbol.asyncIterator]().next()).rejects.toThrow();
    expect([await memory.get('x'), site.calls.map((c) => [c.method, c.number])]).toEqual([
      null,
      [
        ['put', 1],
        ['get', 2],
        ['list', 3],
      ],
    ]);
  });

  test('loses an answer: carried out, and thrown', async () => {
    const { memory, site } = create({ kind: 'lose-answer' });
    await expect(put(site, 'x', 'x')).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(await memory.get('x')).not.toBeNull();
    const seen: string[] = [];
    await expect(
      (async () => {
        for await (const object of site.list('')) seen.push(object.name);
      })(),
    ).rejects.toThrow();
    expect(seen).toEqual(['x']);
  });

  test('holds a request, or its answer, until it is told to', async () => {
    for (const kind of ['hold-request', 'hold-answer'] as const) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { memory, site } = create({ kind, until: promise });
      let isAnswered = false;
      const call = put(site, 'x', 'x').then((answer) => ((isAnswered = true), answer));
      await new Promise((done) => setImmediate(done));
      expect([isAnswered, (await memory.get('x')) !== null]).toEqual([false, kind === 'hold-answer']);
      resolve();
      expect((await call).kind).toBe('stored');
    }
    const { site } = create({ kind: 'hold-request', until: forever.promise });
    expect(await Promise.race([site.get('x'), new Promise((done) => setImmediate(() => done('nothing yet')))])).toBe('nothing yet');
  });

  test('delivers late what its caller gave up', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { memory, site } = create({ kind: 'late', until: promise });
    await expect(put(site, 'x', 'x')).rejects.toThrow();
    expect(await memory.get('x')).toBeNull();
    resolve();
    await site.delivered();
    expect(await memory.get('x')).not.toBeNull();
  });

  test('loses and damages objects until they are written again', async () => {
    const { site } = create();
    for (const name of ['lost', 'damaged', 'good']) await put(site, name, 'content');
    site.lose('lost');
    site.damage('damaged', (bytes) => bytes.map((byte, i) => (i === 2 ? byte ^ 1 : byte)));
    const names: string[] = [];
    for await (const { name } of site.list('')) names.push(name);
    const text = async (name: string, part?: { offset: number; bytes: number }) => new TextDecoder().decode((await site.get(name, part)) ?? bytesOf('nothing'));
    expect([names, await text('lost'), await site.head('lost'), await site.versions('lost'), await text('damaged'), await text('damaged', { offset: 2, bytes: 1 }), await text('good')]).toEqual([
      ['damaged', 'good'],
      'nothing',
      null,
      [],
      'cootent',
      'o',
      'content',
    ]);
    expect([(await put(site, 'lost', 'again')).kind, (await put(site, 'damaged', 'again')).kind]).toEqual(['stored', 'exists']);
    await site.replace('damaged', bytesOf('again'), { sha256: shaOf(bytesOf('again')), lock: null });
    expect([await text('lost'), await text('damaged')]).toEqual(['again', 'again']);
  });

  test.each(['before', 'after'] as const)('a crash %s the second call of any site stops all that follows', async (when) => {
    const crash = new CrashPoint(2, when);
    const memories = [new MemorySite('a'), new MemorySite('b'), new MemorySite('c')];
    const outcomes = await Promise.allSettled(memories.map(async (memory) => put(new FaultySite(memory, crash.faultOf), 'x', 'x')));
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await Promise.all(memories.map(async (memory) => (await memory.get('x')) !== null))).toEqual([true, when === 'after', false]);
    expect(crash.hasCrashed).toBe(true);
  });
});
