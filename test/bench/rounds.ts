// Plays the rounds: in each, every tool in an order by chance, each with a repository of its own from nothing to restored and compared.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hashTree } from './content-hash.ts';
import type { CorpusSet } from './corpora.ts';
import type { CorpusFolder } from './corpus-folder.ts';
import { Runner, type Command, type Cost } from './measured-run.ts';
import type { BenchRecord, PlaceKind, Run, Step } from './record.ts';
import type { S3Server } from './s3-server.ts';
import type { Seeded } from './seeded.ts';
import type { Place, Repository, Tool } from './tool.ts';

/** What one tool does in one round. */
export type Task = { readonly tool: Tool; readonly place: PlaceKind; readonly set: CorpusSet | 'rec'; readonly steps: readonly Step[] };

export type Stage = {
  readonly work: string;
  readonly corpora: CorpusFolder;
  readonly server: S3Server | null;
  readonly record: BenchRecord;
  readonly stop: AbortSignal;
  save(): void;
  say(text: string): void;
};

export async function playRounds(stage: Stage, tasks: readonly Task[], rounds: number, chance: Seeded): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    // What is compared with one another runs close together in time; only the order is by chance.
    const groups = Map.groupBy(tasks, ({ place, set }) => `${place} ${set}`);
    for (const group of chance.shuffled([...groups.values()])) for (const task of chance.shuffled(group)) await playTask(stage, task, round);
  }
}

export async function playTask(stage: Stage, task: Task, round: number): Promise<void> {
  const folder = mkdtempSync(join(stage.work, 'task-'));
  const play = new TaskPlay(stage, task, round, folder);
  try {
    await play.all();
  } catch (error) {
    stage.stop.throwIfAborted();
    const because = error instanceof Error ? error.message : String(error);
    stage.record.wrong.push({ round, place: task.place, set: task.set, label: task.tool.label, step: play.step, because });
    stage.say(`${task.tool.label}: ${play.step} is wrong: ${because}`);
  } finally {
    play.close();
    rmSync(folder, { recursive: true, force: true });
    stage.save();
  }
}

class TaskPlay {
  readonly #stage: Stage;
  readonly #task: Task;
  readonly #round: number;
  readonly #folder: string;
  readonly #runner: Runner;
  #stored = '';
  #backedUp = '';
  step: Step | 'init' = 'init';

  constructor(stage: Stage, task: Task, round: number, folder: string) {
    this.#stage = stage;
    this.#task = task;
    this.#round = round;
    this.#folder = folder;
    this.#runner = new Runner(folder, stage.stop);
  }

  async all(): Promise<void> {
    const { tool, steps } = this.#task;
    const home = join(this.#folder, 'home');
    mkdirSync(home);
    const repository = tool.open(await this.#place(), home);
    if (repository === null) return;
    for (const command of repository.init) await this.#runner.run(command);
    for (const step of steps) {
      this.step = step;
      await this.#play(step, repository);
    }
  }

  close(): void {
    if (this.#task.place === 's3' && this.#stored !== '') rmSync(this.#stored, { recursive: true, force: true });
  }

  async #place(): Promise<Place> {
    const { server } = this.#stage;
    if (this.#task.place === 'directory') {
      this.#stored = join(this.#folder, 'repository');
      return { kind: 'directory', path: this.#stored };
    }
    if (server === null) throw new Error('there is no S3 server');
    const bucket = `bench-${this.#folder.slice(-6).toLowerCase()}-${this.#stage.record.runs.length}`;
    this.#stored = join(server.root, bucket);
    return server.newBucket(bucket);
  }

  async #play(step: Step, repository: Repository): Promise<void> {
    if (step === 'verify') this.#note(step, await this.#measure(repository.verify), false);
    else if (step === 'restore') await this.#restore(repository);
    else {
      const cost = await this.#measure(repository.backup(this.#source(step === 'changed' ? 1 : 0)));
      this.#backedUp = cost.out;
      this.#note(step, cost, true);
    }
  }

  async #restore(repository: Repository): Promise<void> {
    const { corpora } = this.#stage;
    const { set } = this.#task;
    if (set === 'rec') throw new Error('the records alone are not restored');
    const target = join(this.#folder, 'restored');
    mkdirSync(target);
    for (const cache of repository.caches) rmSync(cache, { recursive: true, force: true });
    const { command, root } = repository.restore(target, corpora.path(set), this.#backedUp);
    const cost = await this.#measure(command);
    const expected = corpora.hash(set, 1);
    const found = existsSync(root) ? hashTree(root) : null;
    if (found === null || found.sha256 !== expected.sha256)
      throw new Error(`what was restored is not what was backed up: ${found?.files ?? 0} files, ${found?.bytes ?? 0} bytes, expected ${expected.files} and ${expected.bytes}`);
    this.#note('restore', cost, false);
  }

  #source(version: 0 | 1): string {
    const { corpora } = this.#stage;
    const { set } = this.#task;
    if (set !== 'rec') {
      corpora.show(set, version);
      return corpora.path(set);
    }
    corpora.show('big', 0);
    const folder = join(this.#folder, 'rec');
    mkdirSync(folder);
    copyFileSync(join(corpora.path('big'), 'rec.jsonl'), join(folder, 'rec.jsonl'));
    return folder;
  }

  async #measure(command: Command): Promise<Cost & { readonly out: string; readonly serverSeconds: number | null }> {
    // What an earlier step left to be written must not be paid by this one.
    spawnSync('sync');
    const before = this.#stage.server?.cpuSeconds() ?? null;
    const cost = await this.#runner.run(command);
    const after = this.#stage.server?.cpuSeconds() ?? null;
    const serverSeconds = this.#task.place === 's3' && before !== null && after !== null ? after - before : null;
    return { ...cost, serverSeconds, foreignSeconds: cost.foreignSeconds === null ? null : Math.max(0, cost.foreignSeconds - (serverSeconds ?? 0)) };
  }

  #note(step: Step, { wallSeconds, cpuSeconds, peakBytes, foreignSeconds, serverSeconds }: Cost & { readonly serverSeconds: number | null }, isWriting: boolean): void {
    const { place, set, tool } = this.#task;
    const run: Run = {
      round: this.#round,
      place,
      set,
      label: tool.label,
      step,
      wallSeconds,
      cpuSeconds,
      peakBytes,
      foreignSeconds,
      serverSeconds,
      storedBytes: isWriting ? folderBytes(this.#stored) : null,
    };
    this.#stage.record.runs.push(run);
    this.#stage.say(
      `round ${run.round} ${place} ${set} ${tool.label}: ${step} ${wallSeconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s CPU, ${Math.round(peakBytes / 2 ** 20)} MiB${run.storedBytes === null ? '' : `, ${(run.storedBytes / 1e6).toFixed(1)} MB stored`}${foreignSeconds === null ? '' : `; others ${foreignSeconds.toFixed(2)} s CPU`}`,
    );
    this.#stage.save();
  }
}

function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0), 0);
}
