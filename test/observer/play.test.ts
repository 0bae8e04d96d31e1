// The whole observer, rehearsed in seconds on a stage that plays good and bad products: an eye that has never seen a broken invariant is
// not known to be able to.
import { expect, test } from 'vitest';
import { startClock } from './clock.ts';
import { composeReport } from './compose-report.ts';
import type { FaultRecord } from './journal.ts';
import { play, type Played } from './play.ts';
import { QUICK, REHEARSAL_LIMIT_MS } from './rehearsal/quick.ts';
import { type Mistakes, Stage } from './rehearsal/stage.ts';
import { computeFigures, type Figures, judgeBars, judgeInvariants } from './verdicts.ts';

async function rehearse(network: number, kind: FaultRecord['kind'], mistakes: Mistakes) {
  const stage = new Stage(network, mistakes);
  const said: string[] = [];
  try {
    await stage.open();
    const clock = startClock();
    const signal = new AbortController().signal;
    const reportPath = `${stage.directory}/report.json`;
    const played: Played = await play({ clock, regionsPath: stage.regionsPath, reportPath, product: stage.product, kind, timings: QUICK, say: (line) => said.push(line), signal });
    const figures: Figures = computeFigures(played.journal);
    const invariants = judgeInvariants(played.journal, played.endedAtMs, QUICK.watchAfterReturnMs);
    const report = composeReport({ clock, played, figures, bars: judgeBars(kind, figures), invariants });
    const broken = invariants.filter((invariant) => !invariant.held);
    return { figures, broken: broken.map((invariant) => invariant.name), evidence: broken.flatMap((invariant) => invariant.evidence), report, said, mishaps: stage.mishaps };
  } finally {
    await stage.close();
  }
}

test.concurrent(
  'a killed region, and a product that does everything right: nothing is broken, and the figures are those of the stage',
  async () => {
    const { figures, mishaps, broken, evidence, report } = await rehearse(41, 'kill', {});
    expect(mishaps).toEqual([]);
    expect({ broken, evidence }).toEqual({ broken: [], evidence: [] });
    expect(figures.dualActiveMs).toBe(0);
    expect(figures.staleEpochWritesAccepted).toBe(0);
    expect(figures.writesLost).toBeGreaterThan(0); // what was written within the shipping lag
    expect(figures.divergentWritesFound).toBe(figures.writesLost);
    expect(figures.rpoSeconds).toBeLessThan(5);
    expect(figures.detectSeconds).toBeGreaterThan(0);
    expect(figures.detectSeconds).toBeLessThan(5);
    expect(figures.rtoSeconds).toBeGreaterThan(0.7); // the stage pauses twice 400 ms before it opens
    expect(figures).toMatchObject({ restoreMissing: 0, restoreExtra: 0, restoreWrong: 0, restoreRpoSeconds: 0, wormAttacks: 46, wormAttacksRefused: 46 });
    expect(figures.restoredItems).toBeGreaterThan(5);
    expect(figures.changedSinceRestoredMoment).toBeGreaterThan(5);
    expect(figures.restoreSeconds).toBeGreaterThan(0);
    expect(report).toMatchObject({
      fault: 'kill',
      lostRegion: 'us-east-1',
      newRegion: 'us-west-2',
      writesAcknowledged: figures.writesAcknowledged,
      dnsAnswers: [{ answer: '127.0.41.1' }, { answer: '127.0.41.2' }],
    });
  },
  REHEARSAL_LIMIT_MS,
);

test.concurrent(
  'a lost write that no divergence report lists is lost in silence, and named',
  async () => {
    const { figures, mishaps, broken, evidence } = await rehearse(42, 'kill', { forgetsDivergence: true });
    expect(mishaps).toEqual([]);
    expect(broken).toEqual(['nothing acknowledged is lost in silence']);
    expect(figures.writesUnaccounted).toBe(figures.writesLost);
    expect(figures.divergentWritesFound).toBe(0);
    expect(evidence[0]).toMatch(/^obs-[0-9a-f]{8}-\d{7} by us-east-1 in epoch 1, sent at \d+ ms, acknowledged at \d+ ms$/);
  },
  REHEARSAL_LIMIT_MS,
);

test.concurrent(
  'a restore that is two seconds late, and a store that lets go what it says it keeps, are both found out',
  async () => {
    const { figures, mishaps, broken, evidence } = await rehearse(44, 'kill', { restoresLate: true, bucketYields: true });
    expect(mishaps).toEqual([]);
    expect(broken).toEqual(['the restored table is that moment', 'locked copies withstand an administrator']);
    expect(figures.restoreExtra).toBeGreaterThan(0);
    expect(figures.wormAttacksRefused).toBeLessThan(figures.wormAttacks ?? 0);
    expect(evidence.some((line) => /^delete the version of packs\/ab\/abab in \S+: AccessDenied: .*; the version is gone$/.test(line))).toBe(true);
  },
  REHEARSAL_LIMIT_MS,
);

test.concurrent(
  'a frozen region that wakes and goes on is two active regions',
  async () => {
    const { figures, mishaps, broken, evidence } = await rehearse(43, 'hang', { staysOpen: true });
    expect(mishaps).toEqual([]);
    expect(figures.dualActiveMs).toBeGreaterThan(500);
    expect(broken).toContain('one region at a time');
    expect(broken).toContain('the lost region stays out');
    expect(evidence.some((line) => line.startsWith('us-east-1 and us-west-2 from '))).toBe(true);
  },
  REHEARSAL_LIMIT_MS,
);
