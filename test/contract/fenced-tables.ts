// What the contracts of the fenced clients run on: a data table, Holdfast's rows beside it, and an epoch that is open.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect } from 'vitest';
import { openFence, openLease, raiseFence, raiseLease } from '../../src/core/lease/lease-rows.ts';
import type { RowChange } from '../../src/core/rows/row.ts';
import type { EpochSettings } from '../../src/workload/with-epoch.ts';

export type FencedTables = {
  /** A new client of the data table, not fenced yet. */
  readonly client: () => DynamoDBClient;
  readonly settings: EpochSettings;
  readonly region: string;
  /** Holdfast's own changes; the rows stand already. @returns whether it was made */
  readonly change: (change: RowChange) => Promise<boolean>;
};

/** Each test works in an epoch of its own: epochs only rise. */
let lastEpoch = 10;

export function shardsOf({ settings }: FencedTables): number[] {
  return Array.from({ length: settings.fenceShards }, (_, k) => k);
}

export async function openNextEpoch(tables: FencedTables): Promise<{ readonly epoch: number; readonly untilAtMs: number }> {
  lastEpoch += 1;
  const epoch = lastEpoch;
  const untilAtMs = Date.now() + 60_000;
  const { change } = tables;
  await Promise.all(shardsOf(tables).map(async (k) => change(raiseFence(k, epoch))));
  await change(raiseLease(epoch, untilAtMs));
  await Promise.all(shardsOf(tables).map(async (k) => change(openFence(k, epoch, untilAtMs))));
  expect(await change(openLease(epoch))).toBe(true);
  return { epoch, untilAtMs };
}
