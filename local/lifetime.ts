// A program that leaves nothing behind, however it ends: signals, errors and the death of its parent all abort its work, which ends what it
// began; then the process ends.

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;
  constructor(because: string, exitCode: number) {
    super(because);
    this.exitCode = exitCode;
  }
}

/** 128 + the signal's number, as shells say it. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const PARENT_LOOK_MS = 1_000;

/** Runs `work` to its exit code. It must settle soon after `signal` is aborted. */
export async function runProgram(work: (signal: AbortSignal) => Promise<number>): Promise<never> {
  const controller = new AbortController();
  const interrupt = (because: string, exitCode: number): void => controller.abort(new Interrupted(because, exitCode));
  for (const [name, code] of [
    ['SIGINT', SIGNALS.SIGINT],
    ['SIGTERM', SIGNALS.SIGTERM],
    ['SIGHUP', SIGNALS.SIGHUP],
  ] as const) {
    // npm passes on what the terminal has sent already: the second one says nothing new.
    process.on(name, () => interrupt(name, code));
  }
  process.on('uncaughtException', (error) => {
    if (!controller.signal.aborted) console.error(error);
    interrupt(`an error that nobody handled: ${error.message}`, 1);
  });
  // If npm is killed, this process is given to another parent, and nobody is left who could end it.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) interrupt('the process that started this one is gone', 1);
  }, PARENT_LOOK_MS);

  let exitCode: number;
  try {
    exitCode = await work(controller.signal);
  } catch (error) {
    exitCode = error instanceof Interrupted ? error.exitCode : 1;
    console.error(error instanceof Interrupted ? `ended: ${error.message}` : `failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  process.exit(exitCode);
}

/** Rejects when aborted, and never resolves. */
export function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
