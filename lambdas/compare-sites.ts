// CompareSites: whether all sites of the vault list the same; each hour in the open region.
import { connectIntegrity } from '../src/client/connect-integrity.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { compareRound, type CompareRun } from '../src/operations/compare-round.ts';

export async function handler(): Promise<CompareRun> {
  return compareRound(ports);
}

const ports = connectIntegrity(readEnvironment());
