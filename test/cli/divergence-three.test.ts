// `holdfast divergence` among three candidates: late writes are listed in the region that found them, and every list counts.
import { beforeEach, describe, expect, it } from 'vitest';
import { defineConfig } from '../../src/config/holdfast-config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { drainedKey } from '../../src/core/lease/drained-row.ts';
import { closedForGood, fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { padSequenceNumber, type Image } from '../../src/core/log/change-record.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs, sample, type Group } from './group-fixture.ts';

const [a, b, c] = ['us-east-1', 'us-west-2', 'eu-west-1'] as const;
const asked = ['--reason', 'checked by hand', '--by', 'grace'];
const threeCandidates = toRuntimeConfig(defineConfig({ ...sample, regions: [a, b, c].map((region) => ({ region, role: 'candidate' as const })) }));
const image = (key: string, n: number): Image => ({ id: { S: key }, n: { N: String(n) }, holdfastEpoch: { N: '1' }, holdfastOrigin: { S: a } });

let group: Group;

async function list(region: string, writes: readonly (readonly [string, number])[]): Promise<void> {
  const found = writes.map(([key, n]) => ({
    origin: a,
    record: { key, image: image(key, n), epoch: 1, atMs: nowMs - 60_000, sequenceNumber: padSequenceNumber(String(n)) },
    ours: null,
    foundAtMs: nowMs,
  }));
  await new DivergenceList(group.of(region).rows.memory, sha256).add(found);
}

/** West is open in epoch 2; east is back. West lists one of its writes, and so does the third candidate, with another. */
beforeEach(async () => {
  group = memoryGroup(undefined, threeCandidates);
  await group.choose({ holder: b, epoch: 2, state: 'normal', paused: null, regions: { [a]: { reconciled: false }, [b]: { reconciled: true }, [c]: { reconciled: true } } });
  await group.put(b, leaseKey, { epoch: 2, untilAtMs: nowMs + 60_000, openEpoch: 2, closedEpoch: 0 });
  await group.put(b, fenceKey(0), { epoch: 2, untilAtMs: nowMs + 60_000, closedThroughMs: 0 });
  await group.put(a, leaseKey, { epoch: 1, untilAtMs: 5, openEpoch: 1, closedEpoch: 1 });
  await group.put(a, drainedKey, { epoch: 1, sequence: 0 });
  await group.put(a, fenceKey(0), { epoch: 1, untilAtMs: 5, closedThroughMs: closedForGood });
  for (const [key, n] of [
    ['here', 1],
    ['there', 2],
  ] as const)
    group.of(a).items.set(key, image(key, n));
  await list(b, [['here', 1]]);
  await list(c, [
    ['here', 1],
    ['there', 2],
  ]);
});

function carryOver(): void {
  const { items } = group.of(a);
  items.clear();
  for (const [key, item] of group.of(b).items) items.set(key, item);
}

describe('three lists', () => {
  it('are shown as one, each key once', async () => {
    const { exit, out } = await holdfast(group, ['divergence']);
    expect(exit).toBe(0);
    expect(out.match(/--seen/g)).toHaveLength(2);
    expect(out).toMatch(/ {2}there .*\n.*\n.*\n {4}listed in eu-west-1 only\n/);
    expect(out).not.toMatch(/here[^\n]*\n.*\n.*\n {4}listed in us-west-2 only/);
    expect(JSON.parse((await holdfast(group, ['divergence', 'list', '--json'])).out)).toMatchObject({ unread: [], next: null, keys: { length: 2 } });
  });

  it('are decided in the region that is open, one key or all, and then signed off', async () => {
    const refused = await holdfast(group, ['divergence', 'sign-off', ...asked]);
    expect(refused).toMatchObject({ exit: 1, out: expect.stringMatching(/2 divergent keys of us-east-1 are not decided/) });
    expect((await holdfast(group, ['divergence', 'resolve', '--key', 'there', '--rule', 'theirs', ...asked])).out).toBe('there: written (theirs)\n');
    expect((await holdfast(group, ['divergence', 'resolve', '--all', '--rule', 'theirs', ...asked])).out).toBe('1 decided now, 1 were decided, 0 left\n');
    expect((await holdfast(group, ['divergence'])).out).toMatch(/nothing is left to decide in us-west-2\.\n$/);
    carryOver();
    expect(await holdfast(group, ['divergence', 'sign-off', ...asked])).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/is signed off: 2 items compared with us-west-2, 2 divergent keys decided/),
    });
  });

  it('are not all there while a region is silent: it is named, the rest can be decided, and nothing is signed off', async () => {
    group.of(c).rows.isAnswering = false;
    const listed = await holdfast(group, ['divergence']);
    expect(listed.exit).toBe(1);
    expect(listed.out).toMatch(/ {2}here .*\n[^]*NOT READ: the list of eu-west-1 \(TimeoutError: Connection timed out.*\)\. What it alone lists is missing here/);
    expect(await holdfast(group, ['divergence', 'resolve', '--all', '--rule', 'theirs', ...asked])).toMatchObject({
      exit: 1,
      out: expect.stringMatching(/^1 decided now, 0 were decided, 0 left\nNOT READ: the list of eu-west-1/),
    });
    carryOver();
    const refused = await holdfast(group, ['divergence', 'sign-off', ...asked]);
    expect(refused.exit).toBe(1);
    expect(refused.out).toMatch(/NOT signed off, and nothing was changed\. Missing:\n {2}- the divergence list of eu-west-1 could not be read \(TimeoutError: .*ask again when it answers\n$/);
    group.of(c).rows.isAnswering = true;
    expect((await holdfast(group, ['divergence', 'sign-off', ...asked])).out).toMatch(/1 divergent keys of us-east-1 are not decided \('there'\)/);
  });
});
