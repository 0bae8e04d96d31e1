// Versions side by side. test/fixtures/schema-1 is what the version of 28 November 2026 (commit 9d29352) wrote: the group of group.ts,
// opened in us-east-1, lapsed, taken over and opened by us-west-2, and paused. Every later version must read it and go on from it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseAcceptorRow, registerKey } from '../../src/core/register/acceptor-rows.ts';
import { fenceKey, leaseKey, parseFenceRow, parseLeaseRow } from '../../src/core/lease/lease-rows.ts';
import { lookKey, parseLook } from '../../src/core/lease/look.ts';
import { headAfter, requireChain } from '../../src/core/log/segment.ts';
import { parseVantage } from '../../src/core/health/vantage.ts';
import { release } from '../../src/core/failover/register-changes.ts';
import { parseRegisterValue, serializeRegisterValue } from '../../src/core/register/value.ts';
import type { Row } from '../../src/core/rows/row.ts';
import { joiningRow } from '../../src/core/rows/first-rows.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { changeVoters } from '../../src/operations/change-voters.ts';
import { votersOf, type Governor } from '../../src/operations/governor.ts';
import { openGateStep } from '../../src/operations/open-gate.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { createGroup, east, ireland, opened, revokeEast, ticked, west, type Group } from './group.ts';
import { sydney } from '../core/fixtures.ts';

const fixture = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, '..', 'fixtures', 'schema-1', name), 'utf8'));
const table = z.enum(['register', 'region', 'fence']);
const rowSchema = z.object({ key: z.object({ table, pk: z.string(), sk: z.string().exactOptional() }), row: z.record(z.string(), z.union([z.string(), z.number()])) });
const recorded = z.record(z.string(), z.array(rowSchema)).parse(fixture('rows.json'));
const segmentSchema = z.object({
  origin: z.string(),
  sequence: z.number(),
  previousHash: z.string(),
  hash: z.string(),
  records: z.array(z.object({ key: z.string(), image: z.record(z.string(), z.unknown()).nullable(), epoch: z.number(), atMs: z.number(), sequenceNumber: z.string() })),
});

/** The recorded rows, and a moment after they were written. */
async function restored(): Promise<Group> {
  const group = createGroup();
  for (const [region, rows] of Object.entries(recorded)) {
    for (const { key, row } of rows) await group.store(region).change({ key, set: row, when: [], mayCreate: true });
  }
  group.clock.advance(85_000);
  return group;
}

const rowOf = (region: string, pk: string): Row => recorded[region]?.find((r) => r.key.pk === pk)?.row ?? {};

describe('what schema 1 wrote', () => {
  test.each([east, west, ireland])('is read in %s, and written back byte for byte', (region) => {
    const row = rowOf(region, 'REGISTER#orders');
    const acceptor = parseAcceptorRow(region, row);
    expect(acceptor).toMatchObject({ configuration: { id: 'c1' }, value: { epoch: 2, holder: west, paused: { by: 'anna' } } });
    expect(serializeRegisterValue(parseRegisterValue(String(row['acceptedValue'])))).toBe(row['acceptedValue']);
    expect(parseLook(rowOf(region, 'LOOK'))).toMatchObject({ epoch: 2 });
    expect(parseVantage(region, String(rowOf(region, 'VANTAGE#orders')['vantage'])).region).toBe(region);
  });

  test('lease and fence rows say what they said', () => {
    expect(parseLeaseRow(rowOf(west, 'LEASE'))).toMatchObject({ epoch: 2, openEpoch: 2 });
    expect(parseLeaseRow(rowOf(east, 'LEASE')).epoch).toBe(1);
    for (const k of [0, 1]) expect(parseFenceRow(rowOf(west, `FENCE#${k}`)).epoch).toBe(2);
  });

  test('segments of the change log are one chain still', () => {
    const segments = z.array(segmentSchema).parse(fixture('segments.json'));
    expect(() => requireChain({ sequence: 0, hash: '' }, segments, sha256)).not.toThrow();
    const [first, second] = segments;
    if (first === undefined || second === undefined) throw new Error('two segments were recorded');
    expect(headAfter(second).sequence).toBe(3);
    const altered = { ...first, records: first.records.map((r) => ({ ...r, epoch: 3 })) };
    expect(() => requireChain({ sequence: 0, hash: '' }, [altered, second], sha256)).toThrow(/was altered/);
  });

  test('a group goes on from it: renewals, and voters may change', async () => {
    const group = await restored();
    const before = await group.value();
    await group.resume();
    const reports = (await group.rounds(2)).map(ticked);
    expect(reports.some((r) => r.lease.startsWith('renewed'))).toBe(true);
    expect((await group.value()).renewal).not.toBe(before.renewal);
    await addVoter(group);
    expect(await group.value()).toMatchObject({ config: { number: 1 }, holder: west, epoch: 2 });
    await group.rounds(2);
    expect((await group.lease(west)).untilAtMs).toBeGreaterThan(group.clock.nowMs());
  });
});

async function addVoter(group: Group, governor: Governor = group.governor(ireland)): Promise<void> {
  const joining = new MemoryRowStore(sydney, [joiningRow('orders', 'a'.repeat(32))]);
  const reach: NonNullable<Governor['reach']> = (a) => (a.region === sydney ? joining : governor.voters.find((s) => s.region === a.region));
  const voters = votersOf({ ...governor, reach });
  await changeVoters({ voters, candidates: [east, west], digest: sha256, wait: async () => undefined, because: 'test' }, { kind: 'add', region: sydney, table: 'register-1' });
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);

