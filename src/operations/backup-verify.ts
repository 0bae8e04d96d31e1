// VerifyPoint: what was committed is read back from another site than the own, all of it, and counted against what the point says of itself.
import { backupVerified } from '../core/backup/backup-rows.ts';
import { ContentSum, emptyDigest } from '../core/vault/content-digest.ts';
import type { PointName } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import { openPoint } from '../vault/point-reader.ts';
import { TablePoints } from './backup-facts.ts';
import { linesOf } from './backup-lines.ts';
import type { BackupPorts } from './backup-ports.ts';
import { addLine } from './backup-table-source.ts';

export type VerifiedPoint = PointName & { readonly isVerified: true; readonly items: number; readonly bytes: number; readonly readFrom: string };

/** @throws DamagedError when it is not what it says; the error names point and sites. */
export async function verifyBackup(ports: BackupPorts, name: PointName): Promise<VerifiedPoint> {
  const elsewhere = new TablePoints({ ...ports, sites: ports.otherSites });
  const vault = await elsewhere.vault();
  const { header } = await vault.readManifest(name);
  const point = await openPoint(vault, name, await elsewhere.key(header.key));
  const sum = new ContentSum();
  let entries = 0;
  for await (const entry of point.entries()) {
    entries += 1;
    for await (const line of linesOf(point.content(entry))) addLine(sum, line, ports.sha256);
  }
  const found = sum.toJSON();
  const expected = point.body.digest ?? emptyDigest;
  const readFrom = ports.otherSites.sites.map((site) => site.name).join(', ');
  const isSame = found.items === expected.items && found.bytes === expected.bytes && found.sum === expected.sum && entries === point.body.entries.count;
  if (!isSame)
    throw new DamagedError(
      `Point ${name.chain}/${name.point}, read back from ${readFrom}, has ${entries} entries and ${found.items} lines (sum ${found.sum}); it says ${point.body.entries.count} and ${expected.items} (${expected.sum}). Do not rely on it; make a full backup.`,
    );
  await ports.own.change(backupVerified(ports.settings.source, name.point, readFrom, Math.round(ports.clock.nowMs())));
  return { ...name, isVerified: true, items: found.items, bytes: found.bytes, readFrom };
}
