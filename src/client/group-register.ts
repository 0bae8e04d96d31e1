// The register as a person's program has it: it may ask every region, and reads what stands from the regions' own rows.
import type { RuntimeConfig } from '../config/runtime-config.ts';
import { concludeLook, type Sighting, type VotingRow } from '../core/register/sighting.ts';
import { strongRegister } from '../operations/strong-register.ts';
import { tablesRegister } from '../operations/tables-register.ts';
import type { Register } from '../ports/register.ts';
import type { Connection } from './connection.ts';
import { proposer, registerVotersOf } from './voters-client.ts';

export function groupRegister(connection: Connection): Register {
  const { config, regions, chance } = connection;
  if (config.strongRegister === undefined) return tablesRegister(registerVotersOf(connection));
  return strongRegister({ group: config.group, region: proposer, replicas: regions.flatMap((r) => r.replica ?? []), chance });
}

/** What the rows say that the regions answered with. */
export function concludeRows(config: RuntimeConfig, rows: readonly VotingRow[]): Sighting {
  const sighting = concludeLook(rows, config.voters.length);
  if (config.strongRegister === undefined || sighting.kind === 'nothing') return sighting;
  // Each row is a replica of one table, and was read strongly consistent: the highest ballot is what stands, whoever answered.
  return { ...sighting, kind: 'chosen', because: `${rows.length} of ${config.voters.length} replicas of the register's table answered, the newest with ballot ${sighting.ballot}` };
}
