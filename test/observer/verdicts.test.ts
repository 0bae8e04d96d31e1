// One run in which all went well, and for each invariant the smallest change of what was seen that breaks it and nothing else.
import { describe, expect, test } from 'vitest';
import type { AcknowledgedWrite, GateSample, Journal, RegisterReading } from './journal.ts';
import { printTable } from './report.ts';
import { VAULT_DEFINITIONS } from './vault-verdicts.ts';
import { computeFigures, type Figures, judgeBars, judgeInvariants, sampledShares } from './verdicts.ts';

const EAST = 'us-east-1';
const WEST = 'us-west-2';
const ENDED_AT_MS = 100_000;
const WATCH_MS = 20_000;

function write(n: number, answeredAtMs: number, epoch: number, more: Partial<AcknowledgedWrite> = {}): AcknowledgedWrite {
  return {
    kind: 'write',
    outcome: 'acknowledged',
    id: `obs-00000000-${String(n).padStart(7, '0')}`,
    text: `words of ${n}.`,
    address: '127.0.0.1',
    sentAtMs: answeredAtMs - 10,
    answeredAtMs,
    status: 200,
    region: epoch === 1 ? EAST : WEST,
    epoch,
    ...more,
  };
}

function reading(region: string, atMs: number, ballot: string, more: Partial<RegisterReading> = {}): RegisterReading {
  return { region, atMs, ballot, state: 'normal', holder: EAST, epoch: 1, attempt: 1, successor: null, ...more };
}

/** East is open until 10 s and shut from 80 s on; west opens at 45 s. */
function gateSamples(): GateSample[] {
  const samples: GateSample[] = [];
  for (let atMs = 0; atMs < ENDED_AT_MS; atMs += 50) {
    const add = (region: string, verdict: GateSample['verdict']) => samples.push({ region, sentAtMs: atMs, answeredAtMs: verdict === 'none' ? null : atMs + 5, status: null, verdict });
    add(EAST, atMs < 10_000 ? 'open' : atMs < 80_000 ? 'none' : 'shut');
    add(WEST, atMs < 45_000 ? 'shut' : 'open');
  }
  return samples;
}

const kept = write(1, 9000, 1);
const lost = write(2, 9900, 1);
const later = write(3, 50_000, 2);
const stored = (...writes: AcknowledgedWrite[]) => new Map(writes.map((w) => [w.id, `{"text":{"S":"${w.text}"}}`]));

const good: Journal = {
  attempts: [kept, lost, later],
  gateSamples: gateSamples(),
  readings: [
    reading(EAST, 100, '1'),
    reading(WEST, 100, '1'),
    reading(WEST, 34_000, '2', { state: 'failing-over', successor: WEST }),
    reading('eu-west-1', 34_100, '2', { state: 'failing-over', successor: WEST }),
    reading(WEST, 35_000, '3', { state: 'failing-over', holder: WEST, epoch: 2 }),
    reading('eu-west-1', 35_100, '3', { state: 'failing-over', holder: WEST, epoch: 2 }),
  ],
  acceptors: 3,
  fault: { kind: 'kill', region: EAST, atMs: 10_000, epoch: 1, ballot: '1' },
  returnedAtMs: 80_000,
  atOpening: stored(kept),
  atEnd: stored(kept, later),
  divergence: stored(lost),
  revised: { changes: [], atEnd: new Map(), divergence: new Map() },
  vault: null,
  controlPlanes: null,
  reconciliation: null,
};

const broken = (change: Partial<Journal>, endedAtMs = ENDED_AT_MS) =>
  judgeInvariants({ ...good, ...change }, endedAtMs, WATCH_MS)
    .filter((invariant) => !invariant.held)
    .map(({ name, evidence }) => ({ name, evidence }));

