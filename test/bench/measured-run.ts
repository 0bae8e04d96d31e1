// Runs a program to its end and says what it cost: wall time, CPU of the whole process tree, peak memory, and what else was running meanwhile.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const measure = join(import.meta.dirname, 'measure.py');
const reportSchema = z.object({
  status: z.number(),
  wallSeconds: z.number(),
  userSeconds: z.number(),
  systemSeconds: z.number(),
  peakBytes: z.number(),
  busySeconds: z.number().nullable(),
});

export type Command = {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string /** Exit statuses that are success; otherwise 0. */;
  readonly good?: readonly number[];
};

export type Cost = {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** CPU seconds that others used meanwhile, on all processors; null where unknown. */
  readonly foreignSeconds: number | null;
};

export class Runner {
  readonly #scratch: string;
  readonly #stop: AbortSignal;

  constructor(scratch: string, stop: AbortSignal) {
    this.#scratch = scratch;
    this.#stop = stop;
  }

  /** @throws Error with the end of what the program said, where it failed */
  async run(command: Command): Promise<Cost & { readonly out: string }> {
    this.#stop.throwIfAborted();
    const [report, asked, outPath, errPath] = [join(this.#scratch, 'report.json'), join(this.#scratch, 'command.json'), join(this.#scratch, 'out'), join(this.#scratch, 'err')];
    rmSync(report, { force: true });
    writeFileSync(asked, JSON.stringify({ argv: [command.file, ...command.args], env: command.env, cwd: command.cwd ?? null }));
    const [out, err] = [openSync(outPath, 'w'), openSync(errPath, 'w')];
    // A group of its own, so that stopping it ends what it began.
    const child = spawn('python3', [measure, report, asked], { stdio: ['ignore', out, err], detached: true });
    const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
    this.#stop.addEventListener('abort', kill);
    const status = await new Promise<number>((resolve, reject) => child.on('error', reject).on('exit', (code) => resolve(code ?? 1))).finally(() => {
      this.#stop.removeEventListener('abort', kill);
      closeSync(out);
      closeSync(err);
    });
    this.#stop.throwIfAborted();
    const said = `${readFileSync(outPath, 'utf8').slice(-2000)}${readFileSync(errPath, 'utf8').slice(-2000)}`;
    const cost = readReport(report);
    if (cost === null || !(command.good ?? [0]).includes(cost.status)) throw new Error(`${command.file} ${command.args.join(' ')} ended with ${cost?.status ?? status}:\n${said}`);
    const cpuSeconds = cost.userSeconds + cost.systemSeconds;
    return {
      wallSeconds: cost.wallSeconds,
      cpuSeconds,
      peakBytes: cost.peakBytes,
      foreignSeconds: cost.busySeconds === null ? null : Math.max(0, cost.busySeconds - cpuSeconds),
      out: readFileSync(outPath, 'utf8'),
    };
  }
}

function readReport(path: string): z.infer<typeof reportSchema> | null {
  try {
    return reportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}
