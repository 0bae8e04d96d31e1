// Erasure of a person inside locked points: what of them is left nowhere opens, the rest restores as if they had never been, and the
// certificate comes only after every region says that the keys are gone. Crashes at every call of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RestoredPart } from '../../src/core/backup/restore-plan.ts';
import { whatIsWrongWithEvidence } from '../../src/core/backup/test-evidence.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { parseEvidenceName } from '../../src/core/vault/object-names.ts';
import type { RowKey } from '../../src/core/rows/row.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { archiveLog } from '../../src/operations/archive-log.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { TablePoints } from '../../src/operations/backup-facts.ts';
import { linesOf } from '../../src/operations/backup-lines.ts';
import type { BackupPorts } from '../../src/operations/backup-ports.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { planBackup } from '../../src/operations/backup-plan.ts';
import { eraseSubject, roundsMax } from '../../src/operations/erase-subject.ts';
import { SubjectKeys } from '../../src/operations/subject-keys.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { sha256Hex } from '../../src/vault/chunk-crypto.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { openItem, unwrapSubjectKey } from '../../src/vault/subject-crypto.ts';
import { restorePart } from '../../src/operations/restore-part.ts';
import { planAnyRestore, reportInPlace, restoreInPlace } from '../../src/operations/restore-in-place.ts';
import { auditVault, type AuditRow } from '../../src/operations/vault-audit.ts';
import { scrubObject } from '../../src/operations/scrub.ts';
import { planRestore } from '../../src/operations/restore-plan.ts';
import { createTarget } from '../../src/operations/restore-target.ts';
import { validateRestore } from '../../src/operations/restore-validate.ts';
import { countingRandom, createWorld, east, live } from './backup-fixture.ts';

const id = '00'.repeat(8);
const regions = ['us-east-1', 'us-west-2', 'eu-west-1'];

/** A region's rows, whose calls may be lost, before or after they are carried out. */
class LossyRows implements RowStore {
  readonly region: string;
  readonly inner: MemoryRowStore;
  readonly #fault: () => 'before' | 'after' | null;
  constructor(inner: MemoryRowStore, fault: () => 'before' | 'after' | null) {
    this.region = inner.region;
    this.inner = inner;
    this.#fault = fault;
  }
  async #call<T>(act: () => Promise<T>): Promise<T> {
    const fault = this.#fault();
    if (fault === 'before') throw new Error('lost');
    const answer = await act();
    if (fault === 'after') throw new Error('lost');
    return answer;
  }
  get = async (key: RowKey) => this.#call(async () => this.inner.get(key));
  change: RowStore['change'] = async (change) => this.#call(async () => this.inner.change(change));
  changeTogether: RowStore['changeTogether'] = async (changes, checks) => this.inner.changeTogether(changes, checks);
}

type Item = { readonly key: string; readonly person: string | null; readonly text: string };

async function worldOf(items: readonly Item[], fault: () => 'before' | 'after' | null = () => null) {
  const sites = regions.map((name) => new MemorySite(name));
  const world = await createWorld({ sites });
  await world.region(east).setLease(1, Number.MAX_SAFE_INTEGER);
  const stores = regions.map((name) => new MemoryRowStore(name));
  const subjects = new SubjectKeys(
    stores.map((store) => new LossyRows(store, fault)),
    countingRandom(),
  );
  const base = world.portsIn(east);
  const ports = { ...base, subjects, settings: { ...base.settings, subjectAttribute: 'customerId' } };
  const tables = world.region(east).tables;
  for (const { key, person, text } of items) await tables.write(live, [{ id: { S: key }, text: { S: text }, ...(person === null ? {} : { customerId: { S: person } }) }]);
  const backup = async () => {
    const points = new TablePoints(ports);
    const plan = await planBackup(ports, points, { group: 'orders', type: 'full', by: 'anna' });
    if (!plan.acts) throw new Error(plan.because);
    const parts = [];
    for (const piece of plan.pieces) parts.push(await writeBackupPart(ports, points, plan, piece));
    return commitBackup(ports, points, plan, parts);
  };
  const restore = async (table: string, point: { chain: string; point: string }) => {
    const points = new TablePoints(ports);
    const plan = await planRestore(ports, points, { ...world.request(null, table), point });
    for (let i = 0; i < 3; i += 1) await createTarget(ports, plan).catch(() => undefined);
    const parts = [];
    for (const { id } of plan.shards) parts.push(await restorePart(ports, points, plan, id));
    await validateRestore(ports, plan, parts);
    const contents = [...tables.contents(table).values()].map((image) => `${JSON.stringify(image['id'])} ${JSON.stringify(image['text'])}`).toSorted();
    return { contents, erased: parts.reduce((sum, part) => sum + (part.erased ?? 0), 0) };
  };
  const evidence = async () => {
    const names: string[] = [];
    for (const site of sites) for await (const { name } of site.list('evidence/')) names.push(name);
    return names;
  };
  return {
    world,
    sites,
    stores,
    ports,
    subjects,
    backup,
    restore,
    evidence,
    erase: async (person: string) => eraseSubject({ ...ports, id: Buffer.from(ports.random(8)).toString('hex') }, new TablePoints(ports), person, 'anna'),
  };
}

