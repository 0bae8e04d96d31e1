// What a good journal is made of, for the tests of the verdicts.
import type { AcknowledgedWrite } from './journal.ts';

export const write = (n: number, atMs: number, region: string, epoch: number): AcknowledgedWrite => ({
  kind: 'write',
  outcome: 'acknowledged',
  id: `obs-0000000a-${String(n).padStart(7, '0')}`,
  text: `words of ${n}`,
  address: '127.0.0.11',
  sentAtMs: atMs - 10,
  answeredAtMs: atMs,
  status: 200,
  region,
  epoch,
});
