// What an opened recovery point of a table says of itself, as plain data: what decides which of them a restore takes.
import { DamagedError } from '../vault/vault-errors.ts';
import type { Cut, LogPositions, PointBody, PointHeader, PointName, PointType } from '../vault/recovery-point.ts';
import { isCount, isText } from './payload.ts';

export type PointFacts = PointName & {
  readonly type: PointType;
  readonly sha256: string;
  readonly parent: { readonly point: string; readonly sha256: string } | null;
  readonly key: string;
  readonly createdAtMs: number;
  readonly fromMs: number;
  readonly throughMs: number;
  readonly positions: LogPositions;
  readonly cuts: readonly Cut[];
  /** Lines and their bytes. */
  readonly items: number;
  readonly bytes: number;
  readonly table: TableFacts;
};

/** Body field `source` of a table's point. */
export type TableFacts = {
  readonly kind: 'dynamodb';
  readonly table: string;
  readonly keyName: string;
  /** Where it was made, and in which epoch. */
  readonly region: string;
  readonly epoch: number;
  /** The attribute by whose persons its items are sealed; absent: none is. */
  readonly sealedBy?: string;
};

/** @throws DamagedError when it is no point of a table. */
export function factsOf(header: PointHeader, body: PointBody, sha256: string): PointFacts {
  const { kind, table, keyName, region, epoch, sealedBy } = body.source;
  if (kind !== 'dynamodb' || !isText(table) || !isText(keyName) || !isText(region) || !isCount(epoch) || body.positions === undefined || (body.digest === null && body.entries.count > 0))
    throw new DamagedError(`Point ${header.chain}/${header.point} is no point of a table (kind ${kind}): restore it with 'holdfast vault restore', or name another one.`);
  return {
    chain: header.chain,
    point: header.point,
    type: header.type,
    sha256,
    parent: header.parent,
    key: header.key,
    createdAtMs: header.createdAtMs,
    fromMs: body.fromMs,
    throughMs: body.throughMs,
    positions: body.positions,
    cuts: body.cuts ?? [],
    // A point for which nothing was logged has no parts, and no digest.
    items: body.digest?.items ?? 0,
    bytes: body.digest?.bytes ?? 0,
    table: { kind, table, keyName, region, epoch, ...(isText(sealedBy) ? { sealedBy } : {}) },
  };
}

/** A span of quiet that no point was written for, as `region` saw it: through `throughMs`, nothing was logged beyond `positions`, whatever chain ends there. */
export type Quiet = { readonly region: string; readonly positions: LogPositions; readonly throughMs: number };
