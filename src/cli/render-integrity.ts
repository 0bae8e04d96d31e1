// The vault's health as a few lines: of several regions that looked, the one that looked last.
import type { IntegrityStatus } from '../client/integrity-status.ts';
import type { RegionStatus } from '../client/region-status.ts';

/** Longer lists are in `--json`. */
const shown = 5;
/** A check that runs each quarter of an hour and was not seen for so long has stopped itself. */
const checkStaleSeconds = 45 * 60;

export function renderIntegrity(regions: readonly Pick<RegionStatus, 'region' | 'integrity'>[]): string {
  const known = regions.flatMap(({ region, integrity }) => (integrity === null ? [] : [{ region, integrity }]));
  if (known.length === 0) return '';
  const scrub = newest(
    known.flatMap(({ integrity }) => integrity.scrub ?? []),
    (each) => each.steppedSecondsAgo,
  );
  const comparison = newest(
    known.flatMap(({ integrity }) => integrity.comparison ?? []),
    (each) => each.secondsAgo,
  );
  return [`vault      ${health(scrub, comparison)}; ${scrubbed(scrub)}; ${compared(comparison)}`, ...standing(scrub), ...differing(comparison), ...overdue(known)].join('\n');
}

type Scrub = NonNullable<IntegrityStatus['scrub']>;
type Comparison = NonNullable<IntegrityStatus['comparison']>;

function health(scrub: Scrub | undefined, comparison: Comparison | undefined): string {
  if (scrub === undefined) return 'NOT SCRUBBED YET';
  const differ = comparison !== undefined && comparison.count > 0;
  return scrub.health === 'healthy' ? (differ ? 'healthy by the scrub, but SITES DIFFER' : 'healthy') : `${scrub.health.toUpperCase()}, ${scrub.standingCount} violations stand`;
}

function scrubbed(scrub: Scrub | undefined): string {
  if (scrub === undefined) return 'no round was begun';
  const at = `share ${scrub.share + 1} of ${scrub.ofShares} is next`;
  const { lastRound } = scrub;
  if (lastRound === null) return `its first round is under way, ${at}`;
  const silent = lastRound.silent.length === 0 ? '' : `, WITHOUT ${lastRound.silent.join(', ')}, which did not answer`;
  return `last read whole ${ago(lastRound.endedSecondsAgo)} (${lastRound.objects} objects, ${lastRound.repaired} repaired${silent}), ${at}`;
}

function compared(comparison: Comparison | undefined): string {
  if (comparison === undefined) return 'sites never compared';
  const silent = comparison.silent.length === 0 ? '' : `, without ${comparison.silent.join(', ')}`;
  return `sites compared ${ago(comparison.secondsAgo)}${silent}: ${comparison.count === 0 ? 'the same' : `${comparison.count} objects differ`}`;
}

function standing(scrub: Scrub | undefined): string[] {
  return bounded(
    (scrub?.standing ?? []).map(({ site, name, what, outcome, because }) => `  ${outcome.toUpperCase()}  ${name} in ${site}: ${what} (${because})`),
    scrub?.standingCount ?? 0,
  );
}

function differing(comparison: Comparison | undefined): string[] {
  return bounded(
    (comparison?.differences ?? []).map(({ name, because }) => `  DIFFERS  ${name}: ${because}`),
    comparison?.count ?? 0,
  );
}

function bounded(lines: readonly string[], count: number): string[] {
  return count <= shown ? [...lines] : [...lines.slice(0, shown), `  … ${count} in all; 'holdfast status --json' lists them`];
}

function overdue(known: readonly { readonly region: string; readonly integrity: IntegrityStatus }[]): string[] {
  const found = new Map<string, { because: string; lateSeconds: number; from: string[] }>();
  for (const { region, integrity } of known) {
    for (const { what, because, lateSeconds } of integrity.overdue?.found ?? []) {
      const before = found.get(what);
      if (before === undefined) found.set(what, { because, lateSeconds, from: [region] });
      else before.from.push(region);
    }
  }
  const lines = [...found].map(([what, { because, lateSeconds, from }]) => `OVERDUE    ${because} (late by ${span(lateSeconds)}; seen from ${from.join(', ')}): ${remedyOf(what)}`);
  const stale = known.filter(({ integrity }) => integrity.overdue === null || integrity.overdue.secondsAgo > checkStaleSeconds);
  return [
    ...lines,
    ...stale.map(
      ({ region, integrity }) =>
        `UNWATCHED  ${region} ${integrity.overdue === null ? 'has never looked' : `has not looked since ${ago(integrity.overdue.secondsAgo)}`} for what is overdue: docs/runbooks/integrity.md`,
    ),
  ];
}

function remedyOf(what: string): string {
  return what.endsWith('backup') || what.startsWith('log') ? "'holdfast backup --type full --wait' makes one now; docs/runbooks/integrity.md" : 'docs/runbooks/integrity.md says what to do';
}

function newest<T>(all: readonly T[], age: (each: T) => number): T | undefined {
  return all.toSorted((a, b) => age(a) - age(b))[0];
}

function ago(seconds: number): string {
  return `${span(seconds)} ago`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
