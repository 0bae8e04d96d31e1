// Both registers keep one contract: CASPaxos over three tables, and one row of a strongly consistent table. The latter is one
// memory shared by three regions, which is what such a table promises to be.
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { east, policy } from '../core/fixtures.ts';
import { registerContract } from './register.ts';
import { strongUnderTest, tablesUnderTest } from './registers-under-test.ts';

const rowsOf = (region: string, isEmpty = false) => (isEmpty ? [] : firstRows(policy, region, east));

/** A region's replica: what it is called, and the cell that all replicas are. */
function replica(region: string, cell: RowStore): RowStore {
  return { region, get: (key) => cell.get(key), change: (change) => cell.change(change), changeTogether: (changes, checks) => cell.changeTogether(changes, checks) };
}

registerContract(
  'three tables in memory',
  async (isEmpty) =>
    tablesUnderTest(
      'orders',
      policy.voters.map(({ region }) => new MemoryRowStore(region, rowsOf(region, isEmpty))),
    ),
  { runs: 300, conflicts: false },
);

registerContract(
  'one strongly consistent table in memory',
  async (isEmpty) => {
    const cell = new MemoryRowStore('everywhere', rowsOf(east, isEmpty));
    return strongUnderTest('orders', (region) => replica(region, cell));
  },
  { runs: 300, conflicts: true },
);
