// Runs one command line over a group in memory and keeps what it said.
import { basename, dirname } from 'node:path';
import { run } from '../../src/cli/run.ts';
import { InvalidConfigError } from '../../src/core/errors.ts';
import type { ExitStatus } from '../../src/cli/world.ts';
import { loadPlan } from '../../src/cli/load-config.ts';
import { nowMs, type Group } from './group-fixture.ts';

export type Said = { readonly exit: ExitStatus; readonly out: string; readonly err: string };

/** @param group one, or several by the folder of their configuration. @param pictures how many `status --watch` shows. */
export async function holdfast(group: Group | ReadonlyMap<string, Group>, args: readonly string[], pictures = 1, between: () => void | Promise<void> = () => undefined): Promise<Said> {
  let [out, err, shown] = ['', '', 1];
  const exit = await run(args, {
    connect: async (file) => {
      const found = group instanceof Map ? group.get(basename(dirname(file))) : group;
      if (found === undefined) throw new InvalidConfigError(`There is no ${file}.`);
      return found.connection;
    },
    loadPlan,
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
