// Erases a person with the caller's own rights: no function of a deployed group may.
import type { Connection } from './connection.ts';
import { RefusedError } from '../core/errors.ts';
import { sha256Bytes, systemRandom } from '../drivers/aws/system-environment.ts';
import { TablePoints } from '../operations/backup-facts.ts';
import { eraseSubject, type Erased } from '../operations/erase-subject.ts';
import { SubjectKeys } from '../operations/subject-keys.ts';

/** @throws RefusedError, TooFewSitesError, DamagedError: then there is no certificate */
export async function erasePerson(connection: Connection, person: string, by: string): Promise<Erased> {
  const { config, regions, clock, chance, digest, openVault } = connection;
  if (config.vault?.subject === undefined)
    throw new RefusedError(
      `The configuration of group ${config.group} has no vault.subject: no attribute says which person an item is about, so no backup is under a person's own key, and nothing can be erased from one. Nothing was changed.`,
    );
  const points = await openVault();
  const subjects = new SubjectKeys(
    regions.map(({ rows }) => rows),
    systemRandom,
  );
  const settings = { ...points.settings, subjectAttribute: config.vault.subject.attribute };
  return eraseSubject({ ...points, settings, subjects, clock, digest, sha256: sha256Bytes, id: chance.id().slice(0, 16) }, new TablePoints(points), person, by);
}
