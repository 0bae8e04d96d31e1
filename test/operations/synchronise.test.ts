// Synchronise: to the end of what was shipped anywhere that answers, and no further once the step is over.
import { describe, expect, test } from 'vitest';
import { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { declareLapse, handBack, operatorSwitch } from '../../src/core/failover/register-changes.ts';
import { abandonAttemptStep } from '../../src/operations/abandon-attempt.ts';
import type { LogApplier } from '../../src/operations/apply-log.ts';
import { shipLog } from '../../src/operations/ship-log.ts';
import { synchroniseStep } from '../../src/operations/synchronise.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { maker, renewalId } from '../core/fixtures.ts';
import { FailingLog, upTo } from './change-log-fixture.ts';
import { createGroup, east, ireland, west } from './group.ts';

describe('Synchronise', () => {
  async function takenOver() {
    const group = createGroup();
    await group.open();
    await group.tick(west);
    group.clock.advance(22_000);
    await group.changeRegister((v) => declareLapse(v, v, west, maker()));
    await takeLeaseStep(group.governor(west), group.inputOf(2));
    const log = new FailingLog(west);
    const [inEast, inIreland] = [new FailingLog(east), new FailingLog(ireland)];
    const data = new MemoryDataStore(group.store(west), group.policy.fenceShards);
    const divergence = new MemoryDivergenceStore();
    const applier: LogApplier = { own: group.governor(west).own, log, data, divergence, clock: group.clock, digest: sha256 };
    const synchronise = () => synchroniseStep(group.governor(west), group.inputOf(2), applier, [inEast, inIreland]);
    return { group, log, inEast, inIreland, data, divergence, applier, synchronise };
  }

  test('applies to the end of what was shipped anywhere that answers; the lost region is not needed', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(3), [s.log, s.inIreland], sha256);
    s.log.fails = () => 'request';
    await shipLog(s.inEast, upTo(2, 4), [s.log, s.inIreland], sha256);
    s.log.fails = () => undefined;
    s.inEast.fails = () => 'request';
    s.group.clock.advance(100);
    expect(await s.synchronise()).toEqual({
      isComplete: true,
      applied: 5,
      approvalNeeded: false,
      loss: [{ origin: east, newestAtMs: 5000, newestAgeMs: s.group.clock.nowMs() - 5000, records: 5, unread: [] }],
    });
    expect(await s.data.get('k5')).not.toBeNull();
  });

  test('asks nobody to agree to a planned switch-over: a person asked for it, and it loses nothing', async () => {
    const s = await takenOver();
    const { applier } = s;
    const governor = { ...s.group.governor(west), policy: { ...s.group.policy, mode: 'approve' as const } };
    const approvalNeeded = async () => (await synchroniseStep(governor, s.group.inputOf(2), applier, [])).approvalNeeded;
    expect(await approvalNeeded()).toBe(true);
    await s.group.changeRegister((v) => ({ kind: 'set', value: { ...v, planned: true } }));
    expect(await approvalNeeded()).toBe(false);
  });

  test('nor where the holder took one back; in the epoch after that it does again', async () => {
    const s = await takenOver();
    const { applier } = s;
    await s.group.changeRegister((v) => ({ kind: 'set', value: { ...v, state: 'normal' } }));
    await s.group.changeRegister((v) => operatorSwitch({ ...v, regions: { ...v.regions, [east]: { reconciled: true } } }, east, s.group.policy, maker()));
    await s.group.changeRegister((v) => handBack(v, v, west, renewalId(5), maker()));
    const governor = { ...s.group.governor(west), policy: { ...s.group.policy, mode: 'approve' as const } };
    const approvalNeeded = async (epoch: number, attempt: number) => {
      await takeLeaseStep(governor, s.group.inputOf(epoch, attempt));
      return (await synchroniseStep(governor, s.group.inputOf(epoch, attempt), applier, [])).approvalNeeded;
    };
    expect(await approvalNeeded(3, 2)).toBe(false);
    await s.group.changeRegister((v) => ({ kind: 'set', value: { ...v, epoch: 4, attempt: 1 } }));
    expect(await approvalNeeded(4, 1)).toBe(true);
  });

  test('names the regions that could not be read, and goes on without them', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.log, s.inIreland], sha256);
    s.inIreland.fails = () => 'request';
    expect(await s.synchronise()).toMatchObject({ isComplete: true, applied: 2, loss: [{ unread: ['eu-west-1: eu-west-1 is gone'] }] });
  });

  test('takes in nothing of a copy that was altered, and names it', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.inIreland], sha256);
    const read = s.inIreland.read;
    s.inIreland.read = async (...args) => (await read(...args)).map((segment) => ({ ...segment, records: segment.records.map((r) => ({ ...r, epoch: 9 })) }));
    expect(await s.synchronise()).toMatchObject({ applied: 0, loss: [{ records: 0, newestAtMs: null, newestAgeMs: null, unread: [expect.stringContaining('does not follow')] }] });
  });

  test('repeated applies nothing twice', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.log], sha256);
    await s.synchronise();
    expect(await s.synchronise()).toMatchObject({ isComplete: true, applied: 0, loss: [{ records: 2, newestAtMs: 2000 }] });
  });

  test('that is overtaken mid-way writes nothing more (H8)', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.log], sha256);
    const apply = s.data.apply.bind(s.data);
    s.data.apply = async (...args) => {
      await abandonAttemptStep(s.group.governor(west), s.group.inputOf(2), 'too slow');
      return apply(...args);
    };
    await expect(s.synchronise()).rejects.toMatchObject({ name: 'SupersededError' });
    expect(await s.data.get('k1')).toBeNull();
    await expect(s.synchronise()).rejects.toMatchObject({ name: 'SupersededError' });
  });

  test('in mode approve says that a person is needed', async () => {
    const s = await takenOver();
    const governor = { ...s.group.governor(west), policy: { ...s.group.policy, mode: 'approve' as const } };
    expect(await synchroniseStep(governor, s.group.inputOf(2), s.applier, [])).toMatchObject({ approvalNeeded: true });
  });
});
