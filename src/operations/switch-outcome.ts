// AwaitOutcome and ReportSwitch: what the register says that came of a planned switch-over, and what of it was measured.
import { NoQuorumError, StepNotReadyError } from '../core/errors.ts';
import { fieldOf } from '../core/failover/event-field.ts';
import { judgeProgress, switchReportKey, type SwitchAttempt, type SwitchInput, type SwitchProgress } from '../core/failover/switch-over.ts';
import { lookForStep } from './current-lease.ts';
import type { Governor } from './governor.ts';
import { reportKey } from './report.ts';

export type SwitchEnd = Exclude<SwitchProgress, { kind: 'under-way' }>;

/** @throws StepNotReadyError while it is under way */
export async function awaitOutcome(governor: Governor, of: SwitchAttempt): Promise<SwitchEnd> {
  const sighting = await lookForStep(governor);
  if (sighting.kind !== 'chosen') throw new NoQuorumError(`What stands in the register is not certain (${sighting.because}). It is looked at again.`);
  const progress = judgeProgress(sighting.value, of);
  if (progress.kind === 'under-way') throw new StepNotReadyError(`The switch-over to ${of.target} is under way: ${progress.because}. It is looked at again.`);
  return progress;
}

/** What the steps before put out, as the machine passes it on. */
export type SwitchOutputs = {
  readonly startedAtMs: number | null;
  readonly checked: unknown;
  readonly revokedAtMs: number | null;
  readonly outcome: string;
  readonly because: string;
  readonly failure: unknown;
};

export type SwitchReport = SwitchInput &
  SwitchAttempt &
  SwitchOutputs & {
    /** From the failover's own report, by the same region's clock as `revokedAtMs`; null where this region did not open. */
    readonly takenAtMs: number | null;
    readonly openedAtMs: number | null;
    readonly isValidated: boolean;
    /**
     * Writes were refused from some moment after the revocation until this region opened: no longer than the one, no shorter than from the take-over
     * on. The moment itself is in the other region's clock, which is compared with no other.
     */
    readonly refusedMsMax: number | null;
    readonly refusedMsMin: number | null;
    readonly reportedAtMs: number;
  };

export async function reportSwitch(governor: Governor, input: SwitchInput, of: SwitchAttempt, outputs: SwitchOutputs): Promise<SwitchReport> {
  const opened = await failoverReport(governor, of);
  const { takenAtMs, openedAtMs } = opened;
  const since = (fromMs: number | null) => (fromMs === null || openedAtMs === null ? null : Math.max(0, Math.round(openedAtMs - fromMs)));
  const report: SwitchReport = { ...input, ...of, ...outputs, ...opened, refusedMsMax: since(outputs.revokedAtMs), refusedMsMin: since(takenAtMs), reportedAtMs: Math.round(governor.clock.nowMs()) };
  await governor.own.change({ key: switchReportKey(of.epoch), set: { report: JSON.stringify(report) }, when: [], mayCreate: true });
  return report;
}

/** Of the very attempt: another one's figures say nothing of this. */
async function failoverReport(governor: Governor, of: SwitchAttempt) {
  const row = await governor.own.get(reportKey(of.epoch));
  const report: unknown = typeof row?.['report'] === 'string' ? JSON.parse(row['report']) : undefined;
  const isOurs = fieldOf(report, 'attempt') === of.attempt && fieldOf(report, 'target') === of.target;
  const number = (name: string) => {
    const found = isOurs ? fieldOf(report, name) : undefined;
    return typeof found === 'number' ? found : null;
  };
  return { takenAtMs: number('takenAtMs'), openedAtMs: number('openedAtMs'), isValidated: isOurs && fieldOf(report, 'isValidated') === true };
}
