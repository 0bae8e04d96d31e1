// Runs the programs of a long check one after the other, their output as it comes. A person who stops the run stops all of it, not only what is under way.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

let isStopped = false;

/** @returns its exit status: 127 where it could not be started, 130 where the run was stopped before */
export async function runCommand(command: string, args: readonly string[]): Promise<number> {
  if (isStopped) return 130;
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (signal: NodeJS.Signals) => {
    isStopped = true;
    child.kill(signal);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('exit', (code) => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve(code ?? 1);
    });
  });
}
