// The divergence report as text: what a person must see of each item before deciding.
import type { DivergenceHistory, DivergencePage, ListedKey, SignedOff } from '../client/divergence-client.ts';
import { contentLine } from '../core/backup/in-place.ts';
import type { Image } from '../core/log/change-record.ts';
import type { Unread } from '../operations/divergence-elsewhere.ts';
import type { DivergentKeyView, Resolved, ResolvedAll } from '../operations/resolve-divergence.ts';

const imageCharactersMax = 160;

export function renderPage({ origin, home, isReconciled, keys, unread, next }: DivergencePage, everything: boolean): string {
  const state = isReconciled ? 'is reconciled' : 'is not reconciled';
  if (keys.length === 0 && next === null) return `${origin} ${state}: ${everything ? 'nothing of it is divergent' : 'nothing is left to decide'} in ${home}.\n${unreadLines(unread)}`;
  const more = next === null ? [] : [`… and more; 'holdfast divergence list --json' gives ${isReconciled ? 'them' : "a thousand, 'holdfast divergence resolve --all' decides them all"}`];
  return `${[`${origin} ${state}. What it wrote, and ${home} went on without:`, ...keys.map((key) => listedLine(key, home)), ...more].join('\n')}\n${unreadLines(unread)}`;
}

function unreadLines(unread: readonly Unread[]): string {
  return unread.map(({ region, because }) => `NOT READ: the list of ${region} (${because}). What it alone lists is missing here, and there is no sign-off before it answers.\n`).join('');
}

function listedLine(view: ListedKey, home: string): string {
  return view.listedIn === home ? lineOf(view) : `${lineOf(view)}\n    listed in ${view.listedIn} only`;
}

function lineOf(view: DivergentKeyView): string {
  return [
    `  ${view.key}   ${stateOf(view)}   --seen ${view.seen}`,
    `    theirs  ${show(view.write.theirs)}   (epoch ${view.write.epoch}, ${when(view.write.theirsAtMs)})`,
    `    ours    ${show(view.ours)}   (${sinceOf(view)})`,
  ].join('\n');
}

function stateOf({ isDecided, state }: DivergentKeyView): string {
  if (isDecided) return 'decided';
  if (state === 'writing') return 'a decision was cut off: repeat it';
  if (state === 'decided') return 'undecided: a later write of theirs came after the decision';
  return state === 'undone' ? 'undecided: a decision was undone' : 'undecided';
}

function sinceOf({ isWrittenSince }: DivergentKeyView): string {
  if (isWrittenSince === null) return 'nothing tells whether it was removed here since';
  return isWrittenSince ? 'WRITTEN HERE SINCE: something depends on it' : 'not written here since';
}

export function renderHistory({ view, writes, decisions }: DivergenceHistory): string {
  const lines = [
    lineOf(view).trimStart(),
    ...writes.map((w) => `  late write   epoch ${w.epoch}, ${when(w.theirsAtMs)}: ${show(w.theirs)}; found ${when(w.foundAtMs)}, when here stood ${show(w.ours)}`),
    ...decisions.map((d) => `  decision ${d.turn}   '${d.rule}' by ${d.by}, ${when(d.atMs)}: ${d.reason}; ${endOf(d.state)}; before ${show(d.before)}, wrote ${show(d.wrote)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function endOf(state: 'begun' | 'done' | 'overtaken'): string {
  return state === 'done' ? 'carried out' : state === 'begun' ? 'CUT OFF: repeat it' : 'not carried out: others wrote meanwhile';
}

export function renderResolved(resolved: readonly Resolved[]): string {
  return resolved
    .map((one) => {
      if (one.kind === 'was-decided') return `${one.key}: decided already; '--undo ${one.key}' first, to decide otherwise\n`;
      if (one.kind === 'decided') return `${one.key}: ${one.isRemoval ? 'removed' : 'written'} (${one.because})\n`;
      return `${one.key}: NOT DECIDED: ${one.because}\n`;
    })
    .join('');
}

export function renderResolvedAll({ decided, wereDecided, asked, overtaken, left, unread }: ResolvedAll & { readonly unread: readonly Unread[] }): string {
  const open = asked + overtaken;
  const head = `${decided} decided now, ${wereDecided} were decided, ${open} left${open === 0 ? '' : ':'}`;
  return `${[head, ...left.map(({ key, because }) => `  ${key}: ${because}`), ...(open > left.length ? ['  …'] : [])].join('\n')}\n${unreadLines(unread)}`;
}

export function renderCompared({ items, found, missing }: { readonly items: number; readonly found: number; readonly missing: readonly string[] }): string {
  return `${[`${items} items compared, ${found} differ that no log told of${found === 0 ? '' : ": they are listed now, 'holdfast divergence list' shows them"}`, ...missing.map((m) => `  ${m}`)].join('\n')}\n`;
}

export function renderSignOff({ region, holder, isSignedOff, missing, decidedKeys, comparedItems }: SignedOff): string {
  if (!isSignedOff) return `${region} is NOT signed off, and nothing was changed. Missing:\n${missing.map((m) => `  - ${m}\n`).join('')}`;
  if (comparedItems === null) return `${region} is signed off WITHOUT ${holder}: it may take over with what it has.\n`;
  return `${region} is signed off: ${comparedItems} items compared with ${holder}, ${decidedKeys} divergent keys decided. It may take over again.\n`;
}

function show(image: Image | null): string {
  const line = contentLine(image) ?? 'no item';
  return line.length > imageCharactersMax ? `${line.slice(0, imageCharactersMax)}…` : line;
}

function when(atMs: number | null): string {
  return atMs === null ? 'at an unknown time' : new Date(atMs).toISOString();
}
