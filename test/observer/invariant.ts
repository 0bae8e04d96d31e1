// A verdict about a run, with its evidence, in the one form that every play reports and prints.
import { dualActiveSpans } from './figures.ts';
import type { AcknowledgedWrite, GateSample } from './journal.ts';

const EVIDENCE_MAX = 20;

export interface Invariant {
  readonly name: string;
  readonly held: boolean;
  readonly because: string;
  readonly evidence: readonly string[];
}

/** Held where there is no evidence against it. */
export function invariant(name: string, heldBecause: string, evidence: readonly string[], brokenBecause = 'it did not hold'): Invariant {
  const held = evidence.length === 0;
  const more = evidence.length - EVIDENCE_MAX;
  return {
    name,
    held,
    because: held ? heldBecause : `${brokenBecause} (${evidence.length})`,
    evidence: more > 0 ? [...evidence.slice(0, EVIDENCE_MAX), `… and ${more} more`] : evidence,
  };
}

export function oneRegionAtATime(samples: readonly GateSample[]): Invariant {
  const spans = dualActiveSpans(samples).map((s) => `${s.regions.join(' and ')} from ${ms(s.fromMs)} to ${ms(s.toMs)}`);
  return invariant('one region at a time', 'no two gates said 200 at once', spans, 'two gates said 200 at once');
}

export function describeWrite(w: AcknowledgedWrite): string {
  return `${w.id} by ${w.region} in epoch ${w.epoch}, sent at ${ms(w.sentAtMs)}, acknowledged at ${ms(w.answeredAtMs)}`;
}

export function ms(value: number | null): string {
  return value === null ? 'never' : `${Math.round(value)} ms`;
}

export function invariantLines(invariants: readonly Invariant[]): string[] {
  return [
    '',
    'invariants',
    ...invariants.flatMap(({ held, name, because, evidence }) => [`  ${held ? 'held  ' : 'BROKEN'}  ${name}: ${because}`, ...(held ? [] : evidence.map((line) => `            ${line}`))]),
  ];
}
