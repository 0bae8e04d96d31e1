// What is sealed by person, read in another language: without the persons' keys, which no vault has, their items are counted and nothing else of them
// is known; everything else reads. A vault of today, made here.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { itemLine } from '../../src/core/backup/table-lines.ts';
import { sha256Bytes } from '../../src/drivers/aws/system-environment.ts';
import { DirectorySite } from '../../src/drivers/directory/directory-site.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { ContentSum } from '../../src/core/vault/content-digest.ts';
import { archiveLog } from '../../src/operations/archive-log.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { TablePoints } from '../../src/operations/backup-facts.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { planBackup } from '../../src/operations/backup-plan.ts';
import { addLine } from '../../src/operations/backup-table-source.ts';
import { SubjectKeys } from '../../src/operations/subject-keys.ts';
import { countingRandom, createWorld, east, live } from '../operations/backup-fixture.ts';
import { cheapWrap } from '../vault/small-vault.ts';
import { passphrase, runReader } from './run-reader.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'holdfast-sealed-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const stateShape = z.object({ items: z.number(), bytes: z.number(), sum: z.string(), erased: z.number().optional() });

it("reads a state around persons' items, and counts those", async () => {
  const world = await createWorld({ sites: [new DirectorySite('a', folder)] });
  const region = world.region(east);
  await region.setLease(1, Number.MAX_SAFE_INTEGER);
  const subjects = new SubjectKeys([new MemoryRowStore(east)], countingRandom());
  const base = world.portsIn(east);
  const ports = { ...base, wrap: cheapWrap, subjects, settings: { ...base.settings, subjectAttribute: 'customerId' } };
  const points = new TablePoints(ports);
  const item = (key: string, person: string | null) => ({ id: { S: key }, text: { S: `text of ${key}` }, ...(person === null ? {} : { customerId: { S: person } }) });
  const nobody = item('k2', null);
  await region.tables.write(live, [item('k1', 'anna'), nobody, item('k3', 'bert')]);
  const plan = await planBackup(ports, points, { group: 'orders', type: 'full', by: 'anna' });
  if (!plan.acts) throw new Error(plan.because);
  const parts = [];
  for (const piece of plan.pieces) parts.push(await writeBackupPart(ports, points, plan, piece));
  const full = await commitBackup(ports, points, plan, parts);
  const digest = await runReader(passphrase('correct horse'), 'digest', folder, `${full.chain}/${full.point}`);
  expect([digest.said, JSON.parse(digest.out)]).toEqual(['', expect.objectContaining({ items: 3, bytes: full.bytes })]);

  world.clock.advance(60_000);
  const sealedLater = { ...item('k4', 'anna'), holdfastEpoch: { N: '1' }, holdfastOrigin: { S: east } };
  region.pending.push({ key: 'k4', newImage: sealedLater, oldImage: null, atMs: Math.floor(world.clock.nowMs() / 1000) * 1000, sequenceNumber: '7'.padStart(40, '0') });
  await region.flush();
  world.clock.advance(60_000);
  const [log] = (await archiveLog(ports, points, false)).points;
  const facts = await points.facts({ chain: log?.chain ?? '', point: log?.point ?? '' });
  const ran = await runReader(passphrase('correct horse'), 'digest', folder, `${facts.chain}/${facts.point}`, '--at', String(facts.throughMs));
  const sum = new ContentSum();
  addLine(sum, itemLine(nobody), sha256Bytes);
  expect([ran.said, stateShape.parse(JSON.parse(ran.out))]).toEqual(['', { ...sum.toJSON(), erased: 3 }]);
});
