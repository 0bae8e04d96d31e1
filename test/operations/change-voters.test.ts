// Voters join, leave and are replaced while proposers go on: whoever dies, wherever, nothing acknowledged is lost and nobody is stranded.
import { describe, expect, test } from 'vitest';
import type { RowCall } from '../../src/drivers/faulty/faulty-row-store.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { changeRegister, seenBallotOf } from '../../src/operations/register.ts';
import { never } from './group.ts';
import { east, ireland, sydney, west } from '../core/fixtures.ts';
import { createVotersWorld, stockholm, type VotersWorld } from './voters-world.ts';

const regionsOf = (acceptors: readonly { readonly region: string }[]) => acceptors.map((a) => a.region).toSorted();
const standing = async (w: VotersWorld) => {
  const sighting = await w.look();
  if (sighting.kind !== 'chosen') throw new Error(`${sighting.kind}: ${sighting.because}`);
  return sighting.value;
};

describe('holdfast voters', () => {
  test('three become five and three again, and proposers that were deployed with three go on all the while', async () => {
    const w = createVotersWorld();
    const notes: string[] = [];
    const note = async (me: string) => {
      notes.push(`n${notes.length}`);
      expect(await w.note(me, notes.at(-1) ?? '')).toMatchObject({ kind: 'chosen' });
    };
    await note(east);
    for (const region of [sydney, stockholm]) {
      w.deploy(region);
      await w.ask({ kind: 'add', region, table: 'register-1' });
      await note(west);
    }
    const five = await w.voters();
    expect(regionsOf(five.inForce.acceptors)).toEqual([sydney, stockholm, ireland, east, west].toSorted());
    expect(five).toMatchObject({ next: null, inForce: { number: 2 } });
    expect(five.voters.every((v) => v.state === 'votes')).toBe(true);
    // Any two of five may be away.
    w.state.fault = (call) => ([east, ireland].includes(call.region) ? { kind: 'lose-request' } : undefined);
    await note(west);
    w.state.fault = () => undefined;
    for (const region of [ireland, stockholm]) {
      await w.ask({ kind: 'remove', region });
      await note(west);
    }
    const value = await standing(w);
    expect(regionsOf(value.config.acceptors)).toEqual([sydney, east, west].toSorted());
    expect(value.nextConfig).toBeUndefined();
    expect(await w.said()).toEqual(notes);
    w.lose(ireland);
    w.lose(stockholm);
    await note(west);
  });

  test('an invocation that was deployed with three and never looks finds the five, and loses nothing', async () => {
    const w = createVotersWorld();
    for (const region of [sydney, stockholm]) {
      w.deploy(region);
      await w.ask({ kind: 'add', region, table: 'register-1' });
    }
    expect(await w.noteBlindly(west, 'old')).toMatchObject({ kind: 'chosen', value: { config: { number: 2 } } });
    expect(await w.said()).toEqual(['old']);
  });

  test('a lost table is replaced by a new one under the next name; the old one, should it come back, does not vote', async () => {
    const w = createVotersWorld();
    await w.note(west, 'before');
    const old = w.memory.get(w.nameOf(east, 'register-1'));
    w.lose(east);
    w.deploy(east, 'register-2');
    const after = await w.ask({ kind: 'replace', region: east, table: 'register-2' });
    expect(after.inForce).toMatchObject({ number: 2 });
    expect(after.inForce.acceptors.find((a) => a.region === east)).toMatchObject({ table: 'register-2', joined: expect.stringMatching(/^joining:/) });
    if (old !== undefined) w.memory.set(w.nameOf(east, 'register-1'), old);
    w.state.fault = (call, _by, table) => (call.region === ireland || (call.region === east && table === 'register-2') ? { kind: 'lose-request' } : undefined);
    expect(await w.note(west, 'with a ghost')).toMatchObject({ kind: 'unknown' });
    w.state.fault = (call) => (call.region === ireland ? { kind: 'lose-request' } : undefined);
    expect(await w.note(west, 'with the new one')).toMatchObject({ kind: 'chosen' });
    expect(await w.said()).toEqual(['before', 'with the new one']);
    // Asked again, it has been done.
    w.state.fault = () => undefined;
    expect(await w.ask({ kind: 'replace', region: east, table: 'register-2' })).toMatchObject({ inForce: { number: 2 } });
  });

  test('a row that left does not come back in the place of the one that replaced it, whoever takes the one for the other', async () => {
    const w = createVotersWorld();
    w.deploy(east, 'register-2');
    await w.ask({ kind: 'replace', region: east, table: 'register-2' });
    // A deployment that knows one table a region takes the old one, which is there still.
    const { reach: _reach, ...blind } = w.votersOf(west);
    const sighting = await w.look();
    if (sighting.kind !== 'chosen') throw new Error(sighting.because);
    const change = (n: string) => changeRegister({ ...blind, believed: sighting.voters }, seenBallotOf(sighting), (v) => ({ kind: 'set', value: { ...v, auditHead: `${v.auditHead},${n}` } }));
    expect(await change('by the two others')).toMatchObject({ kind: 'chosen' });
    w.state.fault = (call) => (call.region === ireland ? { kind: 'lose-request' } : undefined);
    expect(await change('with the old row')).toMatchObject({ kind: 'unknown' });
    expect((await w.memory.get(w.nameOf(east, 'register-1'))?.get(registerKey('orders')))?.['config']).toBe('c1');
  });

  test('a row that was admitted and then emptied is not let in again (H3)', async () => {
    const w = createVotersWorld();
    w.deploy(sydney);
    await w.ask({ kind: 'add', region: sydney, table: 'register-1' });
    w.deploy(sydney);
    for (let i = 0; i < 3; i += 1) expect(await w.note(west, `n${i}`)).toMatchObject({ kind: 'chosen' });
    expect((await w.voters()).voters.find((v) => v.region === sydney)?.state).toBe('empty');
    expect((await w.memory.get(w.nameOf(sydney, 'register-1'))?.get(registerKey('orders')))?.['acceptedValue']).toBe('');
    w.state.fault = (call) => (call.region === ireland ? { kind: 'lose-request' } : undefined);
    expect(await w.note(west, 'three of four, one of them emptied')).toMatchObject({ kind: 'unknown' });
  });

  test('a region that slept through two changes votes again as soon as it is met, with the memory that it had', async () => {
    const w = createVotersWorld();
    w.state.fault = (call) => (call.region === ireland ? { kind: 'lose-request' } : undefined);
    for (const region of [sydney, stockholm]) {
      w.deploy(region);
      await w.ask({ kind: 'add', region, table: 'register-1' });
    }
    expect((await w.voters()).voters.find((v) => v.region === ireland)?.state).toBe('silent');
    w.state.fault = (call) => ([east, sydney].includes(call.region) ? { kind: 'lose-request' } : undefined);
    expect(await w.note(west, 'back')).toMatchObject({ kind: 'chosen' });
    expect((await w.voters()).voters.find((v) => v.region === ireland)?.state).toBe('votes');
  });

  test.each([
    ['add', east, 'votes already'],
    ['add', stockholm, 'does not answer'],
    ['remove', ireland, '2 voters would be left'],
    ['replace', east, 'does not answer'],
  ] as const)('%s %s is refused before anything changes: %s', async (kind, region, because) => {
    const w = createVotersWorld();
    const table = region === east && kind === 'replace' ? 'register-2' : 'register-9';
    if (region === east && kind === 'add') w.deploy(east, 'register-9');
    await expect(w.ask(kind === 'remove' ? { kind, region } : { kind, region, table })).rejects.toThrow(because);
    expect(await standing(w)).toMatchObject({ config: { id: 'c1' } });
  });

  test('who votes no more, or already, is not asked for twice', async () => {
    const w = createVotersWorld();
    expect((await w.ask({ kind: 'remove', region: sydney })).inForce.id).toBe('c1');
    expect((await w.ask({ kind: 'add', region: east, table: 'register-1' })).inForce.id).toBe('c1');
  });

  test('nobody who holds the lease leaves, nor the last but one candidate, nor one without whom too few would answer', async () => {
    const w = createVotersWorld();
    w.deploy(stockholm);
    await w.ask({ kind: 'add', region: stockholm, table: 'register-1' });
    await expect(w.ask({ kind: 'remove', region: east })).rejects.toThrow(/fewer than 2 candidates/);
    w.deploy(sydney);
    await w.ask({ kind: 'add', region: sydney, table: 'register-1' });
    await expect(w.ask({ kind: 'remove', region: east })).rejects.toThrow(/holds the lease/);
    w.state.fault = (call) => ([sydney, ireland].includes(call.region) ? { kind: 'lose-request' } : undefined);
    await expect(w.ask({ kind: 'remove', region: stockholm })).rejects.toThrow(/only .* would answer, and 3 are needed/);
  });

  test('an acceptor that hangs does not hold a change up', async () => {
    const w = createVotersWorld();
    w.deploy(sydney);
    let isOn = true;
    w.state.fault = (call) => (isOn && call.region === ireland && call.changes.length > 0 ? { kind: 'hold-request', until: never } : undefined);
    const done = w.ask({ kind: 'add', region: sydney, table: 'register-1' });
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 50))]);
    isOn = false;
    expect(await w.note(west, 'meanwhile')).toMatchObject({ kind: 'chosen' });
  });
});

