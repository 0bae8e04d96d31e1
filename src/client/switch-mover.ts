// A group of a plan, moved by its own planned switch-over.
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import { refusalByRegister } from '../core/failover/switch-over.ts';
import type { Connection } from './connection.ts';
import { groupRegister } from './group-register.ts';
import type { GroupMover } from './plan-client.ts';
import { describe } from './region-status.ts';
import { SwitchClient } from './switch-client.ts';

const lookIntervalMs = 1000;
/** In a row; the machine goes on whether it is seen or not. */
const failedLooksMax = 30;

/** @param wait between two looks */
export function switchMover(name: string, connection: Connection, asked: { readonly by: string; readonly reason: string }, wait: (ms: number) => Promise<void>): GroupMover {
  const client = new SwitchClient(connection);
  return {
    name,
    async stand(to) {
      const sighting = await groupRegister(connection).look();
      if (sighting.kind !== 'chosen') throw new NoQuorumError(`its register cannot be read for certain (${sighting.because})`);
      return { holder: sighting.value.holder, refusal: refusalByRegister(sighting.value, to, connection.config) };
    },
    async move(to) {
      const started = await client.start(to, asked);
      let failedLooks = 0;
      for (;;) {
        await wait(lookIntervalMs);
        const state = await client.look(started).catch((error: unknown) => describe(error));
        if (typeof state === 'string') {
          failedLooks += 1;
          if (failedLooks < failedLooksMax) continue;
          throw new NoQuorumError(`${started.name} in ${to} can no longer be watched (${state}); 'holdfast status' of ${name} shows what stands`);
        }
        failedLooks = 0;
        if (state.kind === 'succeeded') return;
        if (state.kind !== 'running') throw new RefusedError(`its switch-over ended as ${state.failure.end}: ${state.failure.message}`);
      }
    },
  };
}
