// KeepRetention: the group's vault once a day, by the region that is open. What it did not give up, and why, goes into the function's log.
import { retain, type Retained, type RetentionRow } from './retention.ts';
import { isOpenAt, readLease, type BackupPorts } from './backup-ports.ts';
import { openVault } from '../vault/vault.ts';

export type RetentionKept = { readonly acts: false; readonly because: string } | ({ readonly acts: true } & Retained);

export type RetentionPorts = Pick<BackupPorts, 'me' | 'own' | 'settings' | 'sites'> & {
  readonly clock: Pick<BackupPorts['clock'], 'nowMs'>;
  readonly log: (line: object) => void;
};

/** Rows that are logged of one run; the numbers are of all of them. */
const rowsLoggedMax = 1000;

export async function keepRetention(ports: RetentionPorts): Promise<RetentionKept> {
  const { settings, me, sites, clock, log } = ports;
  const nowMs = Math.round(clock.nowMs());
  if (!isOpenAt(await readLease(ports), nowMs)) return { acts: false, because: `${me} is not open: the open region keeps retention` };
  let logged = 0;
  const note = (row: RetentionRow) => {
    logged += 1;
    if (logged <= rowsLoggedMax) log(row);
  };
  const done = await retain(await openVault(sites), { ...settings, isDryRun: false }, nowMs, note);
  log(done);
  return { acts: true, ...done };
}
