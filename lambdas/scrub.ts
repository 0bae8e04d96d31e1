// Scrub: a step of the round that reads every object in every site and repairs what is wrong; in the open region.
import { connectIntegrity } from '../src/client/connect-integrity.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { scrubRound } from '../src/operations/scrub-round.ts';

/** Within the function's 15 minutes, with room for the object that is being read. */
const times = { workMs: 10 * 60_000, endMs: 15 * 60_000 };

export async function handler(): Promise<object> {
  const run = await scrubRound(ports, times);
  if (!run.acts) return run;
  const { state, ...said } = run;
  return { ...said, share: state.share, standing: state.standingCount };
}

const ports = connectIntegrity(readEnvironment());
