// The program behind `npx holdfast vault`: gives it its world. Apart from main.ts, so that nothing of AWS is loaded before it is needed.
import { runVault } from './vault-command.ts';

const controller = new AbortController();
const interruptedStatus = 130;

// The first Ctrl-C lets a backup make a checkpoint; the second one ends it at once, which harms nothing either. A restore goes on with --into-existing.
process.on('SIGINT', () => {
  if (controller.signal.aborted || process.argv[3] !== 'backup') process.exit(interruptedStatus);
  controller.abort();
});

process.exitCode = await runVault(process.argv.slice(3), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
  isTerminal: process.stderr.isTTY,
  nowMs: Date.now,
  stop: controller.signal,
});
