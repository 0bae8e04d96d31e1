// The run as one JSON file for programs and one table for people.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname } from 'node:path';
import { DEFINITIONS } from './figures.ts';
import { VAULT_DEFINITIONS } from './vault-verdicts.ts';
import { type Invariant, invariantLines } from './invariant.ts';
import type { Bar, Figures } from './verdicts.ts';

export const ALL_DEFINITIONS = { ...DEFINITIONS, ...VAULT_DEFINITIONS } as const;

export function gitCommit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

export function describeMachine(): { cpus: number; cpuModel: string; memoryMiB: number; os: string; node: string } {
  const cpus = os.cpus();
  return {
    cpus: cpus.length,
    cpuModel: cpus[0]?.model ?? 'unknown',
    memoryMiB: Math.round(os.totalmem() / 2 ** 20),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

/** Replaces the file whole, so that a reader never finds half a report. */
export function writeReport(path: string, report: object): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(report, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

export function printTable(figures: Figures, bars: readonly Bar[], invariants: readonly Invariant[]): string {
  const lines = ['', `${'figure'.padEnd(28)}${'measured'.padStart(10)}${'bar'.padStart(8)}`];
  for (const name of Object.keys(ALL_DEFINITIONS)) {
    if (!isFigure(name, figures) || (isOfVault(name) && figures.wormAttacks === null)) continue;
    const bar = bars.find((b) => b.figure === name);
    const verdict = bar === undefined ? '' : bar.isMet ? '  met' : '  MISSED';
    lines.push(`${name.padEnd(28)}${shown(figures[name]).padStart(10)}${(bar === undefined ? '' : `≤ ${bar.atMost}`).padStart(8)}${verdict}`);
  }
  return [...lines, ...invariantLines(invariants)].join('\n');
}

/** Without a vault there is nothing to say of one. */
function isOfVault(name: string): boolean {
  return name in VAULT_DEFINITIONS;
}

function isFigure(name: string, figures: Figures): name is keyof Figures {
  return name in figures;
}

function shown(value: number | null): string {
  return value === null ? 'not seen' : Number.isInteger(value) ? String(value) : value.toFixed(2);
}
