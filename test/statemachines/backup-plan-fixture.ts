// A plan as PlanBackup gives it, of a full backup.
export const sum = '0'.repeat(64);

export const backupPlan = {
  acts: true,
  because: 'anna',
  group: 'orders',
  source: 'orders',
  region: 'us-east-1',
  epoch: 1,
  chain: 'orders.20261128T000000Z.00000000',
  point: '20261128T000000000Z-full-0000000000000000',
  type: 'full',
  parent: null,
  key: '0000000000000000',
  class: 'daily',
  lockedUntilMs: null,
  startedAtMs: 1,
  fromMs: 1,
  throughMs: null,
  pieces: [{ id: 'items/0/1' }],
  since: null,
  until: { 'us-east-1': 0 },
  cuts: [],
};
