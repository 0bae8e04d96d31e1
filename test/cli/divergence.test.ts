// `holdfast divergence`: from a region that returned with writes of its own to one that may take over again.
import { beforeEach, describe, expect, it } from 'vitest';
import { drainedKey } from '../../src/core/lease/drained-row.ts';
import { closedForGood, fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { padSequenceNumber, type Image } from '../../src/core/log/change-record.ts';
import { emptyHead, nextSegment } from '../../src/core/log/segment.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs, type Group } from './group-fixture.ts';

const [a, b] = ['us-east-1', 'us-west-2'] as const;
const asked = ['--reason', 'checked by hand', '--by', 'grace'];
const image = (key: string, n: number, epoch: number, origin: string): Image => ({ id: { S: key }, n: { N: String(n) }, holdfastEpoch: { N: String(epoch) }, holdfastOrigin: { S: origin } });
const stands = (group: Group, region: string, key: string) => Object(group.of(region).items.get(key)?.['n'])['N'];
const reconciled = async (group: Group) => (await group.value()).regions[a]?.reconciled;

let group: Group;

/** West took epoch 2 over; east came back with three writes of epoch 1 that west had gone on without. */
beforeEach(async () => {
  group = memoryGroup();
  await group.choose({ holder: b, epoch: 2, state: 'normal', paused: null, regions: { [a]: { reconciled: false }, [b]: { reconciled: true } } });
  await group.put(b, leaseKey, { epoch: 2, untilAtMs: nowMs + 60_000, openEpoch: 2, closedEpoch: 0 });
  await group.put(b, fenceKey(0), { epoch: 2, untilAtMs: nowMs + 60_000, closedThroughMs: 0 });
  await group.put(a, leaseKey, { epoch: 1, untilAtMs: 5, openEpoch: 1, closedEpoch: 1 });
  await group.put(a, drainedKey, { epoch: 1, sequence: 0 });
  await group.put(a, fenceKey(0), { epoch: 1, untilAtMs: 5, closedThroughMs: closedForGood });
  const { items: here } = group.of(b);
  here.set('o-1', image('o-1', 10, 1, a));
  here.set('o-2', image('o-2', 20, 2, b));
  const records = [
    ['o-1', 11],
    ['o-1', 12],
    ['o-2', 21],
    ['o-3', 31],
  ] as const;
  const written = records.map(([key, n], i) => ({ key, image: image(key, n, 1, a), epoch: 1, atMs: nowMs - 60_000 + i, sequenceNumber: padSequenceNumber(String(i + 1)) }));
  for (const record of written) group.of(a).items.set(record.key, record.image);
  const segment = nextSegment(a, emptyHead, written, sha256);
  for (const region of [a, b]) await group.of(region).log.append(emptyHead, segment);
  await group.put(b, { table: 'region', pk: 'LOG', sk: a }, { sequence: 4, lastAtMs: 1, atMs: 1 });
  await new DivergenceList(group.of(b).rows.memory, sha256).add(written.map((record) => ({ origin: a, record, ours: here.get(record.key) ?? null, foundAtMs: nowMs - 1000 })));
});

/** `status` reads its list apart. */
beforeEach(async () => {
  const { rows, lists } = group.of(b);
  lists.set('DIVERGENCE', rows.memory.list('region', 'DIVERGENCE').toReversed());
});

/** What the logs do: what stands in west has reached east. */
function carryOver(): void {
  const { items } = group.of(a);
  items.clear();
  for (const [key, item] of group.of(b).items) items.set(key, item);
}

describe('holdfast divergence', () => {
  it('lists every key once, with both versions and whether it was written since', async () => {
    const { exit, out } = await holdfast(group, ['divergence']);
    expect(exit).toBe(0);
    expect(out).toMatch(/^us-east-1 is not reconciled\. What it wrote, and us-west-2 went on without:/);
    expect(out).toMatch(/o-1 {3}undecided {3}--seen [0-9a-f]{12}\n {4}theirs {2}.*"12".*epoch 1, 2027-.*\n {4}ours {4}.*"10".*\(not written here since\)/);
    expect(out).toMatch(/o-2.*\n.*"21".*\n.*"20".*\(WRITTEN HERE SINCE/);
    expect(out).toMatch(/o-3.*\n.*"31".*\n {4}ours {4}no item {3}\(nothing tells/);
    expect(JSON.parse((await holdfast(group, ['divergence', 'list', '--json', '--region', a])).out)).toMatchObject({ origin: a, home: b, isReconciled: false, next: null, keys: { length: 3 } });
  });

  it('shows all late writes of a key, and its decisions', async () => {
    await holdfast(group, ['divergence', 'resolve', '--key', 'o-1', '--rule', 'theirs', ...asked]);
    const { out } = await holdfast(group, ['divergence', 'show', '--key', 'o-1']);
    expect(out.match(/late write/g)).toHaveLength(2);
    expect(out).toMatch(/"11".*\n.*"12".*\n.*decision 1 {3}'theirs' by grace, 2027.*: checked by hand; carried out; before .*"10".*, wrote .*"12"/);
  });

  it('decides key by key or by a rule, undoes, and signs off once nothing is missing', async () => {
    const first = await holdfast(group, ['divergence', 'sign-off', ...asked]);
    expect(first.exit).toBe(1);
    expect(first.out).toMatch(/us-east-1 is NOT signed off, and nothing was changed\. Missing:\n {2}- 3 divergent keys/);
    expect(await reconciled(group)).toBe(false);
    expect((await holdfast(group, ['status'])).out).toMatch(/DIVERGENCE in us-west-2: 4 writes of an epoch that was over; none was applied\. 'holdfast divergence' decides\n {2}o-1/);
    expect((await holdfast(group, ['divergence', 'resolve', '--key', 'o-3', '--rule', 'theirs', ...asked])).out).toBe('o-3: written (theirs)\n');
    expect(stands(group, b, 'o-3')).toBe('31');
    expect((await holdfast(group, ['divergence', 'resolve', '--undo', 'o-3', ...asked])).out).toBe("o-3: removed (undone: 'theirs' of grace)\n");
    expect(group.of(b).items.has('o-3')).toBe(false);
    const rest = await holdfast(group, ['divergence', 'resolve', '--all', '--rule', 'last-writer', ...asked]);
    expect(rest.out).toMatch(/^2 decided now, 0 were decided, 1 left:\n {2}o-3: a decision about it was undone/);
    expect(rest.exit).toBe(1);
    expect([stands(group, b, 'o-1'), stands(group, b, 'o-2')]).toEqual(['12', '20']);
    expect((await holdfast(group, ['divergence', 'resolve', '--all', '--rule', 'ours', ...asked])).out).toBe('1 decided now, 2 were decided, 0 left\n');
    expect((await holdfast(group, ['divergence'])).out).toMatch(/nothing is left to decide in us-west-2/);
    carryOver();
    const last = await holdfast(group, ['divergence', 'sign-off', ...asked]);
    expect(last).toMatchObject({ exit: 0, out: 'us-east-1 is signed off: 2 items compared with us-west-2, 3 divergent keys decided. It may take over again.\n' });
    const value = await group.value();
    expect(value).toMatchObject({ regions: { [a]: { reconciled: true } }, because: expect.stringMatching(/^grace signed us-east-1 off: checked by hand \(3 divergent/) });
    expect(value.transitions.at(-1)).toMatchObject({ on: 'signed-off', from: 'normal', to: 'normal', by: 'grace', epoch: 2 });
    const { out: status } = await holdfast(group, ['status']);
    expect(status).not.toMatch(/NOT RECONCILED|DIVERGENCE/);
    expect(status).toContain('late writes kept in us-west-2, of regions that are signed off: 4');
    expect((await holdfast(group, ['failover', '--to', a, '--reason', 'back home'])).exit).toBe(0);
  });

  it('decides upon what was shown only, and nothing twice', async () => {
    const { out } = await holdfast(group, ['divergence', 'show', '--key', 'o-1', '--json']);
    const { seen } = (JSON.parse(out) as { view: { seen: string } }).view;
    group.of(b).items.set('o-1', image('o-1', 13, 2, b));
    const late = await holdfast(group, ['divergence', 'resolve', '--key', 'o-1', '--rule', 'theirs', '--seen', seen, ...asked]);
    expect(late).toMatchObject({ exit: 1, out: 'o-1: NOT DECIDED: it is no longer what was shown\n' });
    expect(stands(group, b, 'o-1')).toBe('13');
    await holdfast(group, ['divergence', 'resolve', '--key', 'o-1', '--rule', 'ours', ...asked]);
    expect((await holdfast(group, ['divergence', 'resolve', '--key', 'o-1', '--rule', 'theirs', ...asked])).out).toMatch(/decided already; '--undo o-1' first/);
  });

  it('takes the rule of the configuration where none is said', async () => {
    const connection = { ...group.connection, divergence: { rule: 'ours' as const } };
    expect((await holdfast({ ...group, connection }, ['divergence', 'resolve', '--all', ...asked])).out).toMatch(/^3 decided now/);
    expect((await holdfast(group, ['divergence', 'resolve', '--undo', 'o-1', ...asked])).exit).toBe(0);
    expect((await holdfast(group, ['divergence', 'resolve', '--key', 'o-1', ...asked])).out).toMatch(/NOT DECIDED: the rule is 'ask'/);
  });

  it('lists what only a comparison finds', async () => {
    group.of(a).items.set('o-9', image('o-9', 90, 1, a));
    group.of(b).items.set('o-8', image('o-8', 80, 1, a));
    const { exit, out } = await holdfast(group, ['divergence', 'compare']);
    // What west wrote since is not in east yet.
    expect(exit).toBe(1);
    expect(out).toMatch(/^4 items compared, 2 differ that no log told of.*\n {2}us-east-1 lacks what us-west-2 wrote to 'o-2'/);
    expect((await holdfast(group, ['divergence', 'show', '--key', 'o-8'])).out).toMatch(/theirs {2}no item {3}\(epoch 1, at an unknown time\)/);
  });

  it('never compares with a region that may still accept writes', async () => {
    await group.put(a, fenceKey(0), { epoch: 1, untilAtMs: 10, closedThroughMs: 10 });
    for (const word of ['sign-off', 'compare'] as const) {
      const { exit, out } = await holdfast(group, ['divergence', word, ...(word === 'compare' ? [] : asked)]);
      expect(exit).toBe(1);
      expect(out).toMatch(/FENCE#0 of us-east-1 is not closed for good/);
    }
  });
});

describe('a sign-off without the region that holds the lease', () => {
  const without = ['divergence', 'sign-off', '--without', b, ...asked];
  it('is for one that is lost: not while it answers', async () => {
    expect(await holdfast(group, without)).toMatchObject({ exit: 1, err: expect.stringMatching(/us-west-2 answers: .*Nothing was changed/) });
    group.of(b).rows.isAnswering = false;
    const said = await holdfast(group, without);
    expect(said).toMatchObject({ exit: 0, err: '', out: 'us-east-1 is signed off WITHOUT us-west-2: it may take over with what it has.\n' });
    expect(await reconciled(group)).toBe(true);
    expect((await group.value()).because).toMatch(/WITHOUT us-west-2, which is lost \(TimeoutError.*\): checked by hand/);
  });

  it('asks that the other has closed its old epoch', async () => {
    group.of(b).rows.isAnswering = false;
    await group.put(a, leaseKey, { epoch: 1, untilAtMs: 5, openEpoch: 1, closedEpoch: 0 });
    expect(await holdfast(group, without)).toMatchObject({ exit: 1, out: expect.stringMatching(/has not closed its epoch 1/) });
    expect(await reconciled(group)).toBe(false);
  });
});

describe('what cannot be asked', () => {
  it.each([
    [['divergence', 'merge'], 2, /'merge' is not what divergence can do; it may be list, show, resolve, compare, sign-off/],
    [['divergence', 'list', '--reason', 'x'], 2, /divergence list does not take --reason/],
    [['divergence', 'show'], 2, /needs one --key K/],
    [['divergence', 'resolve', '--all', '--rule', 'ours'], 2, /needs --reason/],
    [['divergence', 'resolve', ...asked], 2, /needs one of --key K …, --all and --undo K/],
    [['divergence', 'resolve', '--all', '--key', 'o-1', ...asked], 2, /needs one of/],
    [['divergence', 'resolve', '--all', '--rule', 'mine', ...asked], 2, /'mine' is not a rule; it may be ask, ours, theirs, last-writer, merge/],
    [['divergence', 'resolve', '--all', '--seen', 'x', ...asked], 2, /--seen goes with one --key K/],
    [['divergence', 'resolve', '--undo', 'o-1', '--rule', 'ours', ...asked], 2, /--undo takes no --rule/],
    [['divergence', 'resolve', '--undo', 'o-1', ...asked], 1, /No decision about 'o-1' stands \(it is undecided\)/],
    [['divergence', 'resolve', '--key', 'o-7', '--rule', 'ours', ...asked], 1, /'o-7' is not in the divergence report/],
    [['divergence', '--region', 'eu-west-1'], 1, /'eu-west-1' is not a candidate of orders: it may be us-east-1 or us-west-2/],
    [['divergence', 'sign-off', '--region', b, ...asked], 1, /us-west-2 is reconciled/],
    [['divergence', 'sign-off', '--without', a, ...asked], 1, /us-east-1 does not hold the lease/],
  ] as const)('%j ends with %i', async (args, exit, says) => {
    const said = await holdfast(group, args);
    expect(said.exit).toBe(exit);
    expect(said.err).toMatch(says);
    expect(await reconciled(group)).toBe(false);
    expect(stands(group, b, 'o-1')).toBe('10');
  });

  it('changes nothing where the group is open nowhere, or nobody knows where', async () => {
    await group.put(b, leaseKey, { epoch: 2, untilAtMs: nowMs - 1, openEpoch: 2, closedEpoch: 0 });
    expect(await holdfast(group, ['divergence', 'resolve', '--all', '--rule', 'theirs', ...asked])).toMatchObject({ exit: 1, err: expect.stringMatching(/us-west-2 is not open .*repeat it when/) });
    expect(stands(group, b, 'o-1')).toBe('10');
    for (const region of [a, 'eu-west-1']) group.of(region).rows.isAnswering = false;
    expect(await holdfast(group, ['divergence'])).toMatchObject({ exit: 1, err: expect.stringMatching(/nobody can say which region is open/) });
  });

  it('says so where every region is reconciled', async () => {
    await group.choose({ regions: { [a]: { reconciled: true }, [b]: { reconciled: true } } });
    expect(await holdfast(group, ['divergence'])).toMatchObject({ exit: 1, err: expect.stringMatching(/Every region is reconciled/) });
    expect((await holdfast(group, ['divergence', '--region', a])).out).toMatch(/us-east-1 is reconciled/);
    expect(await holdfast(group, ['divergence', 'resolve', '--undo', 'o-1', '--region', a, ...asked])).toMatchObject({ exit: 1, err: expect.stringMatching(/is signed off/) });
  });
});
