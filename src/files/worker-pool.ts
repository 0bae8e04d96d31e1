// Worker threads that each take whole tasks. They are started when there is something to do, so that a run with nothing to do costs none.
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';

/** Handed to a worker ahead, so that it never waits for the main thread. */
const tasksAheadMax = 2;

type Waiting<Task, Result> = {
  readonly message: Task;
  readonly lane: unknown;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
};

type Member<Task, Result> = { readonly worker: Worker; readonly running: Map<number, Waiting<Task, Result>> };

/** A worker answers each `{ ticket, … }` by `{ ticket, result }`; what has no ticket is news. */
type Answer<Result, News> = { readonly ticket: number; readonly result: Result } | { readonly ticket: null; readonly news: News };

/** Threads that load a worker's file before there is a pool for it: while a vault is being opened. Those that no pool takes end with the process. */
export function startThreads(file: URL, count: number): Worker[] {
  return Array.from({ length: count }, () => startThread(file));
}

function startThread(file: URL): Worker {
  // Loaded by the first worker: a run that needs none does not pay for it.
  const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
  const worker = new Thread(new URL('worker-start.mjs', import.meta.url), { workerData: { file: file.href, compileCache: compileCache() } });
  worker.unref();
  return worker;
}

export type WorkerPoolOptions<News> = {
  readonly file: URL;
  readonly count: number;
  /** Asked as each worker begins. */
  readonly setup: () => object;
  readonly onNews: (news: News) => void;
  /** Of the same file; taken out as they are needed. */
  readonly threads?: Worker[] | undefined;
};

export class WorkerPool<Task extends object, Result, News = never> {
  readonly #file: URL;
  readonly #count: number;
  readonly #setup: () => object;
  readonly #onNews: (news: News) => void;
  readonly #threads: Worker[];
  readonly #members: Member<Task, Result>[] = [];
  readonly #waiting: Waiting<Task, Result>[] = [];
  #tickets = 0;
  #failure: Error | null = null;
  #isClosed = false;

  constructor({ file, count, setup, onNews, threads = [] }: WorkerPoolOptions<News>) {
    this.#file = file;
    this.#count = count;
    this.#setup = setup;
    this.#onNews = onNews;
    this.#threads = threads;
  }

  /** Tasks that no worker has begun with, as far as is known. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param lane what workers would get in each other's way at: tasks that share one go to the worker that is at it, as long as others are ready for the rest */
  run(task: Task, { transfer = [], lane = null }: { readonly transfer?: readonly ArrayBuffer[]; readonly lane?: unknown } = {}): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure);
        return;
      }
      this.#waiting.push({ message: task, transfer, lane, resolve, reject });
      this.#handOut();
    });
  }

  /** Does one that no worker has yet, the last, here. false: there is none. */
  runHere(by: (task: Task) => Result): boolean {
    const last = this.#waiting.pop();
    if (last === undefined) return false;
    last.resolve(by(last.message));
    return true;
  }

  /** One task for each worker that was started, after what it has been handed. */
  async everyOne(task: Task): Promise<Result[]> {
    if (this.#failure !== null) throw this.#failure;
    return Promise.all(this.#members.map((member) => new Promise<Result>((resolve, reject) => this.#send(member, { message: task, transfer: [], lane: null, resolve, reject }))));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }

  #handOut(): void {
    while (this.#waiting.length > 0) {
      const member = this.#leastBusy();
      if (member === null) return;
      const free = this.#waiting.findIndex(({ lane }) => lane === null || !this.#isOthers(lane, member));
      const [next] = this.#waiting.splice(Math.max(free, 0), 1);
      if (next !== undefined) this.#send(member, next);
    }
  }

  #isOthers(lane: unknown, mine: Member<Task, Result>): boolean {
    return this.#members.some((member) => member !== mine && [...member.running.values()].some((running) => running.lane === lane));
  }

  #leastBusy(): Member<Task, Result> | null {
    const idle = this.#members.find(({ running }) => running.size === 0);
    if (idle !== undefined) return idle;
    if (this.#members.length < this.#count) return this.#start();
    const [first, ...others] = this.#members;
    if (first === undefined) return null;
    const least = others.reduce((a, b) => (b.running.size < a.running.size ? b : a), first);
    return least.running.size < tasksAheadMax ? least : null;
  }

  #send(member: Member<Task, Result>, waiting: Waiting<Task, Result>): void {
    const ticket = ++this.#tickets;
    member.running.set(ticket, waiting);
    member.worker.postMessage({ ...waiting.message, ticket }, [...waiting.transfer]);
  }

  #start(): Member<Task, Result> {
    const worker = this.#threads.shift() ?? startThread(this.#file);
    worker.ref();
    worker.postMessage(this.#setup());
    const member: Member<Task, Result> = { worker, running: new Map() };
    worker.on('message', (answer: Answer<Result, News>) => {
      if (answer.ticket === null) {
        this.#onNews(answer.news);
        return;
      }
      const waiting = member.running.get(answer.ticket);
      member.running.delete(answer.ticket);
      waiting?.resolve(answer.result);
      this.#handOut();
    });
    worker.on('error', (error: Error) => this.#fail(error));
    worker.on('exit', (code) => {
      if (!this.#isClosed) this.#fail(new Error(`a worker thread ended by itself (exit code ${code}): run the same command again`));
    });
    this.#members.push(member);
    return member;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { running } of this.#members) {
      for (const { reject } of running.values()) reject(this.#failure);
      running.clear();
    }
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

/** Node puts a folder of its version into the one that it is given. */
function compileCache(): string | null {
  const folder = getCompileCacheDir();
  return folder === undefined ? null : path.dirname(folder);
}
