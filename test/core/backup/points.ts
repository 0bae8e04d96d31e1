// Points and facts as the tests of core/backup make them: a chain from a short notation.
import type { NamedPoint } from '../../../src/core/backup/chains.ts';
import type { PointFacts } from '../../../src/core/backup/point-facts.ts';
import type { PointType } from '../../../src/core/vault/recovery-point.ts';

export function named(chain: string, type: PointType, atMs: number, change: Partial<NamedPoint> = {}): NamedPoint {
  return { chain, point: `${String(atMs).padStart(6, '0')}-${type}`, type, atMs, isCommitted: true, ...change };
}

/** @param parent whose point it hangs on; null: it stands alone */
export function facts(chain: string, type: PointType, throughMs: number, parent: PointFacts | null, change: Partial<PointFacts> = {}): PointFacts {
  const { point } = named(chain, type, throughMs);
  return {
    chain,
    point,
    type,
    sha256: `hash of ${chain}/${point}`,
    parent: parent === null ? null : { point: parent.point, sha256: parent.sha256 },
    key: 'k',
    createdAtMs: throughMs,
    fromMs: parent?.throughMs ?? throughMs - 10,
    throughMs,
    positions: { east: throughMs },
    cuts: [],
    items: 1,
    bytes: 100,
    table: { kind: 'dynamodb', table: 'orders', keyName: 'id', region: 'east', epoch: 1 },
    ...change,
  };
}
