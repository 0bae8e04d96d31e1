// What is done to a switch-over on its way: a region is killed at a moment that an outsider can see, or a step of a machine fails once.
import { dirname, join } from 'node:path';
import { askControl } from './control.ts';
import { makeFault } from './faults.ts';
import { readRegionsFile } from './regions-file.ts';
import { waitUntil, type Waiting } from './wait.ts';
import type { Watch } from './watch.ts';

/** Between two steps, each by what is seen of it: in the register, or at the gate of the region that hands over. */
export const MOMENTS = ['asked', 'revoked', 'closed', 'released', 'taken', 'opened'] as const;
export type Moment = (typeof MOMENTS)[number];

const MOMENT_LIMIT_MS = 60_000;
/** How long the killed region stays away. */
const AWAY_MS = 45_000;
const RETURN_LIMIT_MS = 90_000;

export type SwitchFault = {
  /** A step that fails once changes nothing of how it must come out; a region that is killed may. */
  readonly kind: 'fail' | 'kill';
  readonly name: string;
  readonly arm: (on: Struck) => Striking;
};

type Struck = { readonly from: string; readonly to: string; readonly epoch: number; readonly watch: Watch; readonly waiting: Waiting };

/** `done`: what was done, null where the moment never came. `heal`: once the command has ended. */
export type Striking = { readonly done: Promise<string | null>; readonly heal: () => Promise<void> };

/** `fail:Revoke`, `kill-old:revoked`, `kill-new:released`; one a switch-over, in this order. */
export function parseFaults(text: string, regionsPath: string, reportPath: string): SwitchFault[] {
  return text.split(',').map((word) => {
    const [what = '', at = ''] = word.split(':');
    const moment = MOMENTS.find((name) => name === at);
    if (what === 'fail' && /^[A-Z][A-Za-z]+$/.test(at)) return failingStep(at, regionsPath);
    if (what === 'kill-old' && moment !== undefined) return killFault('old', moment, regionsPath, reportPath);
    if (what === 'kill-new' && moment !== undefined) return killFault('new', moment, regionsPath, reportPath);
    throw new Error(`--faults '${word}' is unknown: it may be fail:Step, or kill-old: or kill-new: with one of ${MOMENTS.join(', ')}`);
  });
}

function killFault(who: 'old' | 'new', moment: Moment, regionsPath: string, reportPath: string): SwitchFault {
  return {
    kind: 'kill',
    name: `the ${who} region is killed once it is ${moment}`,
    arm: (on) => {
      const region = who === 'old' ? on.from : on.to;
      const fault = makeFault({ kind: 'kill', regionsPath, region, heldMs: AWAY_MS, restartLogPath: join(dirname(reportPath), `restart-${region}.log`) });
      let struckAtMs: number | null = null;
      const strike = async (): Promise<string | null> => {
        if ((await waitUntil(on.waiting, `the switch-over to be ${moment}`, MOMENT_LIMIT_MS, () => (isAt(moment, on) ? true : null))) === null) return null;
        struckAtMs = on.waiting.clock.nowMs();
        const what = `${region} (${who}), once ${moment}: ${await fault.begin()}`;
        on.waiting.say(what);
        return what;
      };
      const done = strike();
      return { done, heal: async () => (struckAtMs === null ? undefined : bringBack(on, region, async () => fault.end(), struckAtMs + AWAY_MS)) };
    },
  };
}

async function bringBack({ watch, waiting }: Struck, region: string, end: () => Promise<string>, notBeforeMs: number): Promise<void> {
  const { clock, say } = waiting;
  await waitUntil(waiting, `${region} to have been away for ${AWAY_MS / 1000} s`, AWAY_MS + 1000, () => (clock.nowMs() >= notBeforeMs ? true : null));
  const sinceMs = clock.nowMs();
  say(await end());
  const reread = setInterval(() => watch.reread(), 500);
  try {
    await waitUntil(waiting, `the gate of ${region} to answer again`, RETURN_LIMIT_MS, () => watch.sampler.firstAnswerAfter(region, sinceMs));
  } finally {
    clearInterval(reread);
  }
}

function isAt(moment: Moment, { from, to, epoch, watch }: Struck): boolean {
  const value = watch.reader.chosen();
  const isRevoked = value !== null && value.epoch === epoch && value.successor === to;
  switch (moment) {
    case 'asked':
      return true;
    case 'revoked':
      return isRevoked;
    case 'closed':
      return isRevoked && watch.sampler.samples.findLast((s) => s.region === from && s.verdict !== 'none')?.verdict === 'shut';
    case 'released':
      return isRevoked && value.released === true;
    case 'taken':
      return value !== null && value.holder === to && value.epoch > epoch;
    case 'opened':
      return value !== null && value.holder === to && value.epoch > epoch && (value.state === 'recovery' || value.state === 'normal');
  }
}

/** @param step of either machine in the target: `Revoke`, `TakeLease`, … */
function failingStep(step: string, regionsPath: string): SwitchFault {
  return {
    kind: 'fail',
    name: `${step} fails once`,
    arm: (on) => {
      const strike = async () => {
        await askControl(readRegionsFile(regionsPath).control?.url, { kind: 'fail-once', region: on.to, step });
        return `the next ${step} in ${on.to} fails`;
      };
      const done = strike();
      return { done, heal: async () => undefined };
    },
  };
}
