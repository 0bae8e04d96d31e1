// A lost region that comes back, rehearsed on the stage: by a product that does it right, and by one that does not.
import { expect, test } from 'vitest';
import { startClock } from './clock.ts';
import { composeReport } from './compose-report.ts';
import { play } from './play.ts';
import { QUICK, REHEARSAL_LIMIT_MS } from './rehearsal/quick.ts';
import { type Mistakes, Stage } from './rehearsal/stage.ts';
import { computeFigures, judgeBars, judgeInvariants } from './verdicts.ts';

async function rehearse(network: number, mistakes: Mistakes) {
  const stage = new Stage(network, mistakes);
  try {
    await stage.open();
    const clock = startClock();
    const { signal } = new AbortController();
    const options = { clock, regionsPath: stage.regionsPath, reportPath: `${stage.directory}/report.json`, product: stage.product, timings: QUICK, say: () => undefined, signal };
    const played = await play({ ...options, kind: 'kill', isReconciling: true });
    const figures = computeFigures(played.journal);
    const invariants = judgeInvariants(played.journal, played.endedAtMs, QUICK.watchAfterReturnMs);
    const broken = invariants.filter(({ held }) => !held);
    const report = JSON.parse(JSON.stringify(composeReport({ clock, played, figures, bars: judgeBars('kill', figures), invariants })));
    return { broken: broken.map(({ name }) => name), evidence: broken.flatMap((invariant) => invariant.evidence), held: invariants.map(({ name }) => name), report, mishaps: stage.mishaps };
  } finally {
    await stage.close();
  }
}

// One after the other: a stage beside it would slow both down.
test(
  'brought back rightly, nothing is broken, and the report says what was decided',
  async () => {
    const { broken, evidence, held, report, mishaps } = await rehearse(46, {});
    expect(mishaps).toEqual([]);
    expect({ broken, evidence }).toEqual({ broken: [], evidence: [] });
    expect(held).toContain('both regions hold the same after the sign-off');
    const { divergentOrders, decisions, tables, asked } = report.reconciliation;
    expect(divergentOrders).toBeGreaterThan(2);
    expect(decisions).toMatchObject({ 'undo done': 1 });
    expect(tables[0].digest).toBe(tables[1].digest);
    expect(asked.at(-1)).toMatchObject({ words: expect.stringMatching(/^divergence sign-off/), exitCode: 0 });
  },
  REHEARSAL_LIMIT_MS,
);

test(
  'a sign-off that looks at nothing, decisions that the other region never hears of, and orders that nobody decided about are all seen',
  async () => {
    const { broken, evidence, mishaps } = await rehearse(47, { signsOffBlindly: true, keepsOurs: true, dropsTheRest: true });
    expect(mishaps).toEqual([]);
    expect(broken).toEqual([
      'no way back before the sign-off',
      'both regions hold the same after the sign-off',
      'every acknowledged write has its end',
      'every decision is in the trail and was carried out',
    ]);
    expect(evidence.some((line) => line.startsWith('holdfast failover --to was not refused'))).toBe(true);
    expect(evidence.some((line) => /^obs-\S+: \{.*\} in us-\S+, nothing in us-\S+/.test(line) || /^obs-\S+: nothing in us-\S+, \{.*\} in us-\S+/.test(line))).toBe(true);
    expect(evidence.some((line) => /^obs-\S+ written, sent at \d+ ms/.test(line))).toBe(true);
  },
  REHEARSAL_LIMIT_MS,
);
