// The row that says how much of the others' logs had been applied when a region opened: written with the opening, once.
import { describe, expect, test } from 'vitest';
import { cutKey, parseCutRow } from '../../src/core/backup/backup-rows.ts';
import { declareLapse } from '../../src/core/failover/register-changes.ts';
import { openGateStep } from '../../src/operations/open-gate.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { maker } from '../core/fixtures.ts';
import { createGroup, east, west } from './group.ts';

describe('the row CUT', () => {
  const logRow = { table: 'region', pk: 'LOG', sk: east } as const;
  async function takenOver() {
    const group = createGroup();
    await group.open();
    await group.tick(west);
    group.clock.advance(22_000);
    await group.changeRegister((v) => declareLapse(v, v, west, maker({ because: 'the lease lapsed' })));
    await takeLeaseStep(group.governor(west), group.inputOf(2));
    await group.store(west).change({ key: logRow, set: { sequence: 7 }, when: [], mayCreate: true });
    return { group, open: () => openGateStep(group.governor(west), group.inputOf(2)), cut: async () => group.row(west, cutKey(2)) };
  }

  test('says how much of the others was applied when the region opened', async () => {
    const { group, open, cut } = await takenOver();
    await open();
    expect(parseCutRow((await cut()) ?? {})).toEqual({ epoch: 2, region: west, openedAtMs: group.clock.nowMs(), positions: { [east]: 7 } });
    expect(parseCutRow((await group.row(east, cutKey(1))) ?? {})).toMatchObject({ epoch: 1, region: east, positions: { [west]: 0 } });
  });

  test('stays as it is when the step is repeated, also after the fence rows were closed again', async () => {
    const { group, open, cut } = await takenOver();
    await open();
    const before = await cut();
    await group.store(west).change({ key: logRow, set: { sequence: 9 }, when: [], mayCreate: false });
    const fence = await group.fence(west);
    for (const k of [0, 1])
      await group.store(west).change({ key: { table: 'fence', pk: `FENCE#${k}` }, set: { untilAtMs: fence.untilAtMs - 1, closedThroughMs: fence.untilAtMs - 1 }, when: [], mayCreate: false });
    await open();
    expect(await cut()).toEqual(before);
    expect((await group.fence(west)).untilAtMs).toBe(fence.untilAtMs);
  });

  test('an apply between the look and the opening refuses both: neither is there without the other', async () => {
    const { group, open, cut } = await takenOver();
    const store = group.store(west);
    const together = store.changeTogether.bind(store);
    store.changeTogether = async (...args) => {
      store.changeTogether = together;
      await store.change({ key: logRow, set: { sequence: 8 }, when: [], mayCreate: false });
      return together(...args);
    };
    await expect(open()).rejects.toMatchObject({ name: 'StepNotReadyError' });
    expect([await cut(), (await group.fence(west)).untilAtMs]).toEqual([undefined, 0]);
    await open();
    expect(parseCutRow((await cut()) ?? {}).positions).toEqual({ [east]: 8 });
  });
});