type Whole = Awaited<ReturnType<typeof worldOf>>;

/** Everything that whoever has the data keys and every row can read of every point. */
async function readable({ ports, stores }: Whole): Promise<string> {
  const points = new TablePoints(ports);
  const vault = await points.vault();
  const texts: string[] = [];
  for (const name of await points.list()) {
    const key = await points.key((await vault.readManifest(name)).header.key);
    const point = await openPoint(vault, name, key);
    for await (const entry of point.entries())
      for await (const line of linesOf(point.content(entry))) {
        texts.push(line);
        const { sealed, subject }: { sealed?: unknown; subject?: unknown } = JSON.parse(line);
        if (typeof sealed !== 'string' || typeof subject !== 'string') continue;
        for (const store of stores)
          for (const value of Object.values((await store.get({ table: 'region', pk: `SUBJECT#${subject}`, sk: 'KEY' })) ?? {})) {
            const bytes = unwrapSubjectKey(key, subject, String(value));
            texts.push((bytes === null ? null : openItem(bytes, subject, sealed)) ?? '');
          }
      }
  }
  return texts.join('\n');
}

const plain = (items: readonly Item[]) => items.map(({ key, text }) => `${JSON.stringify({ S: key })} ${JSON.stringify({ S: text })}`).toSorted();
const some: readonly Item[] = [
  { key: 'k1', person: 'anna', text: 'secret-of-anna' },
  { key: 'k2', person: 'bert', text: 'secret-of-bert' },
  { key: 'k3', person: null, text: 'of nobody' },
  { key: 'k4', person: 'anna', text: 'another-of-anna' },
];

/** A restore in place of everything to a full backup, with the snapshot that it takes first, in one shard. */
async function inPlace({ world, ports }: Pick<Whole, 'world'> & { readonly ports: BackupPorts }, point: { chain: string; point: string }, between: () => Promise<unknown> = async () => undefined) {
  const points = new TablePoints(ports);
  const planned = await planAnyRestore(ports, points, { ...world.request(null, live), point, into: { table: live, inPlace: true } });
  const plan = { ...planned, shards: [{ id: 0 }] };
  const backup = await planBackup(ports, points, { group: 'orders', type: 'snapshot', by: 'anna' });
  if (!backup.acts) throw new Error(backup.because);
  const parts = [];
  for (const piece of backup.pieces) parts.push(await writeBackupPart(ports, points, backup, piece));
  const { chain, point: name, sha256 } = await commitBackup(ports, points, backup, parts);
  const snapshot = { chain, point: name, sha256, key: backup.key };
  await between();
  const part = await restoreInPlace({ ...ports, live: world.region(east).liveTable() }, points, { plan, epoch: plan.epoch ?? 0, shard: 0, snapshot });
  return reportInPlace(ports, plan, [part], snapshot);
}

const liveTexts = ({ world }: Whole) => [...world.region(east).tables.contents(live).values()].map((image) => `${JSON.stringify(image['id'])} ${JSON.stringify(image['text'])}`).toSorted();

