// Recovery points, and what a backup or a restore measured, as text for a person.
import type { PointsPicture, StartedRun } from '../client/backup-client.ts';
import { fieldOf } from '../core/failover/event-field.ts';
import { time } from '../core/backup/moment.ts';
import type { ChainPicture } from '../operations/list-points.ts';
import { textTable } from './text-table.ts';
import { sizeOf, timeOf } from './vault-progress.ts';

/** Longer lists are in `--json`. */
const pointsShown = 10;

export function renderPoints({ vault, source, sites, chains, points, silent, plan }: PointsPicture): string {
  const uncommitted = points.filter((p) => !p.isCommitted);
  const parts = [
    [
      `${source}: ${points.length} recovery points in ${chains.length} chains; vault ${vault} in ${sites.join(', ')}`,
      ...silent.map((s) => `  ${s.region} was not asked how far its log is quiet (${s.because}): more may be covered than is shown`),
    ].join('\n'),
    plan === null
      ? ''
      : `${time(plan.atMs)} is covered: a restore takes ${plan.chain}/${plan.base.point}${plan.deltas.length === 0 ? '' : ` and ${plan.deltas.length} points after it, the last ${plan.deltas.at(-1)?.point}`}, in ${plan.shards.length} parts`,
    chains.length === 0 ? "There is no recovery point yet: 'holdfast backup --type full' makes one" : textTable(['chain', 'covers from', 'through', 'points', ''], chains.map(chainRow)),
    textTable(
      ['newest points', 'of', 'type', ''],
      points
        .slice(-pointsShown)
        .toReversed()
        .map((p) => [`${p.chain}/${p.point}`, time(p.atMs), p.type, p.isCommitted ? '' : `NOT COMMITTED: in ${p.sites.join(', ') || 'no site'} only`]),
    ),
    uncommitted.length === 0 ? '' : `${uncommitted.length} points are not committed: a majority of the sites does not have them, so that nothing relies on them`,
  ];
  return parts
    .filter((part) => part !== '')
    .map((part) => `${part}\n`)
    .join('\n');
}

function chainRow({ chain, base, count, covered, because }: ChainPicture): string[] {
  const counts = Object.entries(count)
    .map(([type, n]) => `${n} ${type}`)
    .join(', ');
  return [
    chain,
    covered === null ? '-' : time(covered.fromMs),
    covered === null ? '-' : time(covered.throughMs),
    counts,
    base === null ? 'ITS FULL BACKUP IS MISSING: nothing of it can be restored' : (because ?? ''),
  ];
}

/** What the machine gave at its end: of a backup the point, of a restore the report. */
export function renderRun({ machine, name, region }: StartedRun, output: unknown, seconds: number): string {
  const head = `${name} in ${region} ended well after ${seconds} s`;
  if (machine === 'restore') return `${head}\n${typeof fieldOf(output, 'isPassed') === 'boolean' ? renderTest(output) : renderReport(output)}`;
  const [chain, point, readFrom] = ['chain', 'point', 'readFrom'].map((field) => text(output, field));
  if (fieldOf(output, 'acts') === false) return `${head}, and did nothing: ${text(output, 'because')}\n`;
  return [
    head,
    `  point   ${chain}/${point} (${text(output, 'type')}: ${text(output, 'because')})`,
    `  holds   ${text(output, 'items')} lines, ${size(output, 'bytes')}; ${size(output, 'storedBytes')} stored in each site`,
    `  through ${moment(output, 'throughMs')}`,
    `  read back whole from ${readFrom}`,
    '',
  ].join('\n');
}

function renderReport(report: unknown): string {
  const issues = fieldOf(report, 'issues');
  const inPlace = fieldOf(report, 'inPlace');
  const lines = [
    ...(inPlace === undefined ? besideLines(report) : inPlaceLines(report, inPlace)),
    `  RTO ${span(report, 'rtoMs')} (planned → compared), RPO at most ${span(report, 'rpoMs')} (newest record restored → moment asked for)`,
    ...(Array.isArray(issues) ? issues : []).flatMap((issue: unknown) => [`  ${text(issue, 'severity').toUpperCase()}: ${text(issue, 'what')} ${text(issue, 'impact')} ${text(issue, 'remedy')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function renderTest(summary: unknown): string {
  const sites = fieldOf(summary, 'sites');
  const evidence = fieldOf(summary, 'evidence');
  const lines = [
    `  restore test ${text(summary, 'id')} ${fieldOf(summary, 'isPassed') === true ? 'PASSED' : 'FAILED'}: ${moment(summary, 'atMs')} restored, compared and dropped again: ${text(summary, 'items')} items, ${size(summary, 'bytes')}`,
    `  RTO ${span(summary, 'rtoMs')} (drawn → compared), RPO ${span(summary, 'rpoMs')} (newest moment that could be restored → begin of the test)`,
    ...(fieldOf(summary, 'skipped') === 0 ? [] : [`  ${text(summary, 'skipped')} moments were drawn before that cannot be restored: the evidence says why`]),
    ...(fieldOf(summary, 'uncovered') === 0 ? [] : [`  of ${text(summary, 'uncovered')} chains nothing can be restored: 'holdfast points' says why`]),
    `  evidence ${typeof evidence === 'string' ? `${evidence}, locked, in ${Array.isArray(sites) ? sites.map(String).join(', ') : 'unknown sites'}` : 'not kept'}`,
  ];
  return `${lines.join('\n')}\n`;
}

function besideLines(report: unknown): string[] {
  return [
    `  restored ${moment(report, 'atMs')} into ${text(report, 'table')}: ${text(report, 'items')} items, ${size(report, 'bytes')} (${text(report, 'selected')})`,
    `  ${fieldOf(report, 'isIdentical') === true ? 'IDENTICAL to what the vault holds' : 'NOT IDENTICAL to what the vault holds'}, sum ${text(report, 'sum')}`,
  ];
}

function inPlaceLines(report: unknown, inPlace: unknown): string[] {
  const [snapshot, shown] = [fieldOf(inPlace, 'snapshot'), fieldOf(inPlace, 'conflictsShown')];
  return [
    `  restored ${moment(report, 'atMs')} in place in ${text(report, 'table')} (${text(report, 'selected')}): ${text(inPlace, 'set')} set, ${text(report, 'removed')} removed, ${text(inPlace, 'unchanged')} as they were`,
    `  ${text(inPlace, 'conflicts')} in conflict, left as the service wrote them`,
    ...(Array.isArray(shown) ? shown : []).map((conflict: unknown) => `    ${text(conflict, 'key')}: ${text(conflict, 'because')}`),
    `  snapshot ${text(snapshot, 'chain')}/${text(snapshot, 'point')}; undo: holdfast restore --undo ${text(report, 'id')}`,
  ];
}

function text(from: unknown, name: string): string {
  const value = fieldOf(from, name);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown';
}

function size(from: unknown, name: string): string {
  const value = fieldOf(from, name);
  return typeof value === 'number' ? sizeOf(value) : 'an unknown size';
}

function moment(from: unknown, name: string): string {
  const value = fieldOf(from, name);
  return typeof value === 'number' ? time(value) : 'an unknown moment';
}

function span(from: unknown, name: string): string {
  const value = fieldOf(from, name);
  if (typeof value !== 'number') return 'unknown';
  return value < 60_000 ? `${Math.round(value / 100) / 10} s` : timeOf(value / 1000);
}
