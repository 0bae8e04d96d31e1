// `holdfast erase`: asked for twice by name, since nothing brings the keys back.
import type { Connection } from '../client/connection.ts';
import { erasePerson } from '../client/erase-person.ts';
import type { Certificate } from '../core/backup/erasure.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

export async function erase(values: Values, by: string, connection: Connection, world: World): Promise<ExitStatus> {
  const { subject, confirm } = values;
  if (subject === undefined || subject === '') throw new UsageError('erase needs --subject NAME: the value that names the person in the items');
  if (confirm !== subject) throw new UsageError('erase needs --confirm NAME, the same name once more: what is erased cannot be brought back. Nothing was changed');
  const { name, certificate } = await erasePerson(connection, subject, by);
  world.out(values.json === true ? `${JSON.stringify({ name, certificate }, null, 2)}\n` : renderErasure(name, certificate));
  return 0;
}

function renderErasure(name: string, { subjects, regions, proof, notSealed }: Certificate): string {
  const lines = [
    `Erased: the person's keys of ${Object.keys(subjects).length} data keys are gone in ${regions.join(', ')}.`,
    ...proof.map((p) => `${p.chain}/${p.point} read whole: ${p.lines} lines, ${p.ofThePerson} of the person, none of which opens; ${p.readable} read, ${p.ofOthersErased} of persons erased before.`),
    ...(proof.length === 0 ? ['No full backup or snapshot is sealed yet: there was nothing to read as proof.'] : []),
    ...(notSealed.points === 0
      ? []
      : [
          `NOT ERASED: ${notSealed.points} points were not sealed by person (the newest of ${iso(notSealed.newestAtMs)}). What they hold of the person is readable until they expire; 'holdfast points' lists them.`,
        ]),
    `Certificate: ${name}, in the vault. Not touched: the live table, its log, copies outside the vault (docs/runbooks/erasure.md).`,
  ];
  return `${lines.join('\n')}\n`;
}

function iso(atMs: number | null): string {
  return atMs === null ? 'unknown' : new Date(atMs).toISOString();
}
