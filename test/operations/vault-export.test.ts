// The air gap: what is exported restores by itself, is verified without a key, and comes back into other sites; and the audit says why each thing is there.
import { describe, expect, it } from 'vitest';
import { manifestName, packName, vaultFileName } from '../../src/core/vault/object-names.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { CrashPoint, FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { auditVault, type AuditRow, type AuditRules } from '../../src/operations/vault-audit.ts';
import { exportPoints, importVault } from '../../src/operations/vault-export.ts';
import { sha256Hex } from '../../src/vault/chunk-crypto.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, openVault, Vault } from '../../src/vault/vault.ts';
import { verifyPoint } from '../../src/vault/verify.ts';
import { backUp, cheapWrap, memorySites, objectsOf, randomFrom, readBack, shown, siteOf } from '../vault/small-vault.ts';

const usual: AuditRules = { retentionDays: { hourly: 7, daily: 30, weekly: 90, monthly: 365, yearly: 2555 }, lockDaysMax: 2555, areLocksWanted: false };

async function made() {
  const random = randomFrom('export');
  const sites = memorySites();
  const set = new SiteSet(sites);
  const vault = await createVault(set, random);
  const key = await vault.newKey(cheapWrap, 0, random, null);
  const base = { sites: set, vault, key, random };
  const full = await backUp({ ...base, contents: { a: random(9000), b: random(10) } });
  const known = await (await openPoint(vault, full, key)).dedupIndex();
  const child = await backUp({ ...base, contents: { c: random(500) }, chain: full.chain, type: 'incremental', parent: { point: full.point, sha256: full.sha256 }, known });
  const other = await backUp({ ...base, contents: { d: random(700) } });
  return { sites, set, vault, key, full, child, other };
}

describe('export and import', () => {
  it('takes the whole line of a point, verifies without a key, and restores elsewhere', async () => {
    const { vault, key, full, child, other } = await made();
    const disk = new MemorySite('disk');
    const copied = await exportPoints(vault, [child], disk);
    expect(copied).toMatchObject({ points: 2, skipped: 0 });
    const offline = await openVault(new SiteSet([disk]));
    expect((await offline.listPoints()).map((p) => p.point)).toEqual([full.point, child.point].sort());
    for (const name of [full, child]) expect((await verifyPoint(offline, name, { key: null })).violations).toEqual([]);
    await expect(offline.readManifest(other)).rejects.toThrow(/There is no point/);

    const elsewhere = new SiteSet(memorySites(['x', 'y', 'z']));
    expect(await importVault(disk, elsewhere)).toMatchObject({ points: 2, objects: copied.objects });
    const imported = await openVault(elsewhere);
    const again = await imported.openKey(key.keyId, cheapWrap);
    expect(shown(await readBack(imported, full, again))).toEqual(shown(await readBack(vault, full, key)));
    expect(await importVault(disk, elsewhere)).toMatchObject({ skipped: copied.objects });
  });

  it('stopped at any call, goes on; a point is never there before what it needs', async () => {
    const { vault, child, full } = await made();
    for (let at = 1; at <= 30; at += 1) {
      const disk = new MemorySite('disk');
      await exportPoints(vault, [child], new FaultySite(disk, new CrashPoint(at, 'after').faultOf)).catch(() => undefined);
      const partial = new Vault(vault.id, new SiteSet([disk]));
      for (const point of await partial.listPoints())
        expect(
          (await verifyPoint(partial, point, { key: null })).violations.filter((v) => !v.name.includes(full.point)),
          `after ${at} calls`,
        ).toEqual([]);
      await exportPoints(vault, [child], disk);
      for (const name of [full, child]) expect((await verifyPoint(partial, name, { key: null })).violations).toEqual([]);
    }
  });

  it('refuses another vault, a damaged source without a good copy, and a target with other bytes', async () => {
    const { sites, vault, full } = await made();
    const stranger = new MemorySite('stranger');
    await createVault(new SiteSet([stranger]), randomFrom('stranger'));
    await expect(exportPoints(vault, [full], stranger)).rejects.toThrow(/Nothing was copied/);
    await expect(importVault(stranger, vault.sites)).rejects.toThrow(/Nothing was copied/);
    const { packs } = await vault.readManifest(full);
    const name = packName(packs[0]?.sha256 ?? '');
    const objects = await objectsOf(sites[0]!);
    const bad = await siteOf(
      'disk',
      new Map([
        [vaultFileName, objects.get(vaultFileName)!],
        [name, new Uint8Array(9)],
      ]),
    );
    await expect(exportPoints(vault, [full], bad)).rejects.toThrow(/other bytes/);
    const exported = new MemorySite('disk');
    await exportPoints(vault, [full], exported);
    await exported.replace(name, new Uint8Array(9), { sha256: sha256Hex(new Uint8Array(9)), lock: null });
    await expect(importVault(exported, new SiteSet([new MemorySite('x')]))).rejects.toThrow(/other bytes than its name/);
    const broken = new Vault(vault.id, new SiteSet([await siteOf('a', new Map([...objects, [name, new Uint8Array(9)]]))]));
    await expect(exportPoints(broken, [full], new MemorySite('disk'))).rejects.toThrow(/No good copy/);
  });
});

