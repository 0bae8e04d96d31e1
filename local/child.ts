// Another program that runs for the harness: in a process group of its own, written down while it runs, ended with the harness.
import { spawn } from 'node:child_process';
import { signalGroup } from './engine/process-group.ts';
import type { ProcessRecords } from './leftovers.ts';

export type ChildOptions = {
  /** For errors and for the list of who runs. */
  readonly what: string;
  /** A script of this checkout and its arguments, run by the Node that runs this. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly records: ProcessRecords;
  /** Told each line of its standard error; absent: both of its outputs are shown as they are. */
  readonly onLine?: (line: string) => void;
};

/** Time to end by itself (the observer heals what it broke) before it is made to. */
const END_WITHIN_MS = 3_000;

/** Resolves at its end. `stdout` is empty where it was shown. */
export function runChild(options: ChildOptions): Promise<{ readonly code: number; readonly stdout: string }> {
  const { what, args, cwd, env, signal, records, onLine } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], {
      cwd,
      env: { ...env },
      detached: true,
      stdio: onLine === undefined ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    const pid = child.pid;
    let stdout = '';
    let unfinished = '';
    let killer: NodeJS.Timeout | undefined;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unfinished + text).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    });
    const end = (): void => {
      if (pid === undefined) return;
      signalGroup(pid, 'SIGTERM');
      killer = setTimeout(() => signalGroup(pid, 'SIGKILL'), END_WITHIN_MS);
    };
    child.on('error', (error) => reject(new Error(`${what} could not be started: ${error.message}`, { cause: error })));
    child.on('close', (code) => {
      clearTimeout(killer);
      signal.removeEventListener('abort', end);
      if (pid !== undefined) {
        records.drop(pid);
        // Whatever it started and left behind, too.
        signalGroup(pid, 'SIGKILL');
      }
      if (unfinished !== '') onLine?.(unfinished);
      if (signal.aborted) reject(signal.reason);
      else resolve({ code: code ?? 1, stdout });
    });
    if (pid === undefined) return;
    records.add(pid, what);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
