// A day on which nothing that matters goes wrong: what opened stays open. Liveness that the other histories cannot judge, since a
// fault may always be the reason why a gate is shut (H2, H6, H9).
import type { Invariants } from './invariants.ts';
import type { Product } from './product.ts';
import type { World } from './world.ts';

const everyMs = 500;
/** A gate is asked each 0.7 s or so, and one read may be slow or lost. */
const silentMsMax = 8000;

export function watchCalm(world: World, product: Product, invariants: Invariants, untilMs: number): void {
  let openEpoch = 0;
  let openedAtMs = 0;
  const look = (): void => {
    if (world.nowMs > untilMs) return;
    const acting = world.regions.filter((r) => product.leaseRows.isActingAt(invariants.gateRow(r), r.wallAt(world.nowMs)));
    if (openEpoch > 0 && acting.length === 0) world.violate('a calm day stays calm', `nobody has acted since epoch ${openEpoch}, and nothing has gone wrong that anybody could have needed`);
    if (openEpoch > 0 && world.nowMs - Math.max(openedAtMs, invariants.newestAnswerAtMs) > silentMsMax)
      world.violate('a calm day stays calm', `no gate has answered 200 for ${silentMsMax / 1000} s, and nothing has gone wrong that anybody could have needed`);
    if (openEpoch === 0 && acting.length > 0) openedAtMs = world.nowMs;
    openEpoch = Math.max(openEpoch, ...acting.map((r) => invariants.gateRow(r).epoch));
    world.queue.after(everyMs, look);
  };
  look();
}