describe('the audit', () => {
  const audit = async (vault: Vault, rules = usual, nowMs = Date.UTC(2026, 0, 1)) => {
    const rows: AuditRow[] = [];
    const summary = await auditVault(vault, rules, nowMs, (row) => rows.push(row));
    return { rows, summary, findings: rows.flatMap((row) => row.findings.map((finding) => `${row.site} ${row.name}: ${finding}`)) };
  };

  it('says of every object why it is there', async () => {
    const { vault, child, full } = await made();
    const { rows, summary, findings } = await audit(vault);
    expect(findings).toEqual([]);
    expect(summary).toMatchObject({ findings: 0, absent: [], silent: [] });
    expect(rows.every((row) => row.because.length > 0)).toBe(true);
    const { packs } = await vault.readManifest(full);
    const first = rows.find((row) => row.name === packName(packs[0]?.sha256 ?? ''));
    expect(first?.because).toContain(full.point);
    expect(rows.find((row) => row.name === manifestName(child))?.because).toEqual([child.point]);
  });

  it('finds orphans, strangers, what is absent, uncommitted and without a parent, and locks that are not', async () => {
    const { sites, full, child, vault } = await made();
    const objects = await objectsOf(sites[0]!);
    const orphan = `packs/00/${'00'.repeat(32)}`;
    const without = new Map([...objects].filter(([name]) => name !== manifestName(full)));
    const set = new SiteSet([
      await siteOf('a', new Map([...without, [orphan, new Uint8Array(3)], ['readme.txt', new Uint8Array(1)]])),
      await siteOf('b', without),
      await siteOf('c', new Map([...without].filter(([name]) => name !== manifestName(child)))),
    ]);
    const { findings, summary } = await audit(new Vault(vault.id, set), { ...usual, areLocksWanted: true });
    expect(findings.filter((f) => f.includes('no point needs it')).some((f) => f.includes(orphan))).toBe(true);
    expect(findings).toContainEqual(expect.stringMatching(/^a readme.txt: no name of the format/));
    expect(findings).toContainEqual(expect.stringMatching(/locked no more, or never/));
    expect(summary.absent).toContainEqual({ site: 'c', name: manifestName(child), because: expect.stringContaining('not there') });
    expect(summary.absent).toContainEqual({ site: 'all', name: child.point, because: expect.stringContaining('its parent') });
    const alone = new SiteSet([await siteOf('a', objects), await siteOf('b', without), await siteOf('c', without)]);
    expect((await audit(new Vault(vault.id, alone))).findings).toContainEqual(expect.stringMatching(/uncommitted: only a have it/));
  });
});
