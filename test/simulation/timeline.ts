// A history told so that a person can follow it: one column a region, what each did and went by, and where it broke.
import { brokenAssumptions, describeFault } from './faults.ts';
import type { HistoryResult } from './history.ts';
import { describeVoterFault } from './voter-faults.ts';
import type { Note } from './world.ts';

const widthOfAll = 168;
/** Fewer calm notes in a row are told one by one. */
const calmInARow = 8;

/**
 * @param lastMs only what happened this long before the end (the whole history is hundreds of lines); of a history in which
 *   nobody serves in the end, what happened this long around the end of the faults: after it nothing happens any more.
 */
export function tell(result: HistoryResult, lastMs = Number.POSITIVE_INFINITY): string {
  const { violation, plan, names } = result;
  const toMs = violation?.invariant === 'somebody serves in the end' && Number.isFinite(lastMs) ? plan.calmFromMs + lastMs / 3 : result.endedAtMs;
  const width = Math.floor(widthOfAll / names.length);
  const title = line('seconds', names, width);
  const rule = '─'.repeat(title.length);
  const shown = result.notes.filter((n) => n.atMs >= toMs - lastMs && n.atMs <= toMs);
  return [...head(result), rule, title, rule, ...inColumns(shown, names.length, width), rule, ...foot(result, width)].join('\n');
}

function head({ seed, plan, names, label, trace, violation }: HistoryResult): string[] {
  const newer = plan.newer?.regions.map((r) => names[r]).join(' and ');
  return [
    `seed ${seed}, ${plan.regions} regions, ${plan.fenceShards} fence rows, ${label}, trace ${trace}`,
    ...brokenAssumptions(plan).map((what) => `  assumption broken on purpose: ${what}`),
    ...(newer === undefined ? [] : [`  a newer version in ${newer}${(plan.newer?.untilMs ?? 0) > plan.calmFromMs ? '' : ` until ${((plan.newer?.untilMs ?? 0) / 1000).toFixed(1)} s`}`]),
    ...(plan.hasData === true ? ['  with protected data and its change log'] : []),
    ...plan.faults.map((fault) => `  fault at ${describeFault(fault, names)}`),
    ...(plan.voters ?? []).map((fault) => `  at ${describeVoterFault(fault, names)}`),
    plan.lostForGood === null ? '  nothing is lost for good' : `  ${names[plan.lostForGood]} is lost for good from ${(plan.calmFromMs / 1000).toFixed(1)} s on`,
    violation === undefined ? '  no invariant was broken' : `  BROKEN at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.invariant}`,
  ];
}

function foot({ violation, names, beliefs, endedAtMs }: HistoryResult, width: number): string[] {
  const depth = Math.max(0, ...beliefs.map((b) => b.length));
  const rows = Array.from({ length: depth }, (_, i) => beliefs.map((b) => b[i] ?? ''));
  return [
    ...rows.flatMap((texts, i) => spread(i === 0 ? (endedAtMs / 1000).toFixed(3) : '', texts, width)),
    ...(violation === undefined ? [] : [`✗ ${(violation.atMs / 1000).toFixed(3)} s, BROKEN: ${violation.invariant}: ${violation.what}`]),
    ...(names.length === 0 ? [] : ['(a column a region; epochs by their number, renewals by the last four digits of their id; ### is a fault; the last lines are what each went by at the end)']),
  ];
}

function inColumns(notes: readonly Note[], columns: number, width: number): string[] {
  const lines: string[] = [];
  let calm: Note[] = [];
  const flush = () => {
    if (calm.length < calmInARow) for (const note of calm) lines.push(...told(note, columns, width));
    else lines.push(`${' '.repeat(9)}  ⋯ all calm up to ${((calm.at(-1)?.atMs ?? 0) / 1000).toFixed(1)} s: ${calm.length} ticks and renewals`);
    calm = [];
  };
  for (const note of notes) {
    if (note.isCalm) calm.push(note);
    else {
      flush();
      lines.push(...told(note, columns, width));
    }
  }
  flush();
  return lines;
}

function told({ atMs, region, text }: Note, columns: number, width: number): string[] {
  const time = (atMs / 1000).toFixed(3);
  if (region === null) return [`${time.padStart(9)}  · ${text}`];
  return spread(
    time,
    Array.from({ length: columns }, (_, c) => (c === region ? text : '')),
    width,
  );
}

/** A text a column, wrapped within it. */
function spread(time: string, texts: readonly string[], width: number): string[] {
  const wrapped = texts.map((text) => wrap(text, width));
  const depth = Math.max(...wrapped.map((w) => w.length));
  return Array.from({ length: depth }, (_, i) =>
    line(
      i === 0 ? time : '',
      wrapped.map((w) => w[i] ?? ''),
      width,
    ),
  );
}

function line(time: string, cells: readonly string[], width: number): string {
  return `${time.padStart(9)}  ${cells.map((cell) => cell.padEnd(width)).join('│ ')}`.trimEnd();
}

function wrap(text: string, width: number): string[] {
  const parts: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      parts.push(current);
      current = `  ${word}`;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...parts, current].map((part) => part.slice(0, width));
}