describe('an acceptor that was admitted and is still empty', () => {
  /** `fourth` is admitted, and the others moved along without its having been seeded. */
  const admitEmpty = async (w: VotersWorld, fourth: string) => {
    w.deploy(fourth);
    w.state.fault = (call) => (call.region === fourth && call.changes.length > 0 ? { kind: 'lose-request' } : undefined);
    await w.ask({ kind: 'add', region: fourth, table: 'register-1' });
    w.state.fault = () => undefined;
    const { inForce, voters } = await w.voters();
    expect({ size: inForce.acceptors.length, state: voters.find((v) => v.region === fourth)?.state }).toEqual({ size: 4, state: 'empty' });
  };

  test('is brought in by whoever needs it for a majority: of four voters one of the old ones is lost for good', async () => {
    const w = createVotersWorld();
    await w.note(west, 'before');
    await admitEmpty(w, sydney);
    w.lose(east);
    expect(await w.note(west, 'after')).toMatchObject({ kind: 'chosen' });
    expect((await w.voters()).voters.find((v) => v.region === sydney)?.state).toBe('votes');
    expect(await w.said()).toEqual(['before', 'after']);
  });

  test('and of three, after a table was replaced', async () => {
    const w = createVotersWorld();
    await w.note(west, 'before');
    w.lose(east);
    w.deploy(east, 'register-2');
    w.state.fault = (call, _by, table) => (call.region === east && table === 'register-2' && call.changes.length > 0 ? { kind: 'lose-request' } : undefined);
    await w.ask({ kind: 'replace', region: east, table: 'register-2' });
    w.state.fault = () => undefined;
    w.lose(ireland);
    expect(await w.noteBlindly(west, 'blindly')).toMatchObject({ kind: 'chosen' });
    expect(await w.note(west, 'after')).toMatchObject({ kind: 'chosen' });
    expect(await w.said()).toEqual(['before', 'blindly', 'after']);
  });

  test('gets the newest that was accepted, also where a minority did and nobody was told', async () => {
    const w = createVotersWorld();
    await admitEmpty(w, sydney);
    w.state.fault = (call) => (call.region !== ireland && call.changes.some((c) => 'acceptedBallot' in c.set) ? { kind: 'lose-request' } : undefined);
    expect(await w.note(west, 'at one acceptor')).toMatchObject({ kind: 'unknown' });
    w.state.fault = () => undefined;
    w.lose(east);
    expect(await w.note(west, 'after')).toMatchObject({ kind: 'chosen' });
    expect(await w.said()).toEqual(['at one acceptor', 'after']);
  });

  test('stays empty where its vote would not make a majority either', async () => {
    const w = createVotersWorld();
    await admitEmpty(w, sydney);
    w.lose(east);
    w.lose(ireland);
    expect(await w.note(west, 'one of four')).toMatchObject({ kind: 'unknown' });
    expect((await w.memory.get(w.nameOf(sydney, 'register-1'))?.get(registerKey('orders')))?.['acceptedValue']).toBe('');
  });
});

