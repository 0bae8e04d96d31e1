// Each verdict about switch-overs, with a journal that is good and one change that makes it false.
import { describe, expect, test } from 'vitest';
import { write } from './journal-fixture.ts';
import type { AcknowledgedWrite, CommandRun, RegisterReading } from './journal.ts';
import type { SwitchJournal, SwitchRecord } from './switch-play.ts';
import { judgeSwitches, switchBars, switchFigures } from './switch-verdicts.ts';

const [east, west] = ['us-east-1', 'us-west-2'];
const command: CommandRun = { words: ['switch'], startedAtMs: 1500, endedAtMs: 9000, exitCode: 0, answer: { end: 'SwitchedOver' }, said: '' };
const switched: SwitchRecord = { from: east, to: west, epoch: 1, command, refusals: [], fault: null, wasToBeStruck: false, holder: { region: west, epoch: 2 } };
const chosen = (atMs: number, ballot: string, holder: string, epoch: number): RegisterReading[] =>
  [east, west].map((region) => ({ region, atMs, ballot, state: 'normal', holder, epoch, attempt: 1, successor: null }));
const following = [write(1, 1000, east, 1), write(2, 2000, east, 1), write(3, 5100, west, 2), write(4, 6000, west, 2)];
const byDns = [write(11, 1000, east, 1), write(12, 2100, east, 1), write(13, 27_000, west, 2)];
const item = (w: AcknowledgedWrite, epoch = w.epoch) => ({ id: { S: w.id }, body: { S: JSON.stringify({ text: w.text }) }, holdfastEpoch: { N: String(epoch) } });
const orders = [...following, ...byDns].map((w) => item(w));
const region = (name: string, change = {}) => ({ region: name, orders, divergent: [], reconciled: true, ...change });

function journal(change: Partial<SwitchJournal> = {}): SwitchJournal {
  return {
    switches: [switched],
    following,
    byDns,
    gateSamples: [],
    readings: [...chosen(500, 'b1', east, 1), ...chosen(5000, 'b2', west, 2)],
    acceptors: 3,
    keyName: 'id',
    regions: [region(east), region(west)],
    ...change,
  };
}
const broken = (of: SwitchJournal) => judgeSwitches(of).flatMap(({ held, name }) => (held ? [] : [name]));

test('a good run holds, with its figures', () => {
  expect(broken(journal())).toEqual([]);
  const figures = switchFigures(journal());
  expect(figures).toMatchObject({ followingSeconds: [3.1], byDnsSeconds: [24.9], followingMedianSeconds: 3.1, writesAcknowledged: 7, writesLost: 0, writesDoubled: 0, divergentRows: 0 });
  expect(switchBars(figures).map(({ isMet }) => isMet)).toEqual([true, true]);
});

describe('what makes a verdict false', () => {
  test.each<[string, Partial<SwitchJournal>, string[]]>([
    ['a command that failed', { switches: [{ ...switched, command: { ...command, exitCode: 1 } }] }, ['each switch-over came off']],
    ['another region that holds', { switches: [{ ...switched, holder: { region: east, epoch: 2 } }] }, ['each switch-over came off']],
    ['an epoch that was skipped', { switches: [{ ...switched, holder: { region: west, epoch: 3 } }] }, ['each switch-over came off']],
    ['a write that is not in the old region', { regions: [region(east, { orders: orders.slice(1) }), region(west)] }, ['no acknowledged write is lost']],
    ['a write that is not in the new region', { regions: [region(east), region(west, { orders: orders.slice(0, -1) })] }, ['no acknowledged write is lost']],
    ['a write of which another text is stored', { regions: [region(east), region(west, { orders: [{ ...orders[0], body: { S: 'other' } }, ...orders.slice(1)] })] }, ['no acknowledged write is lost']],
    ['a write that was carried out again', { regions: [region(east), region(west, { orders: [item(write(1, 1000, east, 1), 2), ...orders.slice(1)] })] }, ['no write is carried out twice']],
    ['a row in a divergence report', { regions: [region(east), region(west, { divergent: [{ itemKey: { S: 'a' } }] })] }, ['nothing diverged']],
    ['an old region that is not reconciled', { regions: [region(east), region(west, { reconciled: false })] }, ['the old region stays reconciled']],
    ['a customer who was not seen again', { byDns: byDns.slice(0, 2) }, ['the run measured what it claims']],
    ['a table that could not be read', { regions: [region(east, { orders: null }), region(west)] }, ['the run measured what it claims']],
    [
      'a write of the old epoch sent after its end',
      { following: [...following, write(5, 7000, east, 1)], regions: [east, west].map((r) => region(r, { orders: [...orders, item(write(5, 7000, east, 1))] })) },
      ['no write of an old epoch'],
    ],
  ])('%s', (_, change, names) => {
    expect(broken(journal(change))).toEqual(names);
  });

  test('two open gates', () => {
    const open = (name: string, sentAtMs: number) => ({ region: name, sentAtMs, answeredAtMs: sentAtMs + 5, status: 200, verdict: 'open' }) as const;
    expect(broken(journal({ gateSamples: [open(east, 5000), open(west, 5010), open(east, 5050), open(west, 5060)] }))).toEqual(['one region at a time']);
  });
});

test('with a fault it may come out otherwise, but what was acknowledged is held by the holder or listed', () => {
  const fault = { kind: 'kill', what: 'us-west-2 was killed' } as const;
  const killed: Partial<SwitchJournal> = { switches: [{ ...switched, fault, wasToBeStruck: true, command: { ...command, exitCode: 1 }, holder: { region: east, epoch: 2 } }] };
  expect(broken(journal({ ...killed, regions: [region(east), region(west, { orders: [], reconciled: false })] }))).toEqual([]);
  expect(broken(journal({ ...killed, regions: [region(east, { orders: orders.slice(1) }), region(west)] }))).toEqual(['no acknowledged write is lost']);
  const listed = [{ itemKey: { S: following[0]?.id ?? '' }, theirs: { S: JSON.stringify(orders[0]) } }];
  expect(broken(journal({ ...killed, regions: [region(east, { orders: orders.slice(1), divergent: listed }), region(west)] }))).toEqual([]);
  expect(broken(journal({ ...killed, switches: [{ ...switched, fault, wasToBeStruck: true, holder: null }] }))).toEqual(['the run measured what it claims']);
});

test('with a step that failed once it must come off all the same', () => {
  const fault = { kind: 'fail', what: 'the next Revoke fails' } as const;
  expect(broken(journal({ switches: [{ ...switched, fault, wasToBeStruck: true }] }))).toEqual([]);
  expect(broken(journal({ switches: [{ ...switched, fault, wasToBeStruck: true, command: { ...command, exitCode: 1 } }] }))).toEqual(['each switch-over came off']);
  expect(broken(journal({ switches: [{ ...switched, wasToBeStruck: true }] }))).toEqual(['the run measured what it claims']);
});
