// The one file of a dedup index that says which runs there are; written whole, so that a run counts or does not. And the lock that keeps a second process out.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { RefusedError } from '../core/errors.ts';
import type { RunFacts } from './index-run.ts';

export type IndexList = {
  readonly format: 1;
  /** Of the last run that was begun. */
  readonly sequence: number;
  readonly packs: number;
  readonly mark: string | null;
  /** Newest first. */
  readonly runs: readonly RunFacts[];
};

export const emptyList: IndexList = { format: 1, sequence: 0, packs: 0, mark: null, runs: [] };

const factNames = ['sequence', 'level', 'entries', 'pages', 'filterBits', 'filterWords', 'tailCheck'] as const;
/** Of the indexes that this process has open: its own number in a lock may be that of one that was killed. */
const held = new Set<string>();

/** null: there is none, or it is not one that this version wrote: the index is then empty. */
export function readList(path: string): IndexList | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const runs: unknown = fieldOf(value, 'runs');
    const mark: unknown = fieldOf(value, 'mark');
    if (fieldOf(value, 'format') !== 1 || !Array.isArray(runs) || (mark !== null && typeof mark !== 'string')) return null;
    return { format: 1, sequence: count(value, 'sequence'), packs: count(value, 'packs'), mark, runs: runs.map(factsOf) };
  } catch {
    return null;
  }
}

function factsOf(value: unknown): RunFacts {
  const [sequence, level, entries, pages, filterBits, filterWords, tailCheck] = factNames.map((name) => count(value, name));
  return { sequence: sequence ?? 0, level: level ?? 0, entries: entries ?? 0, pages: pages ?? 0, filterBits: filterBits ?? 0, filterWords: filterWords ?? 0, tailCheck: tailCheck ?? 0 };
}

function count(value: unknown, name: string): number {
  const found = fieldOf(value, name);
  if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 0) throw new TypeError(`${name} is not a count`);
  return found;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** @returns what gives it back @throws RefusedError where a living process has it */
export function takeLock(path: string): () => void {
  const release = () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      held.add(path);
      return release;
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      const owner = ownerOf(path);
      if (owner !== null && isAlive(owner, path)) break;
      rmSync(path, { force: true });
    }
  }
  throw new RefusedError(`The index is in use by process ${ownerOf(path) ?? '(gone meanwhile)'}: wait for it; if that is no process of Holdfast, remove ${path}. Nothing was changed`);
}

function ownerOf(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number, path: string): boolean {
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
