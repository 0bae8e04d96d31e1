// `holdfast backup`, `points` and `restore`: parses what is theirs, calls, prints, and follows a machine to its end.
import { BackupClient, type StartedRun } from '../client/backup-client.ts';
import { followRun } from '../client/follow-run.ts';
import type { RunEnd } from '../client/runbook-runs.ts';
import { backupTypes } from '../core/backup/backup-plan.ts';
import { manifestName } from '../core/vault/object-names.ts';
import type { PointName } from '../core/vault/recovery-point.ts';
import { renderPoints, renderRun } from './render-backups.ts';
import { readSelection } from './restore-selection.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

export async function backUp(values: Values, by: string, client: BackupClient, world: World): Promise<ExitStatus> {
  const type = values.type === undefined ? 'incremental' : backupTypes.find((t) => t === values.type);
  if (type === undefined) throw new UsageError(`--type ${values.type}: it may be ${backupTypes.join(', ')}`);
  return afterStart(await client.backup({ type, region: values.region, by }), values, client, world);
}

export async function restore(values: Values, by: string, client: BackupClient, world: World): Promise<ExitStatus> {
  const { at, point, into, region } = values;
  if (values.test === true) {
    const other = (['at', 'point', 'into', 'in-place', 'undo', 'key', 'keys', 'prefix', 'from', 'to'] as const).find((option) => values[option] !== undefined);
    if (other !== undefined) throw new UsageError(`--test draws what it restores: leave --${other} out`);
    return afterStart(await client.restoreTest({ region, by }), { ...values, wait: true }, client, world);
  }
  if (values.undo !== undefined) return undo(values, values.undo, by, client, world);
  if ((at === undefined) === (point === undefined)) throw new UsageError('restore needs either --at TIME or --point CHAIN/POINT');
  const isInPlace = values['in-place'] === true;
  if (isInPlace && into !== undefined) throw new UsageError('restore takes --into TABLE or --in-place, not both: beside the live table, or over it?');
  if (!isInPlace && (into === undefined || into === '')) throw new UsageError('restore needs --into TABLE, or --in-place for the live table itself');
  const select = readSelection(values);
  const started = await client.restore({
    atMs: at === undefined ? null : parseTime(at),
    point: point === undefined ? null : parsePoint(point),
    table: isInPlace ? null : (into ?? ''),
    select,
    region,
    by,
  });
  return afterStart(started, values, client, world);
}

/** It has its moment and its keys from the restore that it takes back. */
async function undo(values: Values, id: string, by: string, client: BackupClient, world: World): Promise<ExitStatus> {
  const given = (['at', 'point', 'into', 'in-place', 'key', 'keys', 'prefix', 'from', 'to'] as const).find((name) => values[name] !== undefined);
  if (given !== undefined) throw new UsageError(`restore --undo takes no --${given}: it goes back to the snapshot of that restore, with the same keys`);
  if (id === '') throw new UsageError('restore --undo needs the name of a restore in place: its report has it');
  return afterStart(await client.undo(id, values.region, by), values, client, world);
}

export async function showPoints(values: Values, client: BackupClient, world: World): Promise<ExitStatus> {
  const picture = await client.points(values.at === undefined ? null : parseTime(values.at));
  world.out(values.json === true ? `${JSON.stringify(picture, null, 2)}\n` : renderPoints(picture));
  return 0;
}

/** A time without a zone would mean another moment on another computer. */
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

function parseTime(text: string): number {
  const atMs = timePattern.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(atMs) || atMs < 0) throw new UsageError(`--at ${text} is no moment: write it with its zone, like 2026-11-28T03:05:37Z`);
  return atMs;
}

function parsePoint(text: string): PointName {
  const [chain = '', point = '', ...more] = text.split('/');
  try {
    if (more.length === 0 && manifestName({ chain, point }) !== '') return { chain, point };
  } catch {
    // said below
  }
  throw new UsageError(`--point ${text} is no name of a point: 'holdfast points' lists them as CHAIN/POINT`);
}

async function afterStart(started: StartedRun, values: Values, client: BackupClient, world: World): Promise<ExitStatus> {
  const isJson = values.json === true;
  if (values.wait !== true) {
    world.out(isJson ? `${JSON.stringify(started, null, 2)}\n` : `${started.name} runs in ${started.region}. 'holdfast status' shows what came of it.\n`);
    return 0;
  }
  if (!isJson) world.err(`${started.name} runs in ${started.region}; Ctrl-C ends only the watching.\n`);
  const end = await follow(started, client, world, isJson);
  if (end === undefined) {
    const text = `Watching ended; ${started.name} goes on in ${started.region}. 'holdfast status' shows what came of it.`;
    world.out(isJson ? `${JSON.stringify({ ...started, end: null }, null, 2)}\n` : `${text}\n`);
    return 130;
  }
  const seconds = Math.round((end.endedAtMs - end.startedAtMs) / 100) / 10;
  if (isJson) world.out(`${JSON.stringify(endAsJson(started, end, seconds), null, 2)}\n`);
  if (end.kind === 'succeeded') {
    if (!isJson) world.out(renderRun(started, end.output, seconds));
    return 0;
  }
  const { failure } = end;
  const where = failure.step === null ? '' : ` in ${failure.step}`;
  if (!isJson) world.err(`holdfast: ${started.name} in ${started.region} ended as ${failure.end}${where} after ${seconds} s: ${failure.error}: ${failure.message}\n`);
  return 1;
}

function endAsJson(started: StartedRun, end: RunEnd, seconds: number): object {
  if (end.kind === 'succeeded') return { ...started, end: 'succeeded', seconds, result: end.output };
  const { failure } = end;
  return { ...started, end: failure.end, seconds, error: { name: failure.error, message: failure.message, step: failure.step } };
}

/** @returns undefined when a person ended the watching. @throws Error when it can no longer be looked at */
async function follow(started: StartedRun, client: BackupClient, world: World, isQuiet: boolean): Promise<RunEnd | undefined> {
  const line = new StepLine(started, world, isQuiet);
  try {
    return await followRun({
      look: () => client.look(started),
      seen: (state) => (typeof state === 'string' ? line.show(`not seen (${state})`, null) : line.show(state.step, world.nowMs() - state.startedAtMs)),
      wait: (ms) => world.waitForNext(ms),
      lost: (because) => new Error(`${started.name} in ${started.region} can no longer be watched (${because}). It goes on there; 'holdfast status' shows what came of it.`),
    });
  } finally {
    line.end();
  }
}

/** One line that changes on a terminal; elsewhere a line a step. */
class StepLine {
  readonly #started: StartedRun;
  readonly #world: World;
  readonly #isQuiet: boolean;
  #step: string | null = null;

  constructor(started: StartedRun, world: World, isQuiet: boolean) {
    this.#started = started;
    this.#world = world;
    this.#isQuiet = isQuiet;
  }

  show(step: string | null, sinceMs: number | null): void {
    if (this.#isQuiet) return;
    const text = `${this.#started.name}: ${step ?? 'running'}`;
    if (this.#world.isProgressTerminal) this.#world.err(`\r\x1b[K${text}${sinceMs === null ? '' : `, ${Math.max(0, Math.round(sinceMs / 1000))} s`}`);
    else if (step !== null && step !== this.#step) this.#world.err(`${text}\n`);
    this.#step = step ?? this.#step;
  }

  end(): void {
    if (!this.#isQuiet && this.#world.isProgressTerminal) this.#world.err('\r\x1b[K');
  }
}
