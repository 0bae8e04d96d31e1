// A fence of a machine in memory: for the tests of the operations, and the first to keep the contract.
import type { FenceOutcome } from '../../core/fences/fence-plan.ts';
import type { UndoPermit } from '../../core/fences/undo-permit.ts';
import type { Fence, FenceTarget } from '../../ports/fence.ts';

export class MemoryMachine {
  isOn: boolean;
  /** How often it was switched. */
  switches = 0;

  constructor(isOn: boolean) {
    this.isOn = isOn;
  }

  turn(isOn: boolean): void {
    if (this.isOn === isOn) return;
    this.isOn = isOn;
    this.switches += 1;
  }
}

export class MemoryFence implements Fence {
  readonly #machine: MemoryMachine;

  constructor(machine: MemoryMachine) {
    this.#machine = machine;
  }

  async remember(_target: FenceTarget, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return this.#machine.isOn ? 'on' : 'off';
  }

  async fence(_target: FenceTarget, signal: AbortSignal): Promise<FenceOutcome> {
    if (signal.aborted) return { kind: 'unknown', because: 'aborted before it was asked' };
    this.#machine.turn(false);
    return this.#machine.isOn ? { kind: 'failed', because: 'it is on' } : { kind: 'confirmed', because: 'it is off' };
  }

  async undo(_permit: UndoPermit, memo: string, signal: AbortSignal): Promise<FenceOutcome> {
    if (signal.aborted) return { kind: 'unknown', because: 'aborted before it was asked' };
    if (memo === 'off') return { kind: 'confirmed', because: 'it was off before the fence' };
    this.#machine.turn(true);
    return { kind: 'confirmed', because: 'it is on' };
  }
}
