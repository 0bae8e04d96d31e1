// The group's picture as text for a person in a hurry: who is active first, then what is wrong, then the rest.
import { fieldOf, describeFailure } from '../core/failover/event-field.ts';
import type { GroupStatus, HealthStatus, LastFailover } from '../client/group-status.ts';
import type { DivergenceItem, RegionStatus } from '../client/region-status.ts';
import { readFailure } from '../client/runbook-runs.ts';
import { renderFences } from './fences.ts';
import { renderIntegrity } from './render-integrity.ts';
import { renderRefused } from './switch.ts';
import { textTable } from './text-table.ts';

/** Longer lists are in `--json`. */
const divergenceShown = 10;
const transitionsShown = 3;
const itemCharactersMax = 120;

export function renderStatus(status: GroupStatus): string {
  return [
    head(status),
    approval(status),
    regions(status),
    health(status),
    lag(status),
    last(status),
    lastSwitch(status),
    fencesOf(status),
    backups(status),
    restoreTests(status),
    renderIntegrity(status.regions),
    divergence(status),
    history(status),
  ]
    .filter((part) => part !== '')
    .map((part) => `${part}\n`)
    .join('\n');
}

function head({ group, mode, isFenced, value, register, leaseLeftSeconds }: GroupStatus): string {
  const title = `${group}: mode ${mode}, writes ${isFenced ? 'fenced' : 'not fenced'}`;
  if (value === null) return `${title}\nNO REGION ANSWERED, so nothing is known.`;
  const left = leaseLeftSeconds === null ? 'its lease row is not known' : leaseLeftSeconds > 0 ? `${leaseLeftSeconds} s left` : `over since ${-leaseLeftSeconds} s`;
  const holding = value.released ? `${value.holder} has released epoch ${value.epoch}` : `${value.holder} holds epoch ${value.epoch} (${left}${value.renewable ? '' : ', revoked'})`;
  const lines = [
    `${title}, state ${value.state.toUpperCase()}`,
    `lease      ${holding}`,
    ...(value.execution === null ? [] : [underWay(value, value.execution)]),
    ...(value.paused === null ? [] : [`PAUSED     by ${value.paused.by}: ${value.paused.reason}; nothing fails over until 'holdfast resume'`]),
    `because    ${value.because}`,
    `register   ${register.answered.length} of ${register.answered.length + register.silent.length} acceptors answered${certainty(register)}`,
  ];
  return lines.join('\n');
}

function underWay({ planned, released, renewable, holder, successor, attemptsSpent }: NonNullable<GroupStatus['value']>, execution: string): string {
  const to = `${execution} to ${successor ?? holder}`;
  if (planned !== true) return `failover   ${to}, ${attemptsSpent} attempts so far`;
  return `switch     ${to}, ${renewable ? 'it opens' : released ? `${holder} has handed over` : `${holder} hands over`}`;
}

