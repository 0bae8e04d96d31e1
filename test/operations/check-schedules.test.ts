// What was not made is noticed from any region, told once, and told again when it is missed again.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { archived } from '../../src/core/backup/backup-rows.ts';
import { compareKey, overdueKey, parseOverdueRow } from '../../src/core/integrity/integrity-rows.ts';
import { evidenceName, newChain, newPoint, manifestName } from '../../src/core/vault/object-names.ts';
import type { PointType } from '../../src/core/vault/recovery-point.ts';
import { checkSchedules } from '../../src/operations/check-schedules.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { sha256Hex } from '../../src/vault/chunk-crypto.ts';
import { createVault } from '../../src/vault/vault.ts';
import { countingRandom } from './backup-fixture.ts';
import { IntegrityGroup } from './integrity-fixture.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const midnight = Date.UTC(2026, 10, 28);

let group: IntegrityGroup;

beforeEach(async () => {
  group = new IntegrityGroup(midnight + 30 * minuteMs);
  await createVault(group.sites, countingRandom());
});

/** By its name alone, which is all that is asked for. */
async function point(type: PointType, atMs: number, sites: readonly VaultSite[] = group.sites.sites): Promise<void> {
  const name = manifestName({ chain: newChain('orders', atMs, '00000001'), point: newPoint(atMs, type, '0000000000000001') });
  const bytes = Buffer.from('a manifest');
  for (const site of sites) await site.put(name, bytes, { sha256: sha256Hex(bytes), lock: null });
}

async function archivedThrough(region: 'east' | 'west', throughMs: number): Promise<void> {
  await group.rows[region].change(archived('orders', { region, positions: {}, throughMs }, { chain: 'c', point: 'p' }, throughMs));
}

const misses = async (region: 'east' | 'west') => (await checkSchedules(group.ports(region))).found.map(({ what }) => what);

