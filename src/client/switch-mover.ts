// A group of a plan, moved by its own planned switch-over.
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import { refusalByRegister } from '../core/failover/switch-over.ts';
import type { Connection } from './connection.ts';
import { followRun } from './follow-run.ts';
import { groupRegister } from './group-register.ts';
import type { GroupMover } from './plan-client.ts';
import { SwitchClient } from './switch-client.ts';

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
      const end = await followRun({
        look: () => client.look(started),
        seen: () => undefined,
        wait: async (ms) => {
          await wait(ms);
          return true;
        },
        lost: (because) => new NoQuorumError(`${started.name} in ${to} can no longer be watched (${because}); 'holdfast status' of ${name} shows what stands`),
      });
      if (end?.kind === 'failed') throw new RefusedError(`its switch-over ended as ${end.failure.end}: ${end.failure.message}`);
    },
  };
}
