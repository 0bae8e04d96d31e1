// Erases a person from every recovery point that is sealed, locked or not, by destroying that person's keys in every region; proves that the rest still
// reads, and leaves a certificate in the vault. Repeating it is safe and finishes what was begun.
import type { Certificate, NotSealed, Proven } from '../core/backup/erasure.ts';
import { standsAlone, type NamedPoint } from '../core/backup/chains.ts';
import { sealedOf, subjectOf } from '../core/backup/subject-lines.ts';
import { evidenceText } from '../core/backup/test-evidence.ts';
import { evidenceUntilMs } from '../core/retention/lives.ts';
import { parseEntryName } from '../core/backup/table-lines.ts';
import { MalformedError, RefusedError } from '../core/errors.ts';
import { isFields, type Fields } from '../core/backup/payload.ts';
import { ContentSum } from '../core/vault/content-digest.ts';
import { evidenceName } from '../core/vault/object-names.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { Clock } from '../ports/environment.ts';
import { openPoint } from '../vault/point-reader.ts';
import { TablePoints } from './backup-facts.ts';
import { linesOf } from './backup-lines.ts';
import { lockOf, type BackupPorts } from './backup-ports.ts';
import { addLine } from './backup-table-source.ts';
import type { SubjectKeys } from './subject-keys.ts';

/** Points that are read whole as proof: the newest that stand alone. */
const provenPoints = 3;

/** A data key comes with a new chain: so many in a row while this runs, and something is wrong. */
export const roundsMax = 10;

export type ErasurePorts = Pick<BackupPorts, 'digest' | 'settings' | 'sha256' | 'sites' | 'subjects'> & {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Of the certificate, 16 hex, never the same twice. */
  readonly id: string;
};

export type Erased = { readonly name: string; readonly certificate: Certificate };

/** @throws TooFewSitesError unless every region says that the keys are gone, DamagedError where the rest does not read: then there is no certificate */
export async function eraseSubject(ports: ErasurePorts, points: TablePoints, person: string, by: string): Promise<Erased> {
  const { id, settings, sites, subjects } = ports;
  const attribute = settings.subjectAttribute;
  if (subjects === undefined || attribute === undefined)
    throw new RefusedError('No attribute says which person an item is about, so nothing is under a key of a person: set vault.subject in holdfast.config.ts, and deploy. Nothing was changed.');
  if (person === '') throw new RefusedError('Whom? The name of the person is empty. Nothing was changed.');
  const vault = await points.vault();
  const nowMs = Math.round(ports.clock.nowMs());
  const erased = await destroyKeys(subjects, points, person, nowMs);
  const { sealed, notSealed } = await seen(points, attribute);
  const proof: Proven[] = [];
  const gone = new Set(erased.values());
  for (const name of sealed.filter((p) => standsAlone(p.type)).slice(-provenPoints))
    proof.push(await provePoint(ports, points, name, { gone, isAbout: (image) => subjectOf(image, attribute) === person }));
  const certificate: Certificate = {
    format: 1,
    kind: 'erasure',
    vault: vault.id,
    source: settings.source,
    id,
    erasedAtMs: nowMs,
    by,
    subjects: Object.fromEntries(erased),
    regions: subjects.regions,
    proof,
    notSealed,
  };
  const text = evidenceText(certificate, ports.digest);
  const bytes = Buffer.from(text, 'utf8');
  const name = evidenceName('erasure', nowMs, id);
  await sites.put(name, bytes, { sha256: ports.digest(text), lock: lockOf(settings, evidenceUntilMs('erasure', nowMs, settings.retentionDays)) });
  return { name, certificate };
}

/** A backup that begins meanwhile makes a data key: until none is new. @returns data key → the name under which the person was there */
async function destroyKeys(subjects: SubjectKeys, points: TablePoints, person: string, nowMs: number): Promise<Map<string, string>> {
  const vault = await points.vault();
  const erased = new Map<string, string>();
  for (let round = 0; round < roundsMax; round += 1) {
    const left = (await vault.keyIds()).filter((id) => !erased.has(id));
    if (left.length === 0) return erased;
    for (const id of left) erased.set(id, await subjects.erase(await points.key(id), person, nowMs));
  }
  throw new RefusedError(
    `In ${roundsMax} rounds there was a new data key each time: backups begin faster than keys are erased. The keys of ${erased.size} data keys are destroyed; nothing was certified. Erase again once it is quiet.`,
  );
}

/** Every point says itself whether it was sealed. */
async function seen(points: TablePoints, attribute: string): Promise<{ readonly sealed: readonly NamedPoint[]; readonly notSealed: NotSealed }> {
  const committed = (await points.list()).filter((p) => p.isCommitted);
  const facts = await points.allFacts(committed);
  const isSealed = new Set(facts.filter((each) => each.table.sealedBy === attribute).map((each) => each.point));
  const clear = facts.filter((each) => !isSealed.has(each.point)).map((each) => each.createdAtMs);
  return { sealed: committed.filter((p) => isSealed.has(p.point)), notSealed: { points: clear.length, newestAtMs: clear.length === 0 ? null : clear.reduce((a, b) => Math.max(a, b)) } };
}

type Person = { readonly gone: ReadonlySet<string>; readonly isAbout: (image: Fields) => boolean };

/** Reads a point whole: its digest is that of its lines, every line opens but those of erased persons, and none of the person's does. */
async function provePoint(ports: ErasurePorts, points: TablePoints, name: NamedPoint, { gone, isAbout }: Person): Promise<Proven> {
  const vault = await points.vault();
  const key = await points.key((await vault.readManifest(name)).header.key);
  const point = await openPoint(vault, name, key);
  const open = ports.subjects?.opener(key);
  const sum = new ContentSum();
  let [readable, ofThePerson, ofOthersErased] = [0, 0, 0];
  for await (const entry of point.entries()) {
    const isItems = parseEntryName(entry.meta.n).kind === 'items';
    for await (const line of linesOf(point.content(entry))) {
      addLine(sum, line, ports.sha256);
      const image = imageIn(line, isItems);
      const sealed = sealedOf(image);
      if (sealed === null && isFields(image) && isAbout(image))
        throw new DamagedError(`${name.chain}/${name.point} says that it is sealed, and something about the person is in it in the clear. The keys are destroyed; nothing was certified.`);
      const text = sealed === null ? line : ((await open?.(sealed.subject, sealed.sealed)) ?? null);
      if (text === null && sealed !== null && gone.has(sealed.subject)) ofThePerson += 1;
      else if (text === null) ofOthersErased += 1;
      else if (sealed !== null && gone.has(sealed.subject))
        throw new DamagedError(`What is about the person ${sealed.subject} still opens in ${name.chain}/${name.point}. Nothing was certified; erase again.`);
      else readable += 1;
    }
  }
  const digest = sum.toJSON();
  const { digest: said } = point.body;
  if (said === null || said.items !== digest.items || said.bytes !== digest.bytes || said.sum !== digest.sum)
    throw new DamagedError(`${name.chain}/${name.point} does not read as it was written. The keys are destroyed; nothing was certified. 'holdfast vault scrub' repairs, then erase again.`);
  return { chain: name.chain, point: name.point, sha256: point.sha256, lines: digest.items, readable, ofThePerson, ofOthersErased };
}

function imageIn(line: string, isItems: boolean): unknown {
  const value: unknown = JSON.parse(line);
  if (!isFields(value)) throw new MalformedError('A line of a point is no object: it was not written by this source. Nothing was certified.');
  return isItems ? value : value['image'];
}
