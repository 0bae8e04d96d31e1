// The governor's tick: from the queue of slots, and from the gate when the last tick is too long ago.
import { connectApplier, connectGovernor, otherLogsOf } from '../src/client/connect.ts';
import { connectHandOver } from '../src/client/connect-hand-over.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseSlots } from '../src/core/clock/slot.ts';
import { candidatesOf } from '../src/core/policy.ts';
import { sha256 } from '../src/drivers/aws/system-environment.ts';
import { measureLag } from '../src/operations/apply-log.ts';
import { compareBegun } from '../src/operations/compare-begun.ts';
import { isCandidate } from '../src/operations/governor.ts';
import { noteShipping } from '../src/operations/note-shipping.ts';
import { shipBehind } from '../src/operations/ship-log.ts';
import { tick } from '../src/operations/tick.ts';

export async function handler(event: unknown): Promise<void> {
  for (const slot of parseSlots(event)) {
    let shipping = Promise.resolve();
    const age = () => {
      shipping = ship().then(note);
      return dataAgeMs();
    };
    const report = await tick(governor, slot, age, async (sighting) => (applier === undefined ? undefined : compareBegun(governor, applier, sighting)));
    await shipping;
    if (report.kind === 'ticked' && (report.decision.kind !== 'nothing' || report.drain !== '')) console.warn(JSON.stringify(report));
    else console.debug(JSON.stringify(report));
  }
}

const environment = readEnvironment();
const handOver = connectHandOver(environment);
const governor = { ...connectGovernor(environment), ...(handOver === undefined ? {} : { handOver }) };
const applier = isCandidate(governor) ? connectApplier(environment) : undefined;
const others = otherLogsOf(environment);

/** Ships what a region missed while no new change comes along that would bring it. */
async function ship(): Promise<void> {
  if (applier === undefined) return;
  const failed = (await shipBehind(applier.log, others, sha256)).filter((s) => s.outcome === 'failed');
  if (failed.length > 0) console.warn(JSON.stringify({ shipping: failed }));
}

/** For the lag brake, if the owner chose one. After the shipping: what it just brought over counts. */
async function note(): Promise<void> {
  if (applier === undefined || environment.config.lagBrake === undefined) return;
  await noteShipping(applier.own, applier.log, others, applier.clock).catch((error: unknown) => console.warn(JSON.stringify({ notShippingNoted: String(error) })));
}

/** How far this region's data is behind what it received, the worst of all origins; null where that cannot be told. */
async function dataAgeMs(): Promise<number | null> {
  if (applier === undefined) return null;
  const { own, log, clock } = applier;
  const origins = candidatesOf(environment.config).filter((r) => r !== environment.region);
  try {
    const lags = await Promise.all(origins.map(async (origin) => measureLag(own, log, origin, clock.nowMs())));
    return Math.max(0, ...lags.map((lag) => lag.ageMs));
  } catch {
    return null;
  }
}