describe('an operator that dies', () => {
  const dies = (after: number) => {
    let left = after;
    return (_: RowCall, by: string) => {
      if (by !== 'doomed') return undefined;
      left -= 1;
      return left < 0 ? ({ kind: 'lose-request' } as const) : undefined;
    };
  };

  test.each([
    ['add', undefined],
    ['add', ireland],
    ['remove', undefined],
    ['remove', stockholm],
    ['replace', undefined],
  ] as const)('at any call of %s (%s away): renewals go on, the next command finishes it', { timeout: 60_000 }, async (kind, away) => {
    let crashes = 0;
    for (let after = 0; after < 400; after += 1) {
      const w = createVotersWorld();
      if (kind === 'remove') {
        for (const region of [sydney, stockholm]) {
          w.deploy(region);
          await w.ask({ kind: 'add', region, table: 'register-1' });
        }
      }
      if (kind === 'add') w.deploy(sydney);
      if (kind === 'replace') {
        w.lose(west);
        w.deploy(west, 'register-2');
      }
      const crash = dies(after);
      const silent = (call: RowCall) => (call.region === away ? ({ kind: 'lose-request' } as const) : undefined);
      w.state.fault = (call, by) => silent(call) ?? crash(call, by);
      const asked =
        kind === 'remove' ? ({ kind, region: ireland } as const) : kind === 'add' ? ({ kind, region: sydney, table: 'register-1' } as const) : ({ kind, region: west, table: 'register-2' } as const);
      const isDead = await w.ask(asked, 'doomed').then(
        () => false,
        () => true,
      );
      w.state.fault = silent;
      // What an old invocation, and the governors, say meanwhile.
      expect(await w.noteBlindly(east, 'blind'), `after ${after} calls`).toMatchObject({ kind: 'chosen' });
      for (const n of ['one', 'two']) expect(await w.note(east, n), `after ${after} calls`).toMatchObject({ kind: 'chosen' });
      const { inForce } = await w.ask(asked);
      const value = await standing(w);
      expect(await w.said()).toEqual(['blind', 'one', 'two']);
      expect(inForce.id).toBe(value.config.id);
      expect(inForce.acceptors.length).toBe(kind === 'replace' ? 3 : 4);
      if (!isDead) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(10);
    expect(crashes).toBeLessThan(399);
  });
});
