// PlanRestore: which points, to which moment, into what; or a refusal that says what is covered. Nothing is changed here.
import { chainsOf, deltasToOpen, parentIn, standsAlone, type Chain, type NamedPoint } from '../core/backup/chains.ts';
import { coverageOf, notCovered, pathTo, selectPath, type Covered, type Path } from '../core/backup/coverage.ts';
import type { PointFacts, Quiet } from '../core/backup/point-facts.ts';
import { shardsFor, whyNotInto, type RestorePlan, type RestoreRequest } from '../core/backup/restore-plan.ts';
import { whyNotTestTarget, type TestDraw } from '../core/backup/restore-test.ts';
import { mergeCuts } from '../core/backup/state-at.ts';
import { RefusedError } from '../core/errors.ts';
import type { Cut, PointName } from '../core/vault/recovery-point.ts';
import { NotCoveredError } from '../core/vault/vault-errors.ts';
import { TablePoints } from './backup-facts.ts';
import type { BackupPorts } from './backup-ports.ts';

/** Chains that are looked at, newest first: the first one that was begun later, and those before it. The refusal says what they cover. */
const chainsMax = 12;

type Chosen = Omit<Path, 'kind'> & { readonly atMs: number; readonly isExact: boolean; readonly coveredFromMs: number };

/** `clock`: only to say when it was planned. */
export type PlanningPorts = Pick<BackupPorts, 'settings' | 'digest' | 'cuts' | 'quiet'> & { readonly clock: Pick<BackupPorts['clock'], 'nowMs'> };

/** @param as what it is beside a restore into another table: in place, judged by restore-in-place.ts, in that epoch; or a test, drawn by restore-test.ts */
export async function planRestore(
  ports: PlanningPorts,
  points: TablePoints,
  request: RestoreRequest,
  { epoch = null, draw = null }: { readonly epoch?: number | null; readonly draw?: TestDraw | null } = {},
): Promise<RestorePlan> {
  const { settings, clock } = ports;
  if (request.group !== settings.group) throw new RefusedError(`A restore of group ${request.group} was started in a region of group ${settings.group}: start it there. Nothing was done.`);
  const refusal = epoch === null ? (whyNotInto(request.into.table, settings.table) ?? whyNotTestTarget(request.into.table, settings.table, draw)) : null;
  if (refusal !== null) throw new RefusedError(`The restore into ${request.into.table} was refused: ${refusal}. Nothing was changed.`);
  const startedAtMs = Math.round(clock.nowMs());
  const [quiet, cuts] = await Promise.all([ports.quiet(), ports.cuts()]);
  const chains = chainsOf(await points.list());
  const chosen = request.point === null ? await reach(points, chains, request.atMs ?? 0, quiet, cuts) : await reachPoint(points, chains, request.point, quiet, cuts);
  const { base, deltas } = chosen;
  const lines = (of: readonly PointFacts[]) => of.reduce((sum, p) => sum + p.bytes, 0);
  const shards = shardsFor(lines([base]), lines(deltas));
  return {
    id: `${startedAtMs}-${ports.digest(JSON.stringify([request, base.point, startedAtMs])).slice(0, 16)}`,
    group: settings.group,
    by: request.by,
    source: settings.source,
    table: base.table.table,
    keyName: base.table.keyName,
    atMs: chosen.atMs,
    isExact: chosen.isExact,
    chain: base.chain,
    base: { point: base.point, sha256: base.sha256 },
    deltas: deltas.map(({ point, sha256 }) => ({ point, sha256 })),
    key: base.key,
    cuts: chosen.cuts,
    shards: Array.from({ length: shards }, (_, id) => ({ id })),
    into: request.into,
    epoch,
    select: request.select,
    startedAtMs,
    coveredFromMs: chosen.coveredFromMs,
    coveredThroughMs: chosen.throughMs,
    test: draw === null ? null : { ...draw, ...expectedItems(base, deltas) },
  };
}

/** From the manifests alone, whatever a restore makes of the points: each record adds or removes one item at most. */
function expectedItems(base: PointFacts, deltas: readonly PointFacts[]): { readonly itemsLeast: number; readonly itemsMost: number } {
  const records = deltas.reduce((sum, p) => sum + p.items, 0);
  return { itemsLeast: Math.max(0, base.items - records), itemsMost: base.items + records };
}

