// A machine outside AWS, switched off by its Redfish controller (DMTF DSP0266). The power state is read back: a reset is accepted long before it is done.
import { setTimeout } from 'node:timers/promises';
import type { FenceOutcome } from '../../core/fences/fence-plan.ts';
import type { UndoPermit } from '../../core/fences/undo-permit.ts';
import type { Fence, FenceTarget } from '../../ports/fence.ts';
import { RedfishRefusal, redfishRequest, type RedfishAccess } from './redfish-request.ts';

type Power = 'On' | 'Off' | 'between';
type System = { readonly power: Power; readonly shown: string; readonly resetPath: string };

const pollMs = 250;

export class RedfishPower implements Fence {
  readonly #access: RedfishAccess;

  constructor(access: RedfishAccess) {
    this.#access = access;
  }

  async remember(_target: FenceTarget, signal: AbortSignal): Promise<string> {
    const { power, shown } = await this.#system(signal);
    if (power === 'between' && shown !== 'PoweringOn' && shown !== 'PoweringOff') throw new Error(`its power state is '${shown}'`);
    return power === 'Off' || shown === 'PoweringOff' ? 'Off' : 'On';
  }

  async fence(_target: FenceTarget, signal: AbortSignal): Promise<FenceOutcome> {
    return this.#bring('Off', 'ForceOff', signal);
  }

  async undo(_permit: UndoPermit, memo: string, signal: AbortSignal): Promise<FenceOutcome> {
    if (signal.aborted) return { kind: 'unknown', because: 'its time was over before it was begun' };
    if (memo === 'Off') return { kind: 'confirmed', because: 'it was off before the fence' };
    return this.#bring('On', 'On', signal);
  }

  /** A controller that does not answer is asked again until the time is over; what it refuses ends it. */
  async #bring(wanted: 'On' | 'Off', resetType: 'On' | 'ForceOff', signal: AbortSignal): Promise<FenceOutcome> {
    let said = 'its time was over before it was begun';
    let isAccepted = false;
    while (!signal.aborted) {
      try {
        const system = await this.#system(signal);
        if (system.power === wanted) return { kind: 'confirmed', because: `its power state is ${wanted}` };
        said = `${isAccepted ? `${resetType} was accepted, and ` : ''}its power state is '${system.shown}'`;
        if (!isAccepted) await redfishRequest(this.#access, { method: 'POST', path: system.resetPath, body: { ResetType: resetType } }, signal);
        isAccepted = true;
      } catch (error) {
        if (error instanceof RedfishRefusal) return { kind: isAccepted ? 'unknown' : 'failed', because: error.message };
        if (error instanceof Error && !signal.aborted) said = error.message;
      }
      await setTimeout(pollMs, undefined, { signal }).catch(() => undefined);
    }
    return { kind: 'unknown', because: `its time is over: ${said}` };
  }

  async #system(signal: AbortSignal): Promise<System> {
    const answer = await redfishRequest(this.#access, { method: 'GET', path: this.#access.system.pathname }, signal);
    const shown = fieldOf(answer, 'PowerState');
    const resetPath = fieldOf(fieldOf(fieldOf(answer, 'Actions'), '#ComputerSystem.Reset'), 'target');
    if (typeof shown !== 'string' || typeof resetPath !== 'string')
      throw new RedfishRefusal(`${this.#access.system.href} is no system with a PowerState and a Reset action: name a member of /redfish/v1/Systems`);
    return { shown, resetPath, power: shown === 'On' || shown === 'Off' ? shown : 'between' };
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}
