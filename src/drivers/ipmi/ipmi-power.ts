// A machine outside AWS, switched off by its IPMI 2.0 controller, through the program ipmitool. The power state is read back by a session of its own.
import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { FenceOutcome } from '../../core/fences/fence-plan.ts';
import type { UndoPermit } from '../../core/fences/undo-permit.ts';
import type { Fence, FenceTarget } from '../../ports/fence.ts';

export type IpmiAccess = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: () => Promise<string>;
  /** 17: HMAC-SHA256; 3: HMAC-SHA1. Both with AES-128. */
  readonly cipherSuite: 3 | 17;
};

/** /opt/bin is where a Lambda layer puts a program. */
const searchPath = '/opt/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin';
const pollMs = 250;
/** Of one packet's answer, and how often it is sent again, before ipmitool gives a session up. */
const [packetSeconds, packetRetries] = [1, 2];
const run = promisify(execFile);

export class IpmiPower implements Fence {
  readonly #access: IpmiAccess;

  constructor(access: IpmiAccess) {
    this.#access = access;
  }

  async remember(_target: FenceTarget, signal: AbortSignal): Promise<string> {
    return this.#status(signal);
  }

  async fence(_target: FenceTarget, signal: AbortSignal): Promise<FenceOutcome> {
    return this.#bring('off', signal);
  }

  async undo(_permit: UndoPermit, memo: string, signal: AbortSignal): Promise<FenceOutcome> {
    if (signal.aborted) return { kind: 'unknown', because: 'its time was over before it was begun' };
    if (memo === 'off') return { kind: 'confirmed', because: 'it was off before the fence' };
    return this.#bring('on', signal);
  }

  /** ipmitool does not tell a refusal from silence, so it is asked again until the time is over. */
  async #bring(wanted: 'on' | 'off', signal: AbortSignal): Promise<FenceOutcome> {
    let said = 'its time was over before it was begun';
    let isAccepted = false;
    while (!signal.aborted) {
      try {
        const power = await this.#status(signal);
        if (power === wanted) return { kind: 'confirmed', because: `its chassis power is ${wanted}` };
        said = `${isAccepted ? `'power ${wanted}' was accepted, and ` : ''}its chassis power is ${power}`;
        if (!isAccepted) await this.#ipmitool(['chassis', 'power', wanted], signal);
        isAccepted = true;
      } catch (error) {
        if (!signal.aborted) said = whatItSaid(error);
      }
      await setTimeout(pollMs, undefined, { signal }).catch(() => undefined);
    }
    return { kind: 'unknown', because: `its time is over: ${said}` };
  }

  async #status(signal: AbortSignal): Promise<'on' | 'off'> {
    const text = await this.#ipmitool(['chassis', 'power', 'status'], signal);
    const found = /^Chassis Power is (on|off)$/mu.exec(text)?.[1];
    if (found !== 'on' && found !== 'off') throw new Error(`ipmitool said ${JSON.stringify(text.slice(0, 100))} of its power`);
    return found;
  }

  async #ipmitool(command: readonly string[], signal: AbortSignal): Promise<string> {
    const { host, port, user, password, cipherSuite } = this.#access;
    const session = ['-I', 'lanplus', '-H', host, '-p', String(port), '-U', user, '-E', '-C', String(cipherSuite), '-N', String(packetSeconds), '-R', String(packetRetries)];
    // The password by the environment: a command line is seen by everybody on the host.
    const env = { PATH: searchPath, LC_ALL: 'C', IPMITOOL_PASSWORD: await password() };
    signal.throwIfAborted();
    const { stdout } = await run('ipmitool', [...session, ...command], { env, signal, killSignal: 'SIGKILL' });
    return stdout;
  }
}

/** Without the command line. */
function whatItSaid(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'ipmitool could not be run';
  if ('code' in error && error.code === 'ENOENT') return `there is no program ipmitool in ${searchPath}`;
  const text = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  if (text !== '') return text.split('\n').slice(-1).join('');
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'ipmitool could not be run';
}
