// Both registers over row stores of any driver, with faults on every way from a region to a table.
import { FaultyRowStore } from '../../src/drivers/faulty/faulty-row-store.ts';
import { tablesRegister } from '../../src/operations/tables-register.ts';
import { strongRegister } from '../../src/operations/strong-register.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { policy } from '../core/fixtures.ts';
import type { RegisterUnderTest } from './register.ts';

function underTest() {
  const faults: RegisterUnderTest['faults'] = { faultOf: () => undefined };
  const made: FaultyRowStore[] = [];
  let ids = 0;
  const way = (by: string, to: RowStore) => {
    const store = new FaultyRowStore(to, (call) => faults.faultOf({ ...call, by }));
    made.push(store);
    return store;
  };
  const chance = { id: () => (ids += 1).toString(16).padStart(32, '0') };
  const delivered = async () => void (await Promise.all(made.map(async (s) => s.delivered())));
  return { faults, way, chance, delivered };
}

/** @param acceptors one a region, of tables of their own */
export function tablesUnderTest(group: string, acceptors: readonly RowStore[]): RegisterUnderTest {
  const { faults, way, chance, delivered } = underTest();
  return { faults, delivered, registerOf: (region) => tablesRegister({ group, configId: policy.configId, region, acceptors: acceptors.map((a) => way(region, a)), chance }) };
}

/** @param replicaOf each region's way to the one table */
export function strongUnderTest(group: string, replicaOf: (region: string) => RowStore): RegisterUnderTest {
  const { faults, way, chance, delivered } = underTest();
  return { faults, delivered, registerOf: (region) => strongRegister({ group, region, replicas: [way(region, replicaOf(region))], chance }) };
}
