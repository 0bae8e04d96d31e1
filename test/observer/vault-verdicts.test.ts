// One run in which backup, attacks and restore went well, and for each thing that is claimed of them the smallest change that breaks it.
import { describe, expect, test } from 'vitest';
import type { AttackRecord, Change, CommandRun, Journal, VaultJournal } from './journal.ts';
import { printTable } from './report.ts';
import { computeFigures, judgeInvariants } from './verdicts.ts';
import { computeVaultFigures, judgeVault } from './vault-verdicts.ts';

const START = 1_795_000_000_000;
const change = (id: string, text: string | null, sentAtMs: number): Change => ({ id, text, outcome: 'acknowledged', sentAtMs, answeredAtMs: sentAtMs + 10 });
const stored = (...texts: string[]) => new Map(texts.map((text) => [`rev-${text.slice(0, 1)}`, `{"body":{"S":"${text}"}}`]));
const command = (startedAtMs: number, endedAtMs: number, exitCode = 0): CommandRun => ({ words: ['…'], startedAtMs, endedAtMs, exitCode, answer: {}, said: exitCode === 0 ? '' : 'the reason' });
const attack = (more: Partial<AttackRecord> = {}): AttackRecord => ({
  region: 'us-west-2',
  object: 'packs/ab/cd',
  attack: 'delete the version',
  isUnharmed: true,
  isRefused: true,
  answer: 'AccessDenied; the version reads as before and is locked as before',
  ...more,
});

const vault: VaultJournal = {
  startedAtWallMs: START,
  backup: command(500, 2500),
  attacks: [attack(), attack({ attack: 'shorten the lock' })],
  restore: { run: command(60_000, 63_500), region: 'us-west-2', into: 'orders-restored-1', atWallMs: START + 5999, stored: stored('a1', 'c1'), items: 2 },
};
const changes = [change('rev-a', 'a1', 1100), change('rev-a', 'a2', 8100), change('rev-b', 'b1', 1200), change('rev-b', null, 3100), change('rev-c', 'c1', 1300)];
const good: Journal = {
  attempts: [],
  gateSamples: [],
  readings: [],
  acceptors: 3,
  fault: { kind: 'kill', region: 'us-east-1', atMs: 6500, epoch: 1, ballot: '1' },
  returnedAtMs: null,
  atOpening: null,
  atEnd: new Map(),
  divergence: new Map(),
  revised: { changes, atEnd: stored('a2', 'c1'), divergence: new Map() },
  vault,
  controlPlanes: null,
  reconciliation: null,
};
const restoreWith = (more: Partial<NonNullable<VaultJournal['restore']>>) => (vault.restore === null ? null : { ...vault.restore, ...more });
const judge = (more: Partial<VaultJournal>) => judgeVault({ ...good, vault: { ...vault, ...more } });

describe('judgeVault', () => {
  test('a run in which all went well', () => {
    expect(judge({})).toEqual({ restored: [], withstood: [], notMeasured: [] });
    expect(computeVaultFigures(good)).toEqual({
      backupSeconds: 2,
      restoreSeconds: 3.5,
      restoredItems: 2,
      restoreMissing: 0,
      restoreExtra: 0,
      restoreWrong: 0,
      restoreAmbiguous: 0,
      restoreRpoSeconds: 0,
      changedSinceRestoredMoment: 1,
      wormAttacks: 2,
      wormAttacksRefused: 2,
    });
  });

  test.each<[string, Partial<VaultJournal>, string]>([
    ['an order is missing', { restore: restoreWith({ stored: stored('a1') }) }, 'rev-c is missing'],
    ['a removed order is back', { restore: restoreWith({ stored: stored('a1', 'b1', 'c1') }) }, 'rev-b should not be there'],
    ['an order has a later content', { restore: restoreWith({ stored: stored('a2', 'c1') }) }, 'rev-a has a content that it may not have'],
  ])('the restored table is not that moment: %s', (_, more, line) => {
    expect(judge(more)).toMatchObject({ restored: expect.arrayContaining([line]), withstood: [] });
  });

  test('the orders that were written once count as well', () => {
    const more = { kind: 'write', address: '', status: 200, region: 'us-east-1', epoch: 1 } as const;
    const attempts = [{ ...change('obs-1', null, 4000), ...more, outcome: 'acknowledged' as const, text: 'w1', answeredAtMs: 4010 }];
    expect(judgeVault({ ...good, attempts }).restored).toEqual(['obs-1 is missing']);
  });

  test('an attack that was not refused is named with its answer', () => {
    const { withstood } = judge({ attacks: [attack(), attack({ isRefused: false, answer: 'accepted; the version is gone' })] });
    expect(withstood).toEqual(['delete the version of packs/ab/cd in us-west-2: accepted; the version is gone']);
  });

  test.each<[string, Partial<VaultJournal>, string]>([
    ['the backup failed', { backup: command(0, 1, 1) }, 'the backup failed (exit 1): the reason'],
    ['nothing was restored', { restore: null }, 'nothing was restored'],
    ['the restore failed', { restore: restoreWith({ run: command(0, 1, 1), stored: null }) }, 'the restore failed (exit 1): the reason'],
    ['the table was not read', { restore: restoreWith({ stored: null }) }, 'could not be read'],
    ['no attack', { attacks: [] }, 'no locked version was attacked'],
  ])('%s is not a pass', (_, more, line) => {
    const { notMeasured } = judge(more);
    expect(notMeasured).toEqual([expect.stringContaining(line)]);
  });

  test('a moment that does not differ from the end is not a pass', () => {
    const { notMeasured } = judgeVault({ ...good, revised: { ...good.revised, atEnd: stored('a1', 'c1') } });
    expect(notMeasured).toEqual([expect.stringContaining('proves nothing')]);
  });

  test('a command that failed has no time', () => {
    expect(computeVaultFigures({ ...good, vault: { ...vault, backup: command(0, 5, 1), restore: restoreWith({ run: command(0, 5, 1), stored: null }) } })).toMatchObject({
      backupSeconds: null,
      restoreSeconds: null,
      restoredItems: null,
      restoreMissing: null,
    });
  });
});

test('the invariants and the table speak of a vault only where there is one', () => {
  const namesOf = (journal: Journal) => judgeInvariants(journal, 0, 0).map(({ name }) => name);
  const names = ['the restored table is that moment', 'locked copies withstand an administrator'];
  expect(namesOf(good)).toEqual(expect.arrayContaining(names));
  expect(namesOf({ ...good, vault: null }).filter((name) => names.includes(name))).toEqual([]);
  const table = (journal: Journal) => printTable(computeFigures(journal), [], []);
  expect(table(good)).toMatch(/restoreSeconds +3\.50/);
  expect(table({ ...good, vault: null })).not.toContain('restore');
});
