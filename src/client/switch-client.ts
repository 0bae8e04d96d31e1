// A planned switch-over as functions: what `npx holdfast switch` does. Its machine runs in the target; who looks at it changes nothing.
import { HoldfastError, NoQuorumError, RefusedError } from '../core/errors.ts';
import { executionName } from '../core/failover/runbook.ts';
import { refusalByRegister } from '../core/failover/switch-over.ts';
import { candidatesOf } from '../core/policy.ts';
import { reservedEpoch, type RegisterValue } from '../core/register/value.ts';
import type { Connection, RegionConnection } from './connection.ts';
import { groupRegister } from './group-register.ts';
import { describe } from './region-status.ts';
import type { RunState } from './runbook-runs.ts';

/** An execution that was started; it goes on whoever looks. */
export type StartedSwitch = { readonly name: string; readonly from: string; readonly to: string };

export class SwitchClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Starts the machine in the target, where nothing in the register stands against it; the machine checks the rest. @throws RefusedError, NoQuorumError */
  async start(to: string, asked: { readonly by: string; readonly reason: string }): Promise<StartedSwitch> {
    const { config, clock, chance } = this.#connection;
    const target = this.#target(to);
    const sighting = await groupRegister(this.#connection).look();
    if (sighting.kind === 'nothing' || sighting.kind === 'minority')
      throw new NoQuorumError(
        `A switch-over needs a majority of regions to answer, and they do not: ${sighting.because}. Nothing was changed. Look at the regions that are silent ('holdfast status'), then ask again.`,
      );
    const refusal = refusalByRegister(sighting.value, to, config);
    if (refusal !== undefined) throw new RefusedError(`The switch-over to ${to} was refused: ${refusal}. Nothing was changed.`);
    const name = `sw-${new Date(clock.nowMs()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${chance.id().slice(-8)}`;
    try {
      await target.runs.start('switch-over', name, { group: config.group, target: to, ...asked });
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      throw new NoQuorumError(`${to} did not say whether the switch-over ${name} was started (${describe(error)}). 'holdfast status' shows whether one is under way; look before you ask again.`);
    }
    return { name, from: sighting.value.holder, to };
  }

  async look({ name, to }: StartedSwitch): Promise<RunState> {
    return this.#target(to).runs.look('switch-over', name);
  }

  /** What the register says of it in a sentence; null where that is not certain now. */
  async stands(started: StartedSwitch): Promise<string | null> {
    const sighting = await groupRegister(this.#connection).look();
    return sighting.kind === 'chosen' ? describeStand(sighting.value, started) : null;
  }

  #target(to: string): RegionConnection {
    const { config, regions } = this.#connection;
    const found = regions.find((r) => r.region === to);
    const candidates = candidatesOf(config).join(' or ');
    if (found === undefined) throw new RefusedError(`'${to}' is not a region of ${config.group}: it may be ${candidates}. Nothing was changed.`);
    if (found.role === 'witness') throw new RefusedError(`${to} is a witness: it votes and never becomes active. The target may be ${candidates}. Nothing was changed.`);
    return found;
  }
}

function describeStand(value: RegisterValue, { from, to }: StartedSwitch): string {
  const { holder, epoch, state } = value;
  const attempt = executionName(reservedEpoch(value), value.attempt);
  if (value.planned === true && holder === from && value.released) return `${from} has handed everything over and released epoch ${epoch}`;
  if (value.planned === true && holder === from && !value.renewable) return `the lease of ${from} is revoked in favour of ${to} (${attempt}): ${from} hands over`;
  if (value.successor !== null) return `a failover to ${value.successor} is under way (${attempt}): ${value.because}`;
  if (state === 'failing-over' || state === 'failed') return `${holder} holds epoch ${epoch} and opens (state '${state}')`;
  return state === 'recovery' ? `${holder} is open: writes are accepted there` : `${holder} holds epoch ${epoch}, state '${state}'`;
}
