// How long a renewal takes on the local regions, the governor's own: a look, then the renewal through the register.
import { setTimeout as delay } from 'node:timers/promises';
import { renew } from '../../src/core/failover/register-changes.ts';
import { createDynamoDb } from '../../src/drivers/aws/dynamodb-client.ts';
import { DynamoDbRowStore } from '../../src/drivers/aws/dynamodb-row-store.ts';
import { systemChance } from '../../src/drivers/aws/system-environment.ts';
import { changeRegister, lookAtRegister, seenBallotOf } from '../../src/operations/register.ts';
import type { RegisterVoters } from '../../src/operations/voting-set.ts';
import { localAccountId } from '../../local/engine/ministack.ts';
import { configId, regionNames, registerTable, type Regions } from './regions.ts';

const group = 'renewals';
const holder = regionNames[0];
/** The one that does not answer: neither the first nor, by its place in the list, the last to be asked. */
const stopped = regionNames[1];
/** Connections are made and code is compiled by the first ones: they are not counted. */
const warmUps = 30;
/** Between two renewals, as a governor rests between two ticks; also lets calls to the stopped region end, as they would there. */
const restMs = 100;

export async function measureRenewals(regions: Regions, count: number, signal: AbortSignal, log: (line: string) => void): Promise<number> {
  process.env['AWS_ACCESS_KEY_ID'] = localAccountId;
  process.env['AWS_SECRET_ACCESS_KEY'] = 'local';
  await regions.createRegister(group);
  const clients = Object.entries(regions.endpoints).map(([region, endpoint]) => ({ region, client: createDynamoDb(region, endpoint) }));
  const acceptors = clients.map(({ region, client }) => new DynamoDbRowStore(region, client, { register: registerTable, region: 'none', fence: 'none' }));
  const voters: RegisterVoters = { group, configId, region: holder, acceptors, chance: systemChance };
  await repeat(voters, warmUps, signal);
  log(tell('all regions well', await repeat(voters, count, signal)));
  regions.stop(stopped);
  try {
    log(tell(`${stopped} stopped (SIGSTOP)`, await repeat(voters, count, signal)));
  } finally {
    regions.continue(stopped);
    for (const { client } of clients) client.destroy();
  }
  return 0;
}

/** @returns ms for each, none left out. */
async function repeat(voters: RegisterVoters, count: number, signal: AbortSignal): Promise<number[]> {
  const durations: number[] = [];
  for (let i = 0; i < count; i += 1) {
    signal.throwIfAborted();
    const startedAtMs = performance.now();
    const sighting = await lookAtRegister(voters);
    const outcome = await changeRegister(voters, seenBallotOf(sighting), (current) => renew(current, holder, 1, voters.chance.id()));
    durations.push(performance.now() - startedAtMs);
    if (outcome.kind !== 'chosen') throw new Error(`Renewal ${i + 1} of ${count} was not chosen: ${outcome.because}`);
    await delay(restMs);
  }
  return durations;
}

function tell(what: string, durations: readonly number[]): string {
  const sorted = durations.toSorted((a, b) => a - b);
  const at = (fraction: number) => (sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)] ?? Number.NaN).toFixed(1);
  return `${what}: ${sorted.length} renewals, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`;
}