describe('schedules', () => {
  it('of a new group are not missed before they were due', async () => {
    expect(await misses('east')).toEqual([]);
    expect(group.told).toEqual([]);
    // From the first look on: the log within eleven minutes, the incremental at one o'clock and its half hour, the full a day later.
    group.clock.advance(11 * minuteMs);
    expect(await misses('east')).toEqual([]);
    group.clock.advance(1);
    expect(await misses('east')).toEqual(['log archive']);
    group.set(midnight + 90 * minuteMs);
    expect(await misses('east')).toEqual(['log archive']);
    group.clock.advance(1);
    expect(await misses('east')).toEqual(['incremental backup', 'log archive']);
  });

  it('that are kept are not missed', async () => {
    await point('full', midnight + 1000);
    for (let hour = 1; hour <= 22; hour += 1) {
      group.set(midnight + hour * hourMs + 5 * minuteMs);
      await point('incremental', midnight + hour * hourMs + 900);
      await archivedThrough('east', group.clock.nowMs());
      group.compared('east');
      expect(await misses('west'), `at ${hour}`).toEqual([]);
    }
    expect(group.told).toEqual([]);
  });

  it('of differentials are missed only where there are some; a full is as good', async () => {
    const ports = group.ports('east');
    const { schedules } = ports.settings;
    const late = async (differential?: string) => (await checkSchedules({ ...ports, settings: { ...ports.settings, schedules: { ...schedules, differential } } })).found.map(({ what }) => what);
    await late();
    await point('full', midnight + 40 * minuteMs);
    group.set(midnight + 12 * hourMs + 30 * minuteMs);
    expect(await late('cron(0 12 * * ? *)')).not.toContain('differential backup');
    group.clock.advance(1);
    expect(await late('cron(0 12 * * ? *)')).toContain('differential backup');
    expect(await late()).not.toContain('differential backup');
    await point('incremental', midnight + 12 * hourMs);
    expect(await late('cron(0 12 * * ? *)')).toContain('differential backup');
    await point('differential', midnight + 12 * hourMs);
    expect(await late('cron(0 12 * * ? *)')).not.toContain('differential backup');
    group.set(midnight + 36 * hourMs + 31 * minuteMs);
    expect(await late('cron(0 12 * * ? *)')).toContain('differential backup');
    await point('full', midnight + 36 * hourMs);
    expect(await late('cron(0 12 * * ? *)')).not.toContain('differential backup');
  });

  it('of restore tests are missed where no evidence was left, whatever came of it', async () => {
    const evidence = async (atMs: number) => {
      const bytes = Buffer.from('{}');
      for (const site of group.sites.sites) await site.put(evidenceName('restore-test', atMs, '0123456789abcdef'), bytes, { sha256: sha256Hex(bytes), lock: null });
    };
    const sunday = midnight + 24 * hourMs + 10.5 * hourMs;
    await misses('west');
    group.set(sunday + 6 * hourMs);
    expect(await misses('west')).not.toContain('restore test');
    group.clock.advance(1);
    expect(await misses('west')).toContain('restore test');
    await evidence(sunday + 5 * minuteMs);
    expect(await misses('west')).not.toContain('restore test');
    group.set(sunday + 7 * 24 * hourMs + 6 * hourMs + 1);
    expect(await misses('west')).toContain('restore test');
  });

  it('missed by a region that is gone are told by the other one, once, and not again by the first', async () => {
    await point('full', midnight + 1000);
    await archivedThrough('east', midnight + 30 * minuteMs);
    expect(await misses('west')).toEqual([]);
    // East stops; nobody opens.
    group.set(midnight + 91 * minuteMs);
    group.silent.add('east');
    expect(await misses('west')).toEqual(['incremental backup', 'log archive']);
    expect(group.told).toMatchObject([{ by: 'west', severity: 'critical', subject: expect.stringContaining('overdue, seen from west: incremental backup, log archive') }]);
    expect(group.told[0]?.text).toContain('2026-11-28T01:00:00.000Z');
    group.clock.advance(15 * minuteMs);
    await misses('west');
    group.silent.clear();
    expect(await misses('east')).toEqual(['incremental backup', 'log archive']);
    expect(group.told).toHaveLength(1);
    // Each day again.
    group.clock.advance(25 * hourMs);
    await misses('east');
    await misses('west');
    expect(group.told.map(({ by }) => by)).toEqual(['west', 'east']);
    expect(group.told[1]?.text).toContain('full backup');
  });

  it('that are kept again and missed again are told again', async () => {
    await misses('east');
    group.clock.advance(12 * minuteMs);
    expect(await misses('east')).toEqual(['log archive']);
    await archivedThrough('east', group.clock.nowMs());
    expect(await misses('east')).toEqual([]);
    expect(parseOverdueRow(await group.rows.east.get(overdueKey))).toMatchObject({ found: [], told: {} });
    group.clock.advance(12 * minuteMs);
    await misses('east');
    expect(group.told).toHaveLength(2);
  });

  it('are not kept by what is not committed, nor by another source, nor by a snapshot', async () => {
    await misses('east');
    await point('full', midnight + 61 * minuteMs, group.sites.sites.slice(0, 1));
    await point('snapshot', midnight + 62 * minuteMs);
    group.set(midnight + 91 * minuteMs);
    expect(await misses('east')).toContain('incremental backup');
    await point('full', midnight + 61 * minuteMs);
    expect(await misses('east')).not.toContain('incremental backup');
  });

  it('are told in the next check where telling failed', async () => {
    await misses('east');
    group.clock.advance(12 * minuteMs);
    group.isMute = true;
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(await misses('east')).toEqual(['log archive']);
    expect(group.told).toEqual([]);
    group.isMute = false;
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('the topic does not answer'));
    warned.mockRestore();
    await misses('east');
    expect(group.told).toHaveLength(1);
  });

  it('of the checks themselves are missed too', async () => {
    await misses('east');
    group.compared('east');
    group.clock.advance(150 * minuteMs);
    expect(await misses('west')).not.toContain('comparison of the sites');
    group.clock.advance(1);
    expect(await misses('west')).toContain('comparison of the sites');
    expect(await group.rows.west.get(compareKey)).toBeUndefined();
    group.clock.advance(31 * 24 * hourMs);
    expect(await misses('west')).toContain('round of the scrub');
  });

  it('say what is wrong with an altered row, and believe none of it', async () => {
    await misses('east');
    await group.rows.east.change({ key: overdueKey, set: { told: '{"x":-1}' }, when: [], mayCreate: false });
    await expect(misses('east')).rejects.toMatchObject({ name: 'MalformedError', message: expect.stringContaining('OVERDUE') });
    expect(await misses('west')).toEqual([]);
  });
});
