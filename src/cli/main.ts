// The program behind `npx holdfast`: gives the command line its world, AWS included.
import { userInfo } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { connectToStacks } from '../client/connect-to-stacks.ts';
import { readEndpoints } from '../config/environment.ts';
import { toRuntimeConfig } from '../config/runtime-config.ts';
import { loadConfig } from './load-config.ts';
import { run } from './run.ts';

const watchIntervalMs = 2000;

process.exitCode = await run(process.argv.slice(2), {
  connect: async (configFile) => {
    const config = toRuntimeConfig(await loadConfig(configFile));
    return connectToStacks(config, readEndpoints(config.voters.map((v) => v.region)));
  },
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  userName: () => userInfo().username,
  // Ctrl-C ends it.
  waitForNext: async () => setTimeout(watchIntervalMs, true),
  isTerminal: process.stdout.isTTY,
});
