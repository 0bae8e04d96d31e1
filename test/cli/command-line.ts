// Runs one command line over a group in memory and keeps what it said.
import { run } from '../../src/cli/run.ts';
import type { ExitStatus } from '../../src/cli/world.ts';
import { nowMs, type Group } from './group-fixture.ts';

export type Said = { readonly exit: ExitStatus; readonly out: string; readonly err: string };

/** @param pictures how many `status --watch` shows. */
export async function holdfast(group: Group, args: readonly string[], pictures = 1, between: () => void | Promise<void> = () => undefined): Promise<Said> {
  let [out, err, shown] = ['', '', 1];
  const exit = await run(args, {
    connect: async () => group.connection,
    out: (text) => (out += text),
    err: (text) => (err += text),
    userName: () => 'ada',
    nowMs: () => nowMs,
    waitForNext: async () => {
      await between();
      return (shown += 1) <= pictures;
    },
    isTerminal: false,
    isProgressTerminal: false,
  });
  return { exit, out, err };
}