describe('erasing a person', () => {
  test('a restore in place opens what is sealed, and leaves the keys of the erased as they are', async () => {
    const whole = await worldOf(some);
    const point = await whole.backup();
    const { tables } = whole.world.region(east);
    const written = { id: { S: 'k2' }, text: { S: 'changed' }, customerId: { S: 'bert' } };
    await tables.write(live, [written]);
    expect(await inPlace(whole, point)).toMatchObject({ isIdentical: true, inPlace: { set: 1, unchanged: 3 } });
    expect(liveTexts(whole)).toEqual(plain(some));
    await whole.erase('anna');
    await tables.write(live, [written, { id: { S: 'k1' }, text: { S: 'anna came back' }, customerId: { S: 'anna' } }]);
    const report = await inPlace(whole, point);
    expect(report).toMatchObject({ isIdentical: true, removed: 0, inPlace: { set: 1, unchanged: 1 } });
    expect(report.issues.map(({ what }) => what)).toContain('2 items are about persons who were erased.');
    expect(liveTexts(whole)).toEqual(plain(some.map((item) => (item.key === 'k1' ? { ...item, text: 'anna came back' } : item))));
    // Erased between the snapshot and the work: what the snapshot says of bert's item is gone too, and so it is left.
    await tables.write(live, [written]);
    expect(await inPlace(whole, point, async () => whole.erase('bert'))).toMatchObject({ isIdentical: true, removed: 0, inPlace: { set: 0, unchanged: 1 } });
    expect(liveTexts(whole)).toContain('{"S":"k2"} {"S":"changed"}');
  });

  test('a restore test passes though items of the erased are missing, and fails where another one is', async () => {
    const whole = await worldOf(some);
    const point = await whole.backup();
    await whole.erase('anna');
    const points = new TablePoints(whole.ports);
    const planned = await planRestore(whole.ports, points, { ...whole.world.request(null, 'orders-restored-1'), point });
    for (let i = 0; i < 3; i += 1) await createTarget(whole.ports, planned).catch(() => undefined);
    const parts: RestoredPart[] = [];
    for (const { id: shard } of planned.shards) parts.push(await restorePart(whole.ports, points, planned, shard));
    const drawn = { id, execution: 'run', startedAtMs: 0, seed: 'any', seconds: 1, skipped: [], uncovered: [], newestMs: 0, rpoMs: 0 };
    const validated = async (itemsLeast: number, itemsMost: number) => validateRestore(whole.ports, { ...planned, test: { ...drawn, itemsLeast, itemsMost } }, parts);
    expect(await validated(4, 4)).toMatchObject({ isIdentical: true, digest: { items: 2 } });
    await expect(validated(5, 5)).rejects.toMatchObject({ name: 'NotIdenticalError', message: expect.stringContaining('2 items, and 2 of persons who were erased') });
    await expect(validated(1, 3)).rejects.toMatchObject({ name: 'NotIdenticalError' });
  });

  test('without the configuration nothing that is sealed is restored, beside or in place', async () => {
    const whole = await worldOf(some);
    const point = await whole.backup();
    const bare = { world: whole.world, ports: whole.world.portsIn(east) };
    await expect(whole.world.restore(east, { ...whole.world.request(null, 'orders-restored-1'), point })).rejects.toMatchObject({ name: 'KeyUnavailableError' });
    await expect(inPlace(bare, point)).rejects.toMatchObject({ name: 'KeyUnavailableError', message: expect.stringContaining('vault.subject') });
    await expect(eraseSubject({ ...bare.ports, id }, new TablePoints(bare.ports), 'anna', 'anna')).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('vault.subject') });
    expect(await whole.evidence()).toEqual([]);
  });

  test('what was backed up before items were sealed is told, and is no proof', async () => {
    const whole = await worldOf(some);
    const bare = whole.world;
    await bare.backup(east, 'full');
    const { certificate } = await whole.erase('anna');
    expect(certificate).toMatchObject({ proof: [], notSealed: { points: 1, newestAtMs: bare.clock.nowMs() } });
    expect(await readable(whole)).toContain('secret-of-anna');
    bare.clock.advance(1000);
    await whole.backup();
    expect((await whole.erase('anna')).certificate).toMatchObject({ proof: [{ ofThePerson: 2 }], notSealed: { points: 1 } });
  });

  test('a point that says it is sealed and is not stops the certificate', async () => {
    const whole = await worldOf(some);
    const { subjectAttribute: _, ...settings } = whole.ports.settings;
    const points = new TablePoints(whole.ports);
    const plan = await planBackup(whole.ports, points, { group: 'orders', type: 'full', by: 'anna' });
    if (!plan.acts) throw new Error(plan.because);
    const parts = [];
    for (const piece of plan.pieces) parts.push({ ...(await writeBackupPart({ ...whole.ports, settings }, points, plan, piece)), sealedBy: 'customerId' });
    await commitBackup(whole.ports, points, plan, parts);
    await expect(whole.erase('anna')).rejects.toMatchObject({ name: 'DamagedError', message: expect.stringContaining('in the clear') });
    expect(await whole.evidence()).toEqual([]);
  });

  test('parts of two deployments make no sealed point', async () => {
    const whole = await worldOf(some);
    const { subjectAttribute: _, ...settings } = whole.ports.settings;
    const points = new TablePoints(whole.ports);
    const plan = await planBackup(whole.ports, points, { group: 'orders', type: 'full', by: 'anna' });
    if (!plan.acts) throw new Error(plan.because);
    const parts = [];
    for (const [i, piece] of plan.pieces.entries()) parts.push(await writeBackupPart(i === 0 ? { ...whole.ports, settings } : whole.ports, points, plan, piece));
    const point = await commitBackup(whole.ports, points, plan, parts);
    expect((await points.facts(point)).table).not.toHaveProperty('sealedBy');
  });

  test('data keys that are made faster than keys are erased end it', async () => {
    const whole = await worldOf(some);
    await whole.backup();
    const vault = await new TablePoints(whole.ports).vault();
    const erase = whole.subjects.erase.bind(whole.subjects);
    let made = 0;
    const subjects = Object.assign(Object.create(whole.subjects), {
      erase: async (...args: Parameters<typeof erase>) => {
        made += 1;
        await vault.newKey(whole.ports.wrap, whole.world.clock.nowMs(), whole.ports.random, null);
        return erase(...args);
      },
    });
    await expect(eraseSubject({ ...whole.ports, subjects, id }, new TablePoints(whole.ports), 'anna', 'anna')).rejects.toMatchObject({
      name: 'RefusedError',
      message: expect.stringMatching(/10 rounds/),
    });
    expect(made).toBe(roundsMax);
    expect(await whole.evidence()).toEqual([]);
    // What is quiet again is certified.
    expect(Object.keys((await whole.erase('anna')).certificate.subjects)).toHaveLength(roundsMax + 1);
  });

  test('the scrub and the audit know the certificate, and no letter of it can be another', async () => {
    const whole = await worldOf(some);
    await whole.backup();
    const { name, certificate } = await whole.erase('anna');
    const text = Buffer.from((await whole.sites[0]?.get(name)) ?? []).toString();
    const judge = (said: string, as = name, vault = certificate.vault) => whatIsWrongWithEvidence(said, JSON.parse(said), vault, as, sha256);
    expect(judge(text)).toBeNull();
    expect(judge(text.replace('"ofThePerson":2', '"ofThePerson":1'))).toContain('SHA-256');
    expect(judge(text, name.replace('erasure', 'restore-test'))).toContain('another test or erasure');
    expect(judge(text, name, 'b'.repeat(32))).toContain('another vault');
    const vault = await new TablePoints(whole.ports).vault();
    const options = { nowMs: () => whole.world.clock.nowMs() };
    expect(await scrubObject(vault, name, options)).toMatchObject({ findings: [] });
    const rows: AuditRow[] = [];
    const { retentionDays, lockDaysMax } = whole.ports.settings;
    await auditVault(vault, { retentionDays, lockDaysMax, areLocksWanted: true }, whole.world.clock.nowMs(), (row) => rows.push(row));
    expect(rows.filter((row) => row.name === name).map(({ because, findings }) => [...because, ...findings])).toEqual(whole.sites.map(() => ['certificate of an erasure']));
    // A copy that somebody altered is found by its own hash, and repaired from another site.
    const altered = Buffer.from(text.replace('"ofThePerson":2', '"ofThePerson":1'));
    await whole.sites[1]?.replace(name, altered, { sha256: sha256Hex(altered), lock: null });
    expect((await scrubObject(vault, name, options)).findings).toMatchObject([{ site: 'us-west-2', name }]);
    expect(Buffer.from((await whole.sites[1]?.get(name)) ?? []).toString()).toBe(text);
  });

  test('leaves a locked certificate that does not name them, and a second erasure certifies the same', async () => {
    const whole = await worldOf(some);
    const point = await whole.backup();
    expect(await readable(whole)).toContain('secret-of-anna');
    expect(await whole.restore('orders-restored-1', point)).toEqual({ contents: plain(some), erased: 0 });
    const { name, certificate } = await whole.erase('anna');
    expect(parseEvidenceName(name)).toMatchObject({ kind: 'erasure', atMs: whole.world.clock.nowMs() });
    expect(certificate).toMatchObject({ regions, proof: [{ point: point.point, lines: 4, readable: 2, ofThePerson: 2, ofOthersErased: 0 }] });
    for (const site of whole.sites) {
      expect(await site.head(name)).toMatchObject({ lock: { mode: 'COMPLIANCE' } });
      expect(Buffer.from((await site.get(name)) ?? []).toString()).not.toMatch(/"customerId"|secret/);
    }
    expect((await whole.erase('anna')).certificate.subjects).toEqual(certificate.subjects);
    expect(await whole.restore('orders-restored-2', point)).toEqual({ contents: plain(some.filter(({ person }) => person !== 'anna')), erased: 2 });
  });

  test('a lost row is no erasure: the restore refuses', async () => {
    const whole = await worldOf(some);
    const point = await whole.backup();
    const empty = new SubjectKeys(
      regions.map((name) => new MemoryRowStore(name)),
      countingRandom(),
    );
    Object.assign(whole.ports, { subjects: empty });
    await expect(whole.restore('orders-restored-1', point)).rejects.toMatchObject({ name: 'KeyUnavailableError' });
  });

  test('what is backed up of them later in the same chain is as erased', async () => {
    const whole = await worldOf(some);
    await whole.backup();
    await whole.erase('anna');
    const region = whole.world.region(east);
    await whole.world.region(east).tables.write(live, []);
    region.pending.push({
      key: 'k9',
      newImage: { id: { S: 'k9' }, text: { S: 'late-of-anna' }, customerId: { S: 'anna' }, holdfastEpoch: { N: '1' }, holdfastOrigin: { S: east } },
      oldImage: null,
      atMs: whole.world.clock.nowMs(),
      sequenceNumber: '7'.padStart(40, '0'),
    });
    await region.flush();
    whole.world.clock.advance(60_000);
    const archived = await archiveLog(whole.ports, new TablePoints(whole.ports), false);
    expect(archived.points).toMatchObject([{ items: 1 }]);
    expect(await readable(whole)).not.toMatch(/late-of-anna|secret-of-anna/);
  });

  test('property: nothing of the person is readable with every key that is left; everything else restores the same', async () => {
    const person = fc.constantFrom('anna', 'bert', 'carl', null);
    await fc.assert(
      fc.asyncProperty(fc.array(person, { maxLength: 12 }), fc.constantFrom('anna', 'bert'), async (persons, gone) => {
        const items = persons.map((each, i): Item => ({ key: `k${i}`, person: each, text: `text-${each ?? 'none'}-${i}` }));
        const whole = await worldOf(items);
        const point = await whole.backup();
        await whole.erase(gone);
        const left = await readable(whole);
        expect(left).not.toContain(`text-${gone}-`);
        const others = items.filter((item) => item.person !== gone);
        for (const { text } of others) expect(left).toContain(text);
        expect(await whole.restore('orders-restored-1', point)).toEqual({ contents: plain(others), erased: items.length - others.length });
      }),
      { numRuns: 12, seed: 5 },
    );
  }, 60_000);

  test('crash at every call: no certificate while a key is left anywhere; the repeat finishes', async () => {
    for (const when of ['before', 'after'] as const)
      for (let crashAt = 1; crashAt < 60; crashAt += 1) {
        const state = { calls: 0, isOn: false };
        const whole = await worldOf(some, () => (state.isOn && (state.calls += 1) === crashAt ? when : null));
        await whole.backup();
        state.isOn = true;
        const answer = await whole.erase('anna').catch((error: unknown) => error);
        const isDone = !(answer instanceof Error);
        if (!isDone) expect(await whole.evidence(), `${when} ${crashAt}`).toEqual([]);
        else expect(await readable(whole)).not.toContain('of-anna');
        const calls = state.calls;
        state.isOn = false;
        await whole.erase('anna');
        expect(await readable(whole), `${when} ${crashAt}`).not.toContain('of-anna');
        expect((await whole.evidence()).length).toBe(isDone ? 6 : 3);
        if (calls < crashAt) break;
      }
  }, 60_000);
});
