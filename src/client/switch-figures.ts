// What the report of a planned switch-over says, in seconds for people; null where it does not say it.
import { fieldOf } from '../core/failover/event-field.ts';

export type SwitchFigures = {
  readonly outcome: string;
  readonly because: string;
  readonly epoch: number | null;
  /** Writes were refused so long at most (from the revocation on), and at least (from the take-over on). */
  readonly refusedSecondsMax: number | null;
  readonly refusedSecondsMin: number | null;
};

export function switchFigures(report: unknown): SwitchFigures {
  const number = (name: string) => {
    const found = fieldOf(report, name);
    return typeof found === 'number' ? found : null;
  };
  const seconds = (ms: number | null) => (ms === null ? null : Math.round(ms / 100) / 10);
  return {
    outcome: textOf(report, 'outcome'),
    because: textOf(report, 'because'),
    epoch: number('epoch'),
    refusedSecondsMax: seconds(number('refusedMsMax')),
    refusedSecondsMin: seconds(number('refusedMsMin')),
  };
}

export function textOf(report: unknown, name: string): string {
  const found = fieldOf(report, name);
  return typeof found === 'string' ? found : 'unknown';
}