describe('judgeInvariants', () => {
  test('a run in which all went well breaks nothing', () => {
    expect(broken({})).toEqual([]);
  });

  test('two open gates', () => {
    const [only, ...others] = broken({ gateSamples: good.gateSamples.map((s) => (s.region === WEST && s.sentAtMs === 5000 ? { ...s, verdict: 'open' } : s)) });
    expect(only).toEqual({ name: 'one region at a time', evidence: ['us-east-1 and us-west-2 from 5000 ms to 5050 ms'] });
    expect(others).toEqual([]);
  });

  test('a write acknowledged in flight must be in the divergence report, one sent later may not be at all', () => {
    const inFlight = write(4, 35_105, 1);
    const attempts = [...good.attempts, inFlight];
    expect(broken({ attempts, divergence: stored(lost, inFlight) })).toEqual([]);
    expect(broken({ attempts, atEnd: stored(kept, later, inFlight), atOpening: stored(kept, inFlight) }).map((b) => b.name)).toEqual(['no write of an old epoch']);
    const sentLater = write(5, 85_000, 1);
    expect(broken({ attempts: [...good.attempts, sentLater], divergence: stored(lost, sentLater) }).map((b) => b.name)).toEqual(['no write of an old epoch', 'the lost region stays out']);
  });

  test('a lost write that is in no report, and a later one that is gone, are named', () => {
    const [only] = broken({ divergence: new Map(), atEnd: stored(kept) });
    expect(only?.name).toBe('nothing acknowledged is lost in silence');
    expect(only?.evidence.map((line) => line.split(' ')[0])).toEqual([lost.id, later.id]);
  });

  test('an overwrite that the new region never got and no report lists is named', () => {
    const made = { id: 'rev-1', outcome: 'acknowledged', sentAtMs: 9000, answeredAtMs: 9010 } as const;
    const changes = [
      { ...made, text: 'one.' },
      { ...made, text: 'two.', sentAtMs: 9100, answeredAtMs: 9110 },
    ];
    const atEnd = new Map([['rev-1', 'one.']]);
    const [only] = broken({ revised: { changes, atEnd, divergence: new Map() } });
    expect(only).toEqual({ name: 'nothing acknowledged is lost in silence', evidence: ['rev-1 overwritten, sent at 9100 ms, acknowledged at 9110 ms'] });
    expect(broken({ revised: { changes, atEnd, divergence: new Map([['rev-1', 'two.']]) } })).toEqual([]);
  });

  test('a lost write that appears after the opening', () => {
    expect(broken({ atEnd: stored(kept, lost, later) }).map((b) => b.name)).toEqual(['nothing merges by itself']);
  });

  test("the returned region's gate opens while the other's is not seen", () => {
    const gate = good.gateSamples.map((s) => (s.sentAtMs >= 90_000 && s.sentAtMs < 90_300 ? { ...s, verdict: s.region === EAST ? ('open' as const) : ('shut' as const) } : s));
    expect(broken({ gateSamples: gate }).map((b) => b.name)).toEqual(['the lost region stays out']);
  });

  test('a write by who does not hold the epoch', () => {
    const wrong = write(6, 60_000, 2, { region: EAST });
    expect(broken({ attempts: [...good.attempts, wrong], atEnd: stored(kept, later, wrong) }).map((b) => b.name)).toEqual(['only the holder writes']);
  });

  test.each<[string, Partial<Journal>, number, string]>([
    ['no failover', { readings: good.readings.slice(0, 4), attempts: [kept, lost] }, ENDED_AT_MS, 'no later epoch was ever seen'],
    ['never opened', { atOpening: null }, ENDED_AT_MS, 'never opened'],
    ['no write after', { attempts: [kept, lost] }, ENDED_AT_MS, 'both sides'],
    ['no return', { returnedAtMs: null }, ENDED_AT_MS, 'did not come back'],
    ['watch too short', {}, ENDED_AT_MS - 1, 'less than 20 s'],
    ['blind on one gate', { gateSamples: good.gateSamples.filter((s) => s.region === EAST || s.sentAtMs % 300 === 0) }, ENDED_AT_MS, 'gate of us-west-2'],
  ])('%s is not a pass', (_, change, endedAtMs, evidence) => {
    const [only, ...others] = broken(change, endedAtMs);
    expect(only?.name).toBe('the run measured what it claims');
    expect(only?.evidence.join()).toContain(evidence);
    expect(others).toEqual([]);
  });
});

