// What the commands of `holdfast` are given: the world, and what a person said.
import { parseArgs } from 'node:util';
import type { Connection } from '../client/connection.ts';
import type { RecoveryPlan } from '../config/recovery-plan.ts';
import { options } from './usage.ts';

export type World = {
  readonly connect: (configFile: string) => Promise<Connection>;
  readonly loadPlan: (file: string) => Promise<RecoveryPlan>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly userName: () => string;
  readonly nowMs: () => number;
  /** Between two pictures or looks; false ends it: Ctrl-C. */
  readonly waitForNext: (afterMs: number) => Promise<boolean>;
  /** `out` is a terminal that can be cleared. */
  readonly isTerminal: boolean;
  /** `err` is a terminal whose line can be written anew. */
  readonly isProgressTerminal: boolean;
};

/** 130: a person ended the watching; what was watched goes on. */
export type ExitStatus = 0 | 1 | 2 | 130;

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Values = ReturnType<typeof parseArguments>['values'];

export function parseArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