/** The newest full backup from which the state at `atMs` can be made. @throws NotCoveredError */
async function reach(points: TablePoints, chains: readonly Chain[], atMs: number, quiet: readonly Quiet[], cuts: readonly Cut[]): Promise<Chosen> {
  const because: string[] = [];
  const covered: Covered[] = [];
  const firstBegun = chains.findIndex((chain) => chain.base !== null && chain.base.atMs <= atMs);
  const from = Math.max(0, (firstBegun === -1 ? chains.length : firstBegun) - 1);
  for (const chain of chains.slice(from, from + chainsMax)) {
    if (chain.base === null) {
      because.push(`${chain.chain}: its full backup is missing`);
      continue;
    }
    const facts = await opened(points, chain, atMs, because);
    const path = selectPath(facts, atMs, quiet, cuts);
    if (path.kind === 'path') return { ...(await toTheEnd(points, chain, path)), atMs, isExact: true, coveredFromMs: path.base.throughMs };
    because.push(`${chain.chain}: ${path.because}`);
    const span = coverageOf([...facts, ...(await lastLine(points, chain, because))], quiet);
    if (span !== null) covered.push(span);
  }
  throw notCovered(atMs, covered, because);
}

/**
 * The same path, gone on to the end of its chain. What a lost region had not shipped arrives when it returns, in a point that was made long after the
 * moment: records are judged by their own times, so reading on adds only what belongs there.
 */
async function toTheEnd(points: TablePoints, chain: Chain, path: Path): Promise<Path> {
  const line = await lastLine(points, chain, []);
  const tip = line.find((p) => p.point === parentIn(chain, 'log')?.point);
  const way = tip === undefined ? undefined : pathTo(line, tip);
  if (way?.kind !== 'whole' || way.points[0]?.point !== path.base.point) return path;
  return { ...path, deltas: way.points.slice(1), cuts: mergeCuts(path.cuts, ...way.points.map((p) => p.cuts)) };
}

/** A point that cannot be opened is left out and named: another line may do without it. */
async function opened(points: TablePoints, chain: Chain, atMs: number, because: string[]): Promise<PointFacts[]> {
  const names = [...(chain.base === null ? [] : [chain.base]), ...deltasToOpen(chain, atMs)];
  return openable(points, names, because);
}

async function openable(points: TablePoints, names: readonly NamedPoint[], because: string[]): Promise<PointFacts[]> {
  try {
    return await points.allFacts(names);
  } catch {
    const facts: PointFacts[] = [];
    for (const name of names) {
      try {
        facts.push(await points.facts(name));
      } catch (error) {
        because.push(`${name.point}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return facts;
  }
}

/** To say how far a chain reaches, its end is opened as well. */
async function lastLine(points: TablePoints, chain: Chain, because: string[]): Promise<PointFacts[]> {
  const tip = parentIn(chain, 'log');
  if (tip === null) return [];
  try {
    return await points.line(tip);
  } catch (error) {
    because.push(`${tip.point}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/**
 * A named point: the state at its end. A full backup that no log covers is restored as it was scanned, and the report says so.
 * @throws NotCoveredError
 */
async function reachPoint(points: TablePoints, chains: readonly Chain[], name: PointName, quiet: readonly Quiet[], known: readonly Cut[]): Promise<Chosen> {
  const chain = chains.find((c) => c.chain === name.chain);
  const named = [...(chain?.base === null || chain === undefined ? [] : [chain.base]), ...(chain?.deltas ?? [])].find((p) => p.point === name.point);
  if (chain === undefined || named === undefined)
    throw new NotCoveredError(`There is no point ${name.chain}/${name.point} in a majority of the sites: 'holdfast points' lists those that are. Nothing was changed.`);
  const facts = await points.facts(named);
  const because: string[] = [];
  const atMs = facts.throughMs;
  const all = standsAlone(facts.type) ? await opened(points, chain, atMs, because) : await points.line(named);
  const path = selectPath(all, atMs, quiet, known);
  if (path.kind === 'path') return { ...path, atMs, isExact: true, coveredFromMs: path.base.throughMs };
  if (!standsAlone(facts.type)) throw notCovered(atMs, [], [path.because, ...because]);
  return { base: facts, deltas: [], cuts: mergeCuts(facts.cuts, known), throughMs: facts.throughMs, atMs, isExact: false, coveredFromMs: facts.fromMs };
}