function certainty({ certainty: kind, silent, behind, notMoved, voters, nextVoters }: GroupStatus['register']): string {
  const notes = [
    ...(voters.number > 0 ? [`voter set ${voters.number}: ${voters.regions.join(', ')}`] : []),
    ...(nextVoters === null ? [] : [`next voters, not in force yet: ${nextVoters.join(', ')}`]),
    ...(notMoved.length > 0 ? [`in an older voter set still: ${notMoved.join(', ')}`] : []),
    ...(silent.length > 0 ? [`silent: ${silent.join(', ')}`] : []),
    ...(behind.length > 0 ? [`behind: ${behind.join(', ')}`] : []),
    ...(kind === 'minority' ? ['NO QUORUM: what is shown may be old, and nothing can be changed'] : []),
    ...(kind === 'newest' ? ['a change is in progress: what is shown may not be chosen'] : []),
  ];
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`;
}

function approval({ approval: waiting }: GroupStatus): string {
  if (waiting === null) return '';
  return `APPROVAL NEEDED  fo-${waiting.epoch}-${waiting.attempt} in ${waiting.region} waits since ${waiting.askedSecondsAgo} s: 'holdfast approve', or 'holdfast approve --deny --reason …'\n${renderLoss(waiting.loss).trimEnd()}`;
}

/** What a failover's target knows of what it may lack, a line an origin. */
export function renderLoss(loss: unknown): string {
  if (!Array.isArray(loss) || loss.length === 0) return '  nothing is known of the loss\n';
  return loss
    .map((one: unknown) => {
      const [age, unread] = [fieldOf(one, 'newestAgeMs'), fieldOf(one, 'unread')];
      const newest =
        typeof age === 'number'
          ? `the newest change that is here was ${(age / 1000).toFixed(1)} s old; what ${String(fieldOf(one, 'origin'))} accepted after it is not here`
          : 'no change of it was ever received';
      const missing = Array.isArray(unread) && unread.length > 0 ? `; could not be asked: ${unread.map(String).join(', ')}` : '';
      return `  from ${String(fieldOf(one, 'origin'))}: ${newest} (${String(fieldOf(one, 'records'))} changes in all${missing})\n`;
    })
    .join('');
}

function regions({ regions: all, value }: GroupStatus): string {
  return textTable(
    ['region', 'role', 'gate', 'epoch', 'lease left', 'last tick', ''],
    all.map((region) => {
      const notes = [...notesOf(region), ...(value?.regions[region.region]?.reconciled === false ? ['NOT RECONCILED: it may not take over'] : [])];
      if (!region.isReachable) return [region.region, region.role, 'unreachable', '', '', '', notes.join('; ')];
      const { lease } = region;
      return [
        region.region,
        region.role,
        region.role === 'witness' ? '-' : (lease?.gate ?? 'unknown'),
        region.role === 'witness' ? '-' : String(lease?.epoch ?? 'unknown'),
        lease === null ? (region.role === 'witness' ? '-' : 'unknown') : lease.leftSeconds > 0 ? `${lease.leftSeconds} s` : 'over',
        region.lastTickSecondsAgo === null ? 'never' : `${region.lastTickSecondsAgo} s ago`,
        notes.join('; '),
      ];
    }),
  );
}

function notesOf({ problems, runbook, shadow, role }: RegionStatus): string[] {
  return [
    ...problems,
    ...(role === 'candidate' && runbook !== null ? [`runbook ${runbook.execution} at ${runbook.step}`] : []),
    ...(shadow === null ? [] : [`would have: ${String(fieldOf(shadow.decision, 'kind'))} (${String(fieldOf(shadow.decision, 'because'))}) ${shadow.secondsAgo} s ago`]),
  ];
}

function health({ health: all }: GroupStatus): string {
  return textTable(
    ['health', 'seen from', 'liveness', 'readiness', 'score', 'latency', ''],
    all.flatMap((candidate: HealthStatus) => [
      [candidate.region, 'majority', candidate.liveness.kind, candidate.readiness.kind, '', '', ''],
      ...candidate.seenFrom.map((v) => [
        '',
        v.region,
        v.liveness,
        v.readiness,
        v.score.toFixed(2),
        v.latencyMs === null ? '-' : `${Math.round(v.latencyMs)} ms`,
        v.isStale ? 'stale: it counts for nobody' : v.because,
      ]),
    ]),
  );
}

function lag({ regions: all }: GroupStatus): string {
  const rows = all
    .filter((r) => r.isReachable)
    .flatMap((r) =>
      r.lag.map((l) => [
        r.region,
        l.origin,
        r.role === 'witness' ? '-' : known(l.notAppliedItems, ' items'),
        r.role === 'witness' ? '-' : known(l.notAppliedSeconds, ' s'),
        known(l.notReceivedItems, ' items'),
      ]),
    );
  return textTable(['lag of', 'behind', 'not applied', 'oldest', 'not received'], rows);
}

function known(value: number | null, unit: string): string {
  return value === null ? 'unknown' : `${value}${unit}`;
}

function last({ lastFailover }: GroupStatus): string {
  if (lastFailover === null) return '';
  const { execution, target, decidedBy, decidedBecause, isValidated, takenToOpenedSeconds, openedToDnsSeconds, appliedItems, loss, failure, dnsFailure }: LastFailover = lastFailover;
  return [
    `last failover  ${execution} to ${target}, ${isValidated ? 'validated' : 'NOT VALIDATED'}; decided by ${decidedBy}: ${decidedBecause}`,
    `  lease taken → opened ${known(takenToOpenedSeconds, ' s')}, opened → DNS answers with it ${known(openedToDnsSeconds, ' s')}, changes applied meanwhile ${known(appliedItems, '')}`,
    ...(loss === null ? [] : [renderLoss(loss).trimEnd()]),
    ...[failure, dnsFailure].filter((f) => f !== null).map((f) => `  ${describeFailure(f)}`),
  ].join('\n');
}

function lastSwitch({ lastSwitch: found }: GroupStatus): string {
  if (found === null) return '';
  const { name, from, to, by, reason, outcome, because } = found;
  return `last switch  ${name} from ${from} to ${to}, ${outcome.toUpperCase()}; asked for by ${by}: ${reason}\n  ${because}; ${renderRefused(found)}`;
}

function backups({ regions: all }: GroupStatus): string {
  const rows = all.flatMap(({ region, backups: of }) => {
    if (of === null) return [];
    const { lastBackup, archive, lastRestore, begunRestore } = of;
    const made =
      lastBackup === null
        ? 'none made here'
        : `${lastBackup.type} ${lastBackup.committedSecondsAgo} s ago (${lastBackup.items} lines in ${lastBackup.tookSeconds} s), ${lastBackup.isReadBack ? 'read back' : 'NOT READ BACK'}`;
    const tried =
      lastRestore === null
        ? 'none'
        : `${lastRestore.reportedSecondsAgo} s ago into ${lastRestore.table}: ${lastRestore.items} items, ${lastRestore.isIdentical ? 'identical' : 'NOT IDENTICAL'}, RTO ${lastRestore.rtoSeconds} s, RPO ≤ ${known(lastRestore.rpoSeconds, ' s')}`;
    const begun = begunRestore === null ? '' : `; begun ${begunRestore.secondsAgo} s ago into ${begunRestore.table}, not ended or failed`;
    return [[region, archive === null ? 'never' : `through ${iso(archive.throughMs)}`, made, `${tried}${begun}`]];
  });
  return textTable(['backups of', 'log archived', 'last backup', 'last restore'], rows);
}

/** No figure without a test. */
function restoreTests({ regions: all, restoreTests: tested }: GroupStatus): string {
  if (all.every((region) => region.backups === null)) return '';
  const unread = all.filter((region) => region.role === 'candidate' && (region.backups?.restoreTests ?? null) === null).map((region) => region.region);
  const gap = unread.length === 0 ? '' : ` (not read: ${unread.join(', ')})`;
  if (tested === null) return `restore tests  ${unread.length === 0 ? 'not tested yet' : `none is known${gap}`}: RTO and RPO are not known; 'holdfast restore --test' makes one`;
  const { last: newest, median } = tested;
  const measured = `RTO ${known(seconds(newest.rtoMs), ' s')}, RPO ${known(seconds(newest.rpoMs), ' s')}`;
  return [
    `restore tests  ${newest.isPassed ? 'last one passed' : 'LAST ONE FAILED'}, begun ${iso(newest.startedAtMs)} in ${newest.region} by ${newest.by}: ${measured}${newest.items === null ? '' : `, ${newest.items} items`}${gap}`,
    ...(newest.failure === null ? [] : [`  ${said(newest.failure)}`]),
    median === null ? '  none has passed yet' : `  median of the last ${median.of} that passed: RTO ${known(seconds(median.rtoMs), ' s')}, RPO ${known(seconds(median.rpoMs), ' s')}`,
    `  evidence ${newest.evidence ?? 'not kept: there was no vault yet'}`,
  ].join('\n');
}

/** The sentence of the function that failed, without what Lambda puts around it. */
function said(failure: object): string {
  const { step, error, message } = readFailure('failed', JSON.stringify(failure));
  return `${step} failed with ${error}: ${message}`;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms / 100) / 10;
}

/** Of regions that are not reconciled: what was signed off is no news. */
function divergence({ regions: all, value }: GroupStatus): string {
  return all
    .filter((r) => r.divergence.items.length > 0)
    .map(({ region, divergence: { items, isComplete } }) => {
      const open = items.filter(({ origin }) => value?.regions[origin]?.reconciled !== true);
      const signedOff = items.length - open.length;
      const more =
        open.length > divergenceShown || !isComplete ? [`  … ${isComplete ? `${open.length} in all` : `more than ${open.length}`}; 'holdfast divergence list' shows which are not decided`] : [];
      return [
        ...(open.length === 0
          ? []
          : [`DIVERGENCE in ${region}: ${isComplete ? open.length : `more than ${open.length}`} writes of an epoch that was over; none was applied. 'holdfast divergence' decides`]),
        ...open.slice(0, divergenceShown).map(divergent),
        ...more,
        ...(signedOff === 0 ? [] : [`late writes kept in ${region}, of regions that are signed off: ${isComplete ? signedOff : `${signedOff} or more`}`]),
      ].join('\n');
    })
    .join('\n');
}

function divergent(item: DivergenceItem): string {
  return [
    `  ${item.key}  written in ${item.origin}, epoch ${item.epoch}, at ${item.theirsAtMs > 0 ? iso(item.theirsAtMs) : 'an unknown time'}; found at ${iso(item.foundAtMs)}`,
    `    theirs  ${item.theirs === null ? 'deleted' : short(item.theirs)}`,
    `    ours    ${item.ours === null ? 'none' : short(item.ours)}`,
  ].join('\n');
}

/** Each outcome, whatever it was; those that are undone are in 'holdfast fences'. */
function fencesOf({ regions: all }: GroupStatus): string {
  const run = all.flatMap((at) => at.fences.map((fence) => ({ ...fence, runBy: at.region })));
  return run.length === 0 ? '' : renderFences({ fences: run, silent: [] }).trimEnd();
}

function history({ value }: GroupStatus): string {
  if (value === null || value.transitions.length === 0) return '';
  return [
    'latest transitions',
    ...value.transitions
      .slice(-transitionsShown)
      .toReversed()
      .map((t) => `  ${iso(t.atMs)}  ${t.from} → ${t.to}  epoch ${t.epoch}, by ${t.by}: ${t.because}`),
  ].join('\n');
}

function iso(atMs: number): string {
  return Number.isFinite(atMs) ? new Date(atMs).toISOString() : 'an unknown time';
}

function short(item: unknown): string {
  const text = JSON.stringify(item);
  return text.length <= itemCharactersMax ? text : `${text.slice(0, itemCharactersMax)}…`;
}
