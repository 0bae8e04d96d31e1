// One harness at a time in a checkout: two would wipe each other's state and answer each other's DNS queries.
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readIfThere, readJsonIfThere } from './files.ts';
import { identify, isAlive, processIdentity } from './process-identity.ts';

export type Lock = { release(): void };

export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
}

const TRIES = 10;

/** Taken by link(2), which fails if the name is taken and never shows a half-written file. */
export function takeLock(path: string): Lock {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${JSON.stringify(identify(process.pid))}\n`;
  const beside = `${path}.${randomUUID()}`;
  writeFileSync(beside, mine);
  try {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      try {
        linkSync(beside, path);
        return {
          release() {
            if (readIfThere(path) === mine) rmSync(path, { force: true });
          },
        };
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const text = readIfThere(path);
      if (text === null) continue;
      const holder = processIdentity.safeParse(readJsonIfThere(path));
      if (holder.success && isAlive(holder.data)) {
        throw new AlreadyRunningError(`the three regions of this checkout are already up, in process ${holder.data.pid}; stop that one first (Ctrl-C there, or: kill ${holder.data.pid})`);
      }
      takeAway(path, text);
    }
    throw new Error(`could not take ${path} in ${TRIES} tries; remove that file if no harness runs here`);
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Removes a dead holder's file; if somebody else took the lock in between, what was moved is theirs and goes back. */
function takeAway(path: string, dead: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readIfThere(aside) !== dead) {
    try {
      linkSync(aside, path);
    } catch {
      // Taken once more meanwhile: the next try finds that holder.
    }
  }
  rmSync(aside, { force: true });
}
