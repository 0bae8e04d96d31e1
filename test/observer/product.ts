// The product as its user meets it: a command line, an exit status and JSON. Nothing else of it is used here.
import { spawn } from 'node:child_process';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import type { CommandRun } from './journal.ts';

/** The longest that a backup or a restore of a demo may take before it counts as failed. */
const COMMAND_LIMIT_MS = 120_000;
const SAID_CHARACTERS_MAX = 4000;
const REASON_CHARACTERS_MAX = 300;

const failure = z.object({ error: z.object({ message: z.string() }) });

export class Product {
  readonly #clock: Clock;
  readonly #command: readonly string[];
  readonly #signal: AbortSignal;

  /** @param command the program and its first arguments */
  constructor(clock: Clock, command: readonly string[], signal: AbortSignal) {
    this.#clock = clock;
    this.#command = command;
    this.#signal = signal;
  }

  backup(type: 'full' | 'incremental'): Promise<CommandRun> {
    return this.#run(['backup', '--type', type, '--wait', '--json']);
  }

  restore({ atWallMs, into, region }: { readonly atWallMs: number; readonly into: string; readonly region: string }): Promise<CommandRun> {
    return this.#run(['restore', '--at', new Date(atWallMs).toISOString(), '--into', into, '--region', region, '--wait', '--json']);
  }

  /** Any other command. */
  ask(words: readonly string[]): Promise<CommandRun> {
    return this.#run([...words, '--json']);
  }

  /** Never rejects for what the command does. */
  #run(words: readonly string[]): Promise<CommandRun> {
    const [program = '', ...first] = this.#command;
    const startedAtMs = this.#clock.nowMs();
    return new Promise((resolve) => {
      const child = spawn(program, [...first, ...words], { stdio: ['ignore', 'pipe', 'pipe'], timeout: COMMAND_LIMIT_MS, killSignal: 'SIGKILL', signal: this.#signal });
      let output = '';
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-SAID_CHARACTERS_MAX);
      });
      const end = (exitCode: number, more: string) => resolve({ words, startedAtMs, endedAtMs: this.#clock.nowMs(), exitCode, answer: readJson(output), said: `${said}${more}`.trim() });
      child.on('error', (error) => end(127, error.message));
      child.on('close', (code, signal) => end(code ?? 128, signal === null ? '' : `ended by ${signal} within ${COMMAND_LIMIT_MS / 1000} s`));
    });
  }
}

/** Why a command failed, in its own words: said beside the answer, or in it. */
export function reasonOf({ said, answer }: CommandRun): string {
  const message = failure.safeParse(answer).data?.error.message ?? JSON.stringify(answer);
  return said === '' ? message.slice(0, REASON_CHARACTERS_MAX) : said.slice(-REASON_CHARACTERS_MAX);
}

/** One JSON value, or, of a command that tells its progress as JSON lines, the last one. */
function readJson(output: string): unknown {
  for (const text of [output, output.trim().split('\n').at(-1) ?? '']) {
    try {
      return JSON.parse(text);
    } catch {
      // not that, then
    }
  }
  return null;
}
