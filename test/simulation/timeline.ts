// A history told so that a person can follow it: one column a region, what happened when, and where it broke.
import { describeFault } from './faults.ts';
import type { HistoryResult } from './history.ts';
import { describeVoterFault } from './voter-faults.ts';

const columnWidth = 58;

/**
 * @param lastMs only what happened this long before the end (the whole history is hundreds of lines); of a history in which
 *   nobody serves in the end, what happened this long around the end of the faults: after it nothing happens any more.
 */
export function tell(result: HistoryResult, lastMs = Number.POSITIVE_INFINITY): string {
  const { violation, plan, names } = result;
  const head = [
    `seed ${result.seed}, ${plan.regions} regions, ${plan.fenceShards} fence rows, ${result.label}, trace ${result.trace}`,
    ...plan.faults.map((fault) => `  fault at ${describeFault(fault, names)}`),
    ...(plan.voters ?? []).map((fault) => `  at ${describeVoterFault(fault, names)}`),
    plan.lostForGood === null ? '  nothing is lost for good' : `  ${names[plan.lostForGood]} is lost for good from ${(plan.calmFromMs / 1000).toFixed(1)} s on`,
    violation === undefined ? '  no invariant was broken' : `  BROKEN at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.invariant}: ${violation.what}`,
  ];
  const toMs = violation?.invariant === 'somebody serves in the end' && Number.isFinite(lastMs) ? plan.calmFromMs + lastMs / 3 : result.endedAtMs;
  const fromMs = toMs - lastMs;
  const title = `${'seconds'.padStart(9)}  ${names.map((n) => n.padEnd(columnWidth)).join('│ ')}`;
  const lines = result.notes.filter((n) => n.atMs >= fromMs && n.atMs <= toMs).flatMap((note) => row(note.atMs, note.region, note.text, names.length));
  return [...head, title, '─'.repeat(title.length), ...lines].join('\n');
}

function row(atMs: number, region: number | null, text: string, columns: number): string[] {
  const time = (atMs / 1000).toFixed(3).padStart(9);
  if (region === null) return [`${time}  · ${text}`];
  return wrap(text).map((part, i) => `${i === 0 ? time : ' '.repeat(9)}  ${Array.from({ length: columns }, (_, c) => (c === region ? part : '').padEnd(columnWidth)).join('│ ')}`);
}

function wrap(text: string): string[] {
  const parts: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columnWidth) {
      parts.push(line);
      line = `  ${word}`;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...parts, line].map((part) => part.slice(0, columnWidth));
}
