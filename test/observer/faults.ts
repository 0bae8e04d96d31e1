// The four ways in which the active region is lost, and how each comes back. The observer is the one who does it, so that what the
// product knows of the fault is only what it can see.
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { connect } from 'node:net';
import { sleep } from './clock.ts';
import { askControl } from './control.ts';
import type { FaultRecord } from './journal.ts';
import { continueRegion, killRegion, stopRegion } from './processes.ts';
import { readRegionsFile, regionEntry } from './regions-file.ts';

export interface Fault {
  readonly kind: FaultRecord['kind'];
  /** How long it lasts at least, before `end` may be called. */
  readonly lastsMs: number;
  /** Whether `end` waits for the new region to serve: true where a return before that would only be a short outage. */
  readonly endsAfterTakeover: boolean;
  /** Resolves once the fault is verified to be in place, with what was found. */
  begin(): Promise<string>;
  /** Resolves once the region is back, with what was done. */
  end(): Promise<string>;
  /** After an abandoned run: leaves nothing frozen, cut or throttled. A killed region stays dead. */
  undo(): Promise<void>;
}

export interface FaultOptions {
  readonly kind: FaultRecord['kind'];
  readonly regionsPath: string;
  readonly region: string;
  /** How long a fault that ends by itself lasts. */
  readonly heldMs: number;
  /** Where the output of the restarted region's command goes. */
  readonly restartLogPath: string;
}

export function makeFault({ kind, regionsPath, region, heldMs, restartLogPath }: FaultOptions): Fault {
  const file = () => readRegionsFile(regionsPath);
  const entry = () => regionEntry(file(), region);
  const listed = () => entry().pids;
  const heal = async () => askControl(file().control?.url, { kind: 'heal' });
  switch (kind) {
    case 'kill':
      return {
        kind,
        lastsMs: 0,
        endsAfterTakeover: true,
        begin: async () => {
          const { pids, rounds } = await killRegion(listed);
          requireSome(pids, region);
          await requireRefused(entry().endpoint);
          return `SIGKILL: ${pids.length} processes gone after ${rounds} rounds, its port refuses connections`;
        },
        end: async () => {
          const [command, ...args] = entry().start;
          if (command === undefined) throw new Error(`regions.json names no start command for ${region}: it cannot be restarted`);
          const log = openSync(restartLogPath, 'a');
          spawn(command, args, { detached: true, stdio: ['ignore', log, log] })
            .on('error', () => {}) // a missing command shows as a region that does not answer, with the log to read
            .unref();
          return `restarted by: ${entry().start.join(' ')}`;
        },
        undo: async () => {},
      };
    case 'hang':
      return {
        kind,
        lastsMs: heldMs,
        endsAfterTakeover: false,
        begin: async () => {
          const { pids, rounds } = await stopRegion(listed);
          requireSome(pids, region);
          return `SIGSTOP: ${pids.length} processes stopped after ${rounds} rounds`;
        },
        end: async () => `SIGCONT: ${(await continueRegion(listed)).pids.length} processes go on`,
        undo: async () => {
          await continueRegion(listed);
        },
      };
    case 'partition':
      return {
        kind,
        lastsMs: heldMs,
        endsAfterTakeover: true,
        begin: async () => {
          await askControl(file().control?.url, { kind: 'isolate', region });
          return `${region} reaches no other region, and none reaches it`;
        },
        end: async () => {
          await heal();
          return 'the links are whole again';
        },
        undo: heal,
      };
    case 'sick':
      return {
        kind,
        lastsMs: heldMs,
        endsAfterTakeover: true,
        begin: async () => {
          await askControl(file().control?.url, { kind: 'throttle', region, table: file().tableName });
          return `every write to table ${file().tableName} in ${region} is throttled`;
        },
        end: async () => {
          await heal();
          return 'the table takes writes again';
        },
        undo: heal,
      };
  }
}

function requireSome(pids: readonly number[], region: string): void {
  if (pids.length === 0) throw new Error(`regions.json lists no living process of ${region}: nothing was struck, so nothing can be measured`);
}

/** The main thread of a killed process can be gone while its last other thread still holds the sockets: so long, on a busy machine. */
const CLOSING_LIMIT_MS = 3000;
const CLOSING_LOOK_MS = 20;

/** A killed region must be gone to clients too: a survivor on its port would make the measured recovery a lie. */
async function requireRefused(endpoint: string): Promise<void> {
  const giveUpAtMs = performance.now() + CLOSING_LIMIT_MS;
  while ((await isListening(endpoint)) && performance.now() < giveUpAtMs) await sleep(CLOSING_LOOK_MS);
  if (await isListening(endpoint)) throw new Error(`${endpoint} still accepts connections although every listed process was killed: regions.json is not true`);
}

/** Whether anybody accepts connections there. */
function isListening(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
