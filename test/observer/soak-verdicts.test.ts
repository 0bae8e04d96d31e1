// Each verdict about a soak, with a journal that is good and one change that makes it false.
import { describe, expect, test } from 'vitest';
import { write } from './journal-fixture.ts';
import type { AcknowledgedWrite, CommandRun, DecisionRow, GateSample, RegisterReading, TableReading } from './journal.ts';
import type { Cycle, SoakJournal } from './soak-play.ts';
import { judgeSoak, soakFigures } from './soak-verdicts.ts';

const [east, west] = ['us-east-1', 'us-west-2'];
const asked = { failovers: 1, minutes: 1 };
const signedOff: CommandRun = { words: ['divergence', 'sign-off'], startedAtMs: 50_000, endedAtMs: 51_000, exitCode: 0, answer: { isSignedOff: true }, said: '' };
const cycle: Cycle = {
  from: east,
  epoch: 1,
  tear: 'isolated',
  taken: { region: west, epoch: 2 },
  rtoSeconds: 38,
  decided: 1,
  rule: 'ours',
  runs: [signedOff],
  isReconciledBefore: false,
  isReconciledAfter: true,
  seconds: 60,
};
/** The third one only the lost region had: by 'ours' it stands nowhere. */
const [kept, alsoKept, lost, later] = [write(1, 1000, east, 1), write(2, 1500, east, 1), write(3, 2000, east, 1), write(4, 40_000, west, 2)];
const line = (w: AcknowledgedWrite): [string, string] => [w.id, JSON.stringify({ id: { S: w.id }, text: { S: w.text } })];
const table = (region: string, change: Partial<TableReading> = {}): TableReading => ({ region, lines: new Map([kept, alsoKept, later].map(line)), halfWay: [], ...change });
const decision: DecisionRow = { key: lost.id, turn: 1, rule: 'ours', by: 'observer', reason: 'torn', state: 'done', atWallMs: 0, before: null, wrote: null };
const chosen = (atMs: number, ballot: string, holder: string, epoch: number): RegisterReading[] =>
  [east, west].map((region) => ({ region, atMs, ballot, state: 'normal', holder, epoch, attempt: 1, successor: null }));
const sample = (region: string, sentAtMs: number, verdict: 'open' | 'shut'): GateSample => ({ region, sentAtMs, answeredAtMs: sentAtMs + 5, verdict, status: verdict === 'open' ? 200 : 503 });
const samples = Array.from({ length: 1200 }, (_, n) => n * 50).flatMap((atMs) => [sample(east, atMs, atMs < 5000 ? 'open' : 'shut'), sample(west, atMs, atMs < 39_000 ? 'shut' : 'open')]);

function journal(change: Partial<SoakJournal> = {}): SoakJournal {
  return {
    seed: 1,
    minutes: 1,
    cycles: [cycle],
    attempts: [kept, alsoKept, lost, later],
    changes: [],
    gateSamples: samples,
    readings: [...chosen(500, 'b1', east, 1), ...chosen(38_000, 'b2', west, 2)],
    acceptors: 3,
    divergence: new Map([[lost.id, lost.text]]),
    decisions: [decision],
    tables: [table(west), table(east)],
    ...change,
  };
}
const broken = (of: SoakJournal) => judgeSoak(of, asked).flatMap(({ held, name }) => (held ? [] : [name]));

test('a good run holds, with its figures', () => {
  expect(broken(journal())).toEqual([]);
  expect(soakFigures(journal())).toMatchObject({ failovers: 1, returns: 1, writesAcknowledged: 4, divergentOrders: 1, unaccounted: 0, dualActiveSpans: 0, rtoMedianSeconds: 38, rtoMostSeconds: 38 });
});

describe('what makes a verdict false', () => {
  const measured = 'the run measured what it claims';
  const back = 'each lost region came back, and only by a sign-off';
  test.each<[string, Partial<SoakJournal>, string[]]>([
    ['a failover that never came', { cycles: [{ ...cycle, taken: null }] }, ['each failover came off']],
    ['a region that was eligible all the time', { cycles: [{ ...cycle, isReconciledBefore: true }] }, [back]],
    ['a sign-off that was refused', { cycles: [{ ...cycle, runs: [{ ...signedOff, exitCode: 1 }] }] }, [back]],
    ['a sign-off that the register does not know of', { cycles: [{ ...cycle, isReconciledAfter: false }] }, [back]],
    [
      'a write that stands nowhere',
      { tables: [table(west, { lines: new Map([kept, later].map(line)) }), table(east, { lines: new Map([kept, later].map(line)) })] },
      ['every acknowledged write has its end'],
    ],
    ['a divergent order that nobody decided', { decisions: [] }, ['every acknowledged write has its end', 'every divergent order was decided']],
    ['a decision that was not carried out', { decisions: [{ ...decision, state: 'writing' }] }, ['every divergent order was decided']],
    ['a decision without a reason', { decisions: [{ ...decision, reason: '' }] }, ['every divergent order was decided']],
    ['an item that one region has alone', { tables: [table(west), table(east, { lines: new Map([kept, alsoKept].map(line)) })] }, ['both regions hold the same at the end']],
    ['tables that nobody could read', { tables: null }, ['every acknowledged write has its end', 'both regions hold the same at the end']],
    ['two gates that are open', { gateSamples: [...samples, ...Array.from({ length: 20 }, (_, n) => sample(east, 40_000 + 50 * n + 1, 'open'))] }, ['one region at a time']],
    ['a write of an old epoch', { attempts: [kept, alsoKept, lost, later, write(2, 45_000, east, 1)] }, ['no write of an old epoch']],
    ['a write by a region that held nothing', { attempts: [kept, { ...alsoKept, region: west }, lost, later] }, ['only the holder writes']],
    ['too few failovers, too short', { cycles: [], minutes: 0.5 }, [measured]],
    ['nothing to reconcile', { divergence: new Map(), decisions: [], attempts: [kept, alsoKept, later] }, [measured]],
    ['an outage that nobody felt', { cycles: [{ ...cycle, rtoSeconds: null }] }, [measured]],
    ['a gate that was never asked', { gateSamples: samples.filter(({ region }) => region === east) }, [measured]],
    ['a gate that was hardly asked', { gateSamples: samples.filter(({ region }, n) => region === east || n % 20 === 1) }, [measured]],
  ])('%s', (_, change, names) => {
    expect(broken(journal(change))).toEqual(names);
  });
});
