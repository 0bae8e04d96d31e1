// The program behind `npx holdfast`: gives the command line its world, AWS included.
import { userInfo } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { connectToStacks } from '../client/connect-to-stacks.ts';
import { readEndpoints } from '../config/environment.ts';
import { toRuntimeConfig } from '../config/runtime-config.ts';
import { loadConfig, loadPlan } from './load-config.ts';
import { run } from './run.ts';

const controller = new AbortController();
const interruptedStatus = 130;
// Ctrl-C ends what watches between two looks; a second one, or one in anything else, ends the program at once.
let isWatching = false;
process.on('SIGINT', () => {
  if (controller.signal.aborted || !isWatching) process.exit(interruptedStatus);
  controller.abort();
});

process.exitCode = await run(process.argv.slice(2), {
  connect: async (configFile) => {
    const written = await loadConfig(configFile);
    const config = toRuntimeConfig(written);
    return connectToStacks(config, readEndpoints(config.voters.map((v) => v.region)), written.divergence);
  },
  loadPlan,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  userName: () => userInfo().username,
  nowMs: Date.now,
  waitForNext: async (afterMs) => {
    isWatching = true;
    return setTimeout(afterMs, true, { signal: controller.signal }).catch(() => false);
  },
  isTerminal: process.stdout.isTTY,
  isProgressTerminal: process.stderr.isTTY,
});