test('the share of samples is of the time in which two regions could be active: the lost one only once it is back', () => {
  const blindBefore = { ...good, gateSamples: good.gateSamples.filter((s) => s.sentAtMs >= 35_000) };
  const halfAfter = { ...good, gateSamples: good.gateSamples.filter((s) => s.region === WEST || s.sentAtMs < 80_000 || s.sentAtMs % 100 === 0) };
  for (const journal of [good, blindBefore]) {
    const shares = sampledShares(journal, 35_000, ENDED_AT_MS);
    expect(shares.get(WEST)).toBeCloseTo(1, 2);
    expect(shares.get(EAST)).toBeCloseTo(1, 2);
  }
  expect(sampledShares(halfAfter, 35_000, ENDED_AT_MS).get(EAST)).toBeCloseTo(0.5, 2);
});

describe('figures and bars', () => {
  test('the figures of the good run', () => {
    expect(computeFigures(good)).toEqual({
      detectSeconds: 24.1,
      detectFirstSightingSeconds: 24,
      rtoSeconds: 40.1,
      writesLost: 1,
      rpoSeconds: 0,
      divergentWritesFound: 1,
      dualActiveMs: 0,
      staleEpochWritesAccepted: 0,
      writesUnaccounted: 0,
      changesUnaccounted: 0,
      writesAcknowledged: 3,
      ...Object.fromEntries(Object.keys(VAULT_DEFINITIONS).map((name) => [name, null])),
    });
  });

  test('stale writes are counted whether they were in flight or not', () => {
    const attempts = [...good.attempts, write(4, 35_105, 1), write(5, 85_000, 1)];
    expect(computeFigures({ ...good, attempts }).staleEpochWritesAccepted).toBe(2);
  });

  const measured = (change: Partial<Figures>): Figures => ({ ...computeFigures(good), ...change });
  const met = (kind: Journal['fault']['kind'], change: Partial<Figures>) => judgeBars(kind, measured(change)).every((bar) => bar.isMet);

  test.each<[Journal['fault']['kind'], Partial<Figures>, boolean]>([
    ['kill', { detectSeconds: 35 }, true],
    ['kill', { detectSeconds: 35.01 }, false],
    ['sick', { detectSeconds: 50 }, true],
    ['hang', { rtoSeconds: 80 }, true],
    ['hang', { rtoSeconds: 80.01 }, false],
    ['sick', { rpoSeconds: 10.01 }, false],
    ['partition', { rpoSeconds: 25 }, true],
    ['partition', { rpoSeconds: 25.01 }, false],
    ['kill', { rtoSeconds: null }, false],
  ])('%s with %o: met is %s', (kind, change, isMet) => {
    expect(met(kind, change)).toBe(isMet);
  });

  test('the table says what was missed and what was broken, with its evidence', () => {
    const journal = { ...good, divergence: new Map() };
    const figures = { ...computeFigures(journal), rtoSeconds: 81 };
    const table = printTable(figures, judgeBars('kill', figures), judgeInvariants(journal, ENDED_AT_MS, WATCH_MS));
    expect(table).toMatch(/rtoSeconds +81 +≤ 80 {2}MISSED/);
    expect(table).toMatch(/detectSeconds +24\.10 +≤ 35 {2}met/);
    expect(table).toMatch(/BROKEN {2}nothing acknowledged is lost in silence.*\n +obs-00000000-0000002 by us-east-1/);
  });
});
