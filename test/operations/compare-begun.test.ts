// Three candidates: what the new epoch began without must not come back with the third one (docs/decisions/0020).
import { expect, test } from 'vitest';
import { begunKey, goBy, reachingTo } from '../../src/core/failover/begun.ts';
import { declareLapse } from '../../src/core/failover/register-changes.ts';
import { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { abandonAttemptStep } from '../../src/operations/abandon-attempt.ts';
import { applyLog, type LogApplier } from '../../src/operations/apply-log.ts';
import { compareBegun } from '../../src/operations/compare-begun.ts';
import { openGateStep } from '../../src/operations/open-gate.ts';
import { registerOf } from '../../src/operations/governor.ts';
import { nextSegment } from '../../src/core/log/segment.ts';
import { catchUp, shipLog } from '../../src/operations/ship-log.ts';
import { synchroniseStep } from '../../src/operations/synchronise.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { maker, policy } from '../core/fixtures.ts';
import { recordOf, upTo } from './change-log-fixture.ts';
import { createGroup, east, ireland, west } from './group.ts';

const lateRecords = [recordOf(4), recordOf(5)];

async function threeCandidates() {
  const group = createGroup({ voters: policy.voters.map((v) => ({ ...v, role: 'candidate' })) });
  await group.open();
  const divergences = new Map([east, west, ireland].map((region) => [region, new MemoryDivergenceStore()]));
  const applierOf = (region: string, divergence = divergences.get(region) ?? new MemoryDivergenceStore()): LogApplier => ({
    own: group.governor(region).own,
    log: new MemoryLogStore(region),
    data: new MemoryDataStore(group.store(region), group.policy.fenceShards),
    divergence,
    clock: group.clock,
    digest: sha256,
  });
  const [inEast, inWest, inIreland] = [applierOf(east), applierOf(west), applierOf(ireland)];
  await shipLog(inEast.log, upTo(3), [inWest.log, inIreland.log], sha256);
  await applyLog(inIreland, east, 10, []);
  const lapse = async (to: string, epoch: number) => {
    for (const region of [east, west, ireland]) await group.tick(region);
    group.clock.advance(22_000);
    await group.changeRegister((v) => declareLapse(v, v, to, maker()));
    return group.inputOf(epoch, 1, to);
  };
  const compareIn = async (region: string, applier: LogApplier) => compareBegun(group.governor(region), applier, await registerOf(group.governor(region)).look());
  const takeOverInWest = async () => {
    const input = await lapse(west, 2);
    await compareIn(west, inWest);
    await takeLeaseStep(group.governor(west), input);
    await synchroniseStep(group.governor(west), input, inWest, []);
    return input;
  };
  const compareInIreland = async () => compareIn(ireland, inIreland);
  const late = () => shipLog(inEast.log, lateRecords, [inIreland.log], sha256);
  const listed = () =>
    divergences
      .get(ireland)
      ?.listed()
      .map((d) => d.record.key);
  const fourth = async () => inIreland.data.get('k4');
  return { group, inWest, inIreland, lapse, takeOverInWest, compareInIreland, late, fourth, listed };
}

test('the register says where the epoch began before anything is open', async () => {
  const s = await threeCandidates();
  const input = await s.takeOverInWest();
  s.group.faults.faultOf = (call) => (call.by === west && call.method === 'changeTogether' ? { kind: 'lose-request' } : undefined);
  await expect(openGateStep(s.group.governor(west), input)).rejects.toThrow();
  expect((await s.group.fence(west)).untilAtMs).toBe(0);
  expect((await s.group.value()).begun).toMatchObject({ epoch: 2, by: west, limits: { [east]: [{ before: 2, through: 3 }] } });
});

test('what comes after a third candidate has looked is listed there, and it may take over', async () => {
  const s = await threeCandidates();
  await openGateStep(s.group.governor(west), await s.takeOverInWest());
  await s.compareInIreland();
  await s.late();
  expect(await applyLog(s.inIreland, east, 10, [])).toMatchObject({ applied: 0, divergent: 2, sequence: 5 });
  expect(await s.fourth()).toBeNull();
  expect((await s.group.value()).regions[ireland]).toEqual({ reconciled: true });
  const input = await s.lapse(ireland, 3);
  await takeLeaseStep(s.group.governor(ireland), input);
  await synchroniseStep(s.group.governor(ireland), input, s.inIreland, []);
  await openGateStep(s.group.governorOf(ireland, { serviceUrl: 'https://eu-west-1.example' }), input);
  expect(await s.fourth()).toBeNull();
  // What the second epoch began without, the third begins without as well, though it dealt with five records.
  expect((await s.group.value()).begun?.limits[east]).toEqual([
    { before: 2, through: 3 },
    { before: 3, through: 5 },
  ]);
});

test('what the log brings a second time, beyond where the epoch began, was not left behind', async () => {
  const s = await threeCandidates();
  await openGateStep(s.group.governor(west), await s.takeOverInWest());
  const head = await s.inIreland.log.head(east);
  await s.inIreland.log.append(head, nextSegment(east, head, [recordOf(2)], sha256));
  await applyLog(s.inIreland, east, 10, []);
  await s.compareInIreland();
  expect(s.listed()).toEqual([]);
  expect((await s.group.value()).regions[ireland]).toEqual({ reconciled: true });
});

test('a third candidate that had applied more is not reconciled, lists it, and does not take over', async () => {
  const s = await threeCandidates();
  await s.late();
  await applyLog(s.inIreland, east, 10, []);
  expect(await s.fourth()).not.toBeNull();
  await openGateStep(s.group.governor(west), await s.takeOverInWest());
  const input = await s.lapse(ireland, 3);
  await expect(takeLeaseStep(s.group.governor(ireland), input)).rejects.toMatchObject({ name: 'StepNotReadyError' });
  await s.compareInIreland();
  expect((await s.group.value()).regions).toMatchObject({ [ireland]: { reconciled: false }, [east]: { reconciled: false } });
  expect(s.listed()).toEqual(['k4', 'k5']);
  expect(s.group.notices.map((n) => n.text)).toContainEqual(expect.stringContaining('holds 2 writes that the newest epoch began without'));
  await expect(takeLeaseStep(s.group.governor(ireland), input)).rejects.toMatchObject({ name: 'TargetUnfitError' });
  const before = await s.group.value();
  expect(await abandonAttemptStep(s.group.governor(ireland), input, 'unfit')).toMatchObject({ outcome: 'superseded', because: expect.stringContaining('is not reconciled') });
  expect(await s.group.value()).toEqual(before);
});

test('what was overwritten since does no harm any more', async () => {
  const s = await threeCandidates();
  await s.late();
  await applyLog(s.inIreland, east, 10, []);
  await openGateStep(s.group.governor(west), await s.takeOverInWest());
  await shipLog(
    s.inWest.log,
    lateRecords.map((r) => ({ ...r, epoch: 2 })),
    [s.inIreland.log],
    sha256,
  );
  await applyLog(s.inIreland, west, 10, []);
  await s.compareInIreland();
  expect((await s.group.value()).regions[ireland]).toEqual({ reconciled: true });
});

test('nobody goes by a beginning that may still change', async () => {
  const s = await threeCandidates();
  const input = await s.takeOverInWest();
  s.group.faults.faultOf = (call) => (call.by === west && call.method === 'changeTogether' ? { kind: 'lose-request' } : undefined);
  await expect(openGateStep(s.group.governor(west), input)).rejects.toThrow();
  await s.compareInIreland();
  expect((await s.group.row(ireland, begunKey))?.['epoch'] ?? 0).toBeLessThan(2);
  // It hears of more before it opens, and says so.
  s.group.faults.faultOf = () => undefined;
  await s.late();
  await catchUp(east, s.inIreland.log, s.inWest.log, sha256);
  await applyLog(s.inWest, east, 10, []);
  await openGateStep(s.group.governor(west), input);
  expect((await s.group.value()).begun?.limits[east]).toEqual([{ before: 2, through: 5 }]);
});

test('nothing opens while a log is being applied beyond what the register says', async () => {
  const s = await threeCandidates();
  const input = await s.takeOverInWest();
  await s.inWest.own.change(reachingTo(east, 5));
  await expect(openGateStep(s.group.governor(west), input)).rejects.toMatchObject({ name: 'StepNotReadyError' });
  expect((await s.group.fence(west)).untilAtMs).toBe(0);
});

test('a batch that was sorted before the region heard of the new epoch is sorted again', async () => {
  const s = await threeCandidates();
  await s.late();
  const { data } = s.inIreland;
  let isFirst = true;
  const racing: LogApplier = {
    ...s.inIreland,
    data: {
      batchMax: data.batchMax,
      get: async (key) => data.get(key),
      stands: async (origin, record) => data.stands(origin, record),
      apply: async (...args) => {
        if (isFirst) await s.inIreland.own.change(goBy({ epoch: 2, by: west, limits: { [east]: [{ before: 2, through: 4 }] } }));
        isFirst = false;
        return data.apply(...args);
      },
    },
  };
  expect(await applyLog(racing, east, 10, [])).toMatchObject({ applied: 1, divergent: 1, sequence: 5 });
  expect(await data.get('k5')).toBeNull();
});
