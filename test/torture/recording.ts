// What a client writes down: one line before a call leaves, one when its answer is in. A client that was killed in between leaves
// the first alone: a call of unknown outcome. Joined, they are the calls that the checker reads.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export type Invocation =
  | { readonly process: string; readonly key: string; readonly op: 'cas'; readonly expect: string; readonly value: string }
  | { readonly process: string; readonly key: string; readonly op: 'read' };

/** `value` is what a read returned; `seen` is what a compare met that failed. */
export type Answer = { readonly result: 'ok'; readonly value?: string } | { readonly result: 'fail'; readonly seen: string } | { readonly result: 'unknown'; readonly because: string };

/** One line of the recording. Times are of the machine's monotonic clock, from the beginning of the run. */
export type Call = Invocation & Answer & { readonly invokedAtNs: number; readonly returnedAtNs: number | null };

type Begun = { readonly number: number; readonly begun: Invocation; readonly invokedAtNs: number };
type Ended = { readonly number: number; readonly ended: Answer; readonly returnedAtNs: number };

export class Recorder {
  readonly #file: number;
  readonly #nowNs: () => number;
  #count = 0;

  constructor(path: string, nowNs: () => number) {
    this.#file = openSync(path, 'a');
    this.#nowNs = nowNs;
  }

  /** Written (to where a SIGKILL does not reach it) before the call is made. */
  async record(invocation: Invocation, call: () => Promise<Answer>): Promise<Answer> {
    const number = (this.#count += 1);
    this.#write({ number, begun: invocation, invokedAtNs: this.#nowNs() });
    const answer = await call();
    this.#write({ number, ended: answer, returnedAtNs: this.#nowNs() });
    return answer;
  }

  #write(line: Begun | Ended): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** All calls of a folder of recordings, one file a client process, ordered by key and beginning. */
export function joinRecordings(directory: string): Call[] {
  const calls = readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => joinLines(readFileSync(join(directory, name), 'utf8')));
  return calls.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.invokedAtNs - b.invokedAtNs));
}

/** @param text of one client process. The last line may be cut off: its call was not made, or its answer counts as never seen. */
export function joinLines(text: string): Call[] {
  const begun = new Map<number, Begun>();
  const calls: Call[] = [];
  const lines = text.split('\n');
  lines.pop();
  for (const line of lines) {
    const entry: Begun | Ended = JSON.parse(line);
    if ('begun' in entry) {
      begun.set(entry.number, entry);
      continue;
    }
    const start = begun.get(entry.number);
    if (start === undefined) throw new Error(`An answer without its question, number ${entry.number}: the recording is damaged.`);
    begun.delete(entry.number);
    calls.push({ ...start.begun, ...entry.ended, invokedAtNs: start.invokedAtNs, returnedAtNs: entry.returnedAtNs });
  }
  const unanswered = [...begun.values()].map((b): Call => ({ ...b.begun, result: 'unknown', because: 'its client was killed', invokedAtNs: b.invokedAtNs, returnedAtNs: null }));
  return [...calls, ...unanswered];
}
