// `holdfast switch`: starts a planned switch-over in its target, and follows it by what its machine and the register say.
import type { Connection } from '../client/connection.ts';
import { followRun } from '../client/follow-run.ts';
import type { RunEnd } from '../client/runbook-runs.ts';
import { SwitchClient, type StartedSwitch } from '../client/switch-client.ts';
import { switchFigures, type SwitchFigures } from '../client/switch-figures.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

export async function switchOver(values: Values, by: string, connection: Connection, world: World): Promise<ExitStatus> {
  const [to, reason] = [required(values.to, '--to REGION'), required(values.reason, '--reason …')];
  const client = new SwitchClient(connection);
  const started = await client.start(to, { by, reason });
  const isJson = values.json === true;
  if (values.wait !== true) {
    world.out(isJson ? json(started) : `${started.name} runs in ${to} and checks first; 'holdfast status --watch' shows how it goes.\n`);
    return 0;
  }
  if (!isJson) world.err(`${started.name} runs in ${to}; Ctrl-C ends only the watching.\n`);
  const end = await follow(started, client, world, isJson);
  if (end === undefined) {
    world.out(isJson ? json({ ...started, end: null }) : `Watching ended; ${started.name} goes on in ${to}. 'holdfast status' shows what came of it.\n`);
    return 130;
  }
  return tellEnd(started, end, world, isJson);
}

function tellEnd(started: StartedSwitch, end: RunEnd, world: World, isJson: boolean): ExitStatus {
  const seconds = Math.round((end.endedAtMs - end.startedAtMs) / 100) / 10;
  if (end.kind === 'succeeded') {
    const figures = switchFigures(end.output);
    world.out(
      isJson ? json({ ...started, end: 'SwitchedOver', seconds, ...figures }) : `Switched over from ${started.from} to ${started.to} in ${seconds} s: ${figures.because}.\n${renderRefused(figures)}\n`,
    );
    return 0;
  }
  const { failure } = end;
  if (isJson) world.out(json({ ...started, end: failure.end, seconds, error: { name: failure.error, message: failure.message, step: failure.step } }));
  else world.err(`holdfast: the switch-over to ${started.to} ended as ${failure.end} after ${seconds} s: ${failure.message}\n`);
  return 1;
}

/** What the product can know of it: each bound is of one region's clock. */
export function renderRefused({ refusedSecondsMax, refusedSecondsMin }: SwitchFigures): string {
  if (refusedSecondsMax === null) return 'how long writes were refused is not known';
  return `writes were refused for at most ${refusedSecondsMax} s (revoked → opened)${refusedSecondsMin === null ? '' : `, at least ${refusedSecondsMin} s (taken → opened)`}`;
}

/** @returns undefined when a person ended the watching. @throws Error when it can no longer be looked at */
async function follow(started: StartedSwitch, client: SwitchClient, world: World, isQuiet: boolean): Promise<RunEnd | undefined> {
  const beganAtMs = world.nowMs();
  let last = '';
  const show = (line: string | null) => {
    if (line === null || line === last) return;
    last = line;
    if (!isQuiet) world.err(`${((world.nowMs() - beganAtMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  return followRun({
    look: () => client.look(started),
    seen: async (state) => {
      const stands = await client.stands(started).catch(() => null);
      const isBefore = typeof state !== 'string' && (state.step === 'CheckSwitch' || state.step === 'Revoke');
      show(isBefore ? `${state.step}` : (stands ?? (typeof state === 'string' ? `the machine is not seen (${state})` : null)));
    },
    wait: (ms) => world.waitForNext(ms),
    lost: (because) =>
      new Error(`${started.name} in ${started.to} can no longer be watched (${because}). It goes on there, or ${started.from} goes on by itself; 'holdfast status' shows what stands.`),
  });
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function required(value: string | undefined, option: string): string {
  if (value === undefined || value.trim() === '') throw new UsageError(`switch needs ${option}`);
  return value;
}