/** Every object of a value gets a field that this version does not know, unless it has one. */
function marked(v: unknown, path = ''): unknown {
  if (Array.isArray(v)) return v.map((x, i) => marked(x, `${path}[${i}]`));
  if (!isObject(v)) return v;
  const inner = Object.fromEntries(Object.entries(v).map(([k, x]) => [k, marked(x, `${path}.${k}`)]));
  // Its names are regions' own.
  return path === '.regions' ? inner : { ...inner, later: v['later'] ?? `put at ${path}` };
}

/** The next version's governor: the same work, and its rows and values carry what this version does not know. */
function nextVersion(governor: Governor): Governor {
  const wrap = (store: RowStore): RowStore => ({
    region: store.region,
    get: async (key) => store.get(key),
    change: async (change) => {
      const { acceptedValue } = change.set;
      const set = typeof acceptedValue === 'string' ? { acceptedValue: JSON.stringify(marked(JSON.parse(acceptedValue))) } : {};
      return store.change({ ...change, set: { ...change.set, ...set, laterAttribute: 1 } });
    },
    changeTogether: async (changes, checks) => store.changeTogether(changes, checks),
  });
  const voters = governor.voters.map(wrap);
  return { ...governor, voters, own: voters.find((s) => s.region === governor.me) ?? wrap(governor.own) };
}

/** Where each object of the value stood that had the field: by what it is, not by its place. */
function kept(before: unknown, after: unknown, path = 'value'): string[] {
  if (Array.isArray(before) && Array.isArray(after)) return before.flatMap((b, i) => (after.some((a) => isObject(a) && isObject(b) && a['later'] === b['later']) ? [] : [`${path}[${i}]`]));
  if (!isObject(before) || !isObject(after)) return [];
  const own = before['later'] !== undefined && after['later'] === undefined ? [path] : [];
  return [...own, ...Object.keys(before).flatMap((k) => kept(before[k], after[k], `${path}.${k}`))];
}

describe('the next version beside this one', () => {
  async function nextInEast() {
    const group = await opened();
    const next = nextVersion(group.governor(east));
    group.clock.advance(5000);
    await group.tick(east, next);
    const value = await group.value();
    expect(value).toMatchObject({ later: 'put at ', config: { later: 'put at .config' }, regions: { [west]: { later: `put at .regions.${west}` } } });
    return { group, next, value };
  }

  test.each<readonly [string, (group: Group, next: Governor) => Promise<unknown>]>([
    ['looks and ticks', (group) => group.rounds(2, [west, ireland])],
    ['pauses and resumes', (group) => group.pause().then(group.resume)],
    ['renews, rolled back in the holder region itself', (group) => group.rounds(3, [east, west])],
    ['changes the voters', (group) => addVoter(group)],
    ['revokes', (group) => revokeEast(group)],
    [
      'revokes, and takes over once the next version has released',
      async (group, next) => {
        await revokeEast(group);
        await group.tick(east, next);
        if (!(await group.value()).released) await group.changeRegister((v) => release(v, east, 1));
        group.clock.advance(5000);
        await group.rounds(1, [west]);
        await takeLeaseStep(group.governor(west), group.inputOf(2));
        await openGateStep(group.governor(west), group.inputOf(2));
        await group.rounds(2, [west, ireland]);
        expect(await group.value()).toMatchObject({ holder: west, epoch: 2 });
      },
    ],
  ])('keeps every field that it does not know when it %s', async (_, act) => {
    const { group, next, value } = await nextInEast();
    await act(group, next);
    const after = await group.value();
    // What stood in an older list may have left it; nothing that stands has lost a field.
    expect(kept({ ...value, transitions: [] }, after)).toEqual([]);
    for (const region of [east, west, ireland]) expect((await group.row(region, registerKey('orders')))?.['laterAttribute']).toBe(1);
    expect((await group.row(east, leaseKey))?.['laterAttribute']).toBe(1);
    expect((await group.row(east, fenceKey(0)))?.['laterAttribute']).toBe(1);
    expect((await group.row(east, lookKey))?.['laterAttribute']).toBe(1);
    // And the next version is at home again.
    group.clock.advance(5000);
    expect(ticked(await group.tick(east, next)).sighting).toMatch(/acceptors show ballot/);
  });

  test('a value that asks for a newer reader stops this version: it says so, writes nothing to the register, and its region closes at the deadline', async () => {
    const group = await opened();
    await group.rounds(1);
    await group.changeRegister((v) => ({ kind: 'set', value: { ...v, minReaderVersion: 2 } }));
    const untilAtMs = (await group.lease(east)).untilAtMs;
    const registers = async () => Promise.all([east, west, ireland].map(async (r) => group.row(r, registerKey('orders'))));
    const before = await registers();
    for (const region of [east, west, ireland]) {
      const report = ticked(await group.tick(region));
      expect(report.sighting).toMatch(/none of 3 acceptors answered .*asks for reader version 2, this is 1: deploy the newer version of Holdfast in this region/);
      expect(report.decision.kind).toBe('nothing');
    }
    group.clock.advance(60_000);
    await group.rounds(3);
    expect(await registers()).toEqual(before);
    expect((await group.lease(east)).untilAtMs).toBe(untilAtMs);
    for (const k of [0, 1]) expect((await group.fence(east, k)).closedThroughMs).toBeGreaterThanOrEqual((await group.fence(east, k)).untilAtMs);
    expect(group.started).toEqual([]);
  });

  test('a version that would drop what it does not know is found', async () => {
    const { group, value } = await nextInEast();
    const { config, ...rest } = value;
    await group.changeRegister((v) => ({ kind: 'set', value: { ...v, config: { id: config.id, acceptors: config.acceptors }, paused: rest.paused } }));
    expect(kept({ ...value, transitions: [] }, await group.value())).toEqual(['value.config']);
  });
});
