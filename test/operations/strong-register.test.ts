// What the register over one strongly consistent table does by itself, beyond the contract that both keep (test/contract/register.ts).
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { FaultyRowStore, type RowCall, type RowFault } from '../../src/drivers/faulty/faulty-row-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { WriteConflictError } from '../../src/core/errors.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { strongRegister } from '../../src/operations/strong-register.ts';
import type { Proposal, Register } from '../../src/ports/register.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { ballotOf, east, ireland, policy, sightingOf, valueOf, west } from '../core/fixtures.ts';

const append =
  (word: string) =>
  (current: RegisterValue): Proposal => ({ kind: 'set', value: { ...current, auditHead: `${current.auditHead}${word},` } });
const isWrite = (call: RowCall) => call.changes.length > 0;
const nothing = { kind: 'nothing', because: '' } as const;

/** Two ways to one cell: the replica in us-east-1, through which faults are injected, and a rival elsewhere. */
function createTable() {
  const cell = new MemoryRowStore(east, firstRows(policy, east, east));
  const faults: { faultOf: (call: RowCall) => RowFault | undefined } = { faultOf: () => undefined };
  const store = new FaultyRowStore(cell, (call) => faults.faultOf(call));
  let ids = 0;
  const chance = { id: () => (ids += 1).toString(16).padStart(32, '0') };
  const registerOf = (region: string, ...replicas: (MemoryRowStore | FaultyRowStore)[]): Register => strongRegister({ group: 'orders', region, replicas, chance });
  const rival = registerOf(west, cell);
  return { cell, store, faults, registerOf, mine: registerOf(east, store), rival, overtake: async (word: string) => rival.change(await rival.look(), append(word)) };
}

/** The register of us-east-1 where a write meets what the test says. */
function through({ cell }: ReturnType<typeof createTable>, change: RowStore['change']): Register {
  const replica: RowStore = { region: east, get: (key) => cell.get(key), changeTogether: (changes, checks) => cell.changeTogether(changes, checks), change };
  return strongRegister({ group: 'orders', region: east, replicas: [replica], chance: { id: () => randomBytes(16).toString('hex') } });
}

describe('the register over one strongly consistent table', () => {
  test('looks by one read, and changes by one read and one conditional write', async () => {
    const t = createTable();
    const seen = await t.mine.look();
    expect(t.store.calls.map((c) => c.method)).toEqual(['get']);
    expect(await t.mine.change(seen, append('w'))).toMatchObject({ kind: 'chosen', value: { auditHead: 'w,' } });
    expect(t.store.calls.map((c) => c.method)).toEqual(['get', 'get', 'change']);
    expect(await t.mine.look()).toMatchObject({ kind: 'chosen', ballot: ballotOf(1, east, 1), highestPromise: ballotOf(1, east, 1) });
  });

  test('a write that met another region changing the row is sent again, under its own ballot', async () => {
    const t = createTable();
    let conflicts = 0;
    t.faults.faultOf = (call) => (isWrite(call) && (conflicts += 1) <= 2 ? { kind: 'conflict' } : undefined);
    expect(await t.mine.change(nothing, append('w'))).toMatchObject({ kind: 'chosen', value: { auditHead: 'w,' } });
    const written = t.store.calls.filter(isWrite).map((c) => c.changes[0]?.set['acceptedBallot']);
    expect(written).toEqual([ballotOf(1, east, 1), ballotOf(1, east, 1), ballotOf(1, east, 1)]);
  });

  test('where the other region then won, the change is made from what it wrote', async () => {
    const t = createTable();
    let writes = 0;
    const outcome = await through(t, async (change) => {
      if ((writes += 1) > 1) return t.cell.change(change);
      await t.overtake('rival');
      throw new WriteConflictError('test');
    }).change(nothing, append('w'));
    expect(outcome).toMatchObject({ kind: 'chosen', value: { auditHead: 'rival,w,' } });
  });

  test('an answer that was lost is looked for: chosen where its ballot stands', async () => {
    const t = createTable();
    t.faults.faultOf = (call) => (isWrite(call) ? { kind: 'lose-answer' } : undefined);
    expect(await t.mine.change(nothing, append('w'))).toMatchObject({ kind: 'chosen', value: { auditHead: 'w,' } });
  });

  test('where another one stands by then, it is unknown: it may have stood in between', async () => {
    for (const isCarriedOut of [true, false]) {
      const t = createTable();
      const mine = through(t, async (change) => {
        if (isCarriedOut) await t.cell.change(change);
        await t.overtake('rival');
        throw new Error('no answer');
      });
      expect(await mine.change(nothing, append('w'))).toMatchObject({ kind: 'unknown', because: expect.stringContaining('may have stood in between') });
      expect(await t.rival.look()).toMatchObject({ value: { auditHead: isCarriedOut ? 'w,rival,' : 'rival,' } });
    }
  });

  test('gives up after a few writes that others overtook, and has written nothing', async () => {
    const t = createTable();
    const mine = through(t, async (change) => {
      await t.overtake('r');
      return t.cell.change(change);
    });
    expect(await mine.change(nothing, append('w'))).toEqual({ kind: 'unknown', because: '4 writes were overtaken by other proposers; nothing was written' });
    expect(await t.rival.look()).toMatchObject({ value: { auditHead: 'r,r,r,r,' } });
  });

  test('a table that shows an older value than was seen is not believed: it was restored, or only eventually consistent', async () => {
    const t = createTable();
    const seen = sightingOf(valueOf(), 'chosen', 9);
    expect(await t.mine.change(seen, append('w'))).toMatchObject({ kind: 'unknown', because: expect.stringMatching(/older value than was seen before: it was restored/) });
    expect(await t.rival.look()).toMatchObject({ value: { auditHead: '' } });
  });

  test('a row that goes away between the read and the write is not created again (H3)', async () => {
    const t = createTable();
    const mine = through(t, async (change) => {
      t.cell.restore('register', new Map());
      return t.cell.change(change);
    });
    expect(await mine.change(nothing, append('w'))).toMatchObject({ kind: 'unknown', because: expect.stringContaining('RowMissingError') });
    expect(await t.cell.get(registerKey('orders'))).toBeUndefined();
  });

  test('a row that is no register refuses in words', async () => {
    const t = createTable();
    await t.cell.change({ key: registerKey('orders'), set: { acceptedBallot: 'x' }, when: [], mayCreate: false });
    expect(await t.mine.look()).toMatchObject({ kind: 'nothing', because: expect.stringContaining('row in us-east-1 is damaged') });
    expect(await t.mine.change(nothing, append('w'))).toMatchObject({ kind: 'unknown', because: expect.stringContaining('nothing was proposed') });
  });

  test('a governor whose own replica is silent sees nothing; a person goes on with any that answers', async () => {
    const t = createTable();
    t.faults.faultOf = () => ({ kind: 'lose-request' });
    expect((await t.mine.look()).kind).toBe('nothing');
    const person = t.registerOf('operator', t.store, t.cell);
    expect(await person.change(await person.look(), append('w'))).toMatchObject({ kind: 'chosen' });
    const hanging = new FaultyRowStore(new MemoryRowStore(ireland), () => ({ kind: 'hold-request', until: new Promise<void>(() => undefined) }));
    expect(await t.registerOf('operator', hanging, t.cell).look()).toMatchObject({ kind: 'chosen', value: { auditHead: 'w,' } });
  });
});
