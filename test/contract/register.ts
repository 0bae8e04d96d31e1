// The contract of a register, as one suite for every driver.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RowCall, RowFault } from '../../src/drivers/faulty/faulty-row-store.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { ChangeOutcome, Proposal, Register } from '../../src/ports/register.ts';
import { ireland, policy } from '../core/fixtures.ts';
import { alwaysAsync } from '../core/property.ts';

export type RegisterUnderTest = {
  /** The register as the governor of a region has it. */
  readonly registerOf: (region: string) => Register;
  /** Asked once a call of any region. */
  readonly faults: { faultOf: (call: RowCall & { readonly by: string }) => RowFault | undefined };
  /** What was to arrive late has arrived. */
  readonly delivered: () => Promise<void>;
};

/** @param empty a register whose rows are gone everywhere. */
export type CreateRegister = (empty?: boolean) => Promise<RegisterUnderTest>;

const regions = policy.voters.map((v) => v.region);
const append =
  (word: string) =>
  (current: RegisterValue): Proposal => ({ kind: 'set', value: { ...current, auditHead: `${current.auditHead}${word},` } });
const wordsOf = (value: RegisterValue) => value.auditHead.split(',').filter((w) => w !== '');
const isWrite = (call: RowCall) => call.changes.length > 0;

export function registerContract(name: string, create: CreateRegister, options: { readonly runs: number; readonly conflicts: boolean }): void {
  async function changeOnce(r: RegisterUnderTest, region: string, propose: (current: RegisterValue) => Proposal): Promise<ChangeOutcome> {
    const register = r.registerOf(region);
    return register.change(await register.look(), propose);
  }

  describe(`register contract: ${name}`, () => {
    test('a change is chosen, read back in every region, and the next one builds on it', async () => {
      const r = await create();
      for (const [i, region] of regions.entries()) {
        expect(await changeOnce(r, region, append(`w${i}`))).toMatchObject({ kind: 'chosen' });
        for (const reader of regions) {
          const sighting = await r.registerOf(reader).look();
          expect(sighting).toMatchObject({ kind: 'chosen', voters: { id: policy.configId } });
          expect(sighting.kind !== 'nothing' && wordsOf(sighting.value)).toEqual(['w0', 'w1', 'w2'].slice(0, i + 1));
        }
      }
    });

    test('looking changes nothing; each change has a ballot of its own, higher than the one before', async () => {
      const r = await create();
      const ballot = async () => {
        const [first, second] = [await r.registerOf(ireland).look(), await r.registerOf(ireland).look()];
        expect(second).toEqual(first);
        return first.kind === 'nothing' ? '' : first.ballot;
      };
      const ballots = [await ballot()];
      for (const region of [...regions, ...regions]) {
        await changeOnce(r, region, append('w'));
        ballots.push(await ballot());
      }
      expect(ballots).toEqual([...new Set(ballots)].toSorted());
      expect(ballots).toHaveLength(7);
    });

    test('a change that the value does not allow is refused with the value that stands, however old the look was', async () => {
      const r = await create();
      const register = r.registerOf(ireland);
      const old = await register.look();
      await changeOnce(r, regions[0] ?? '', append('w'));
      const outcome = await register.change(old, (current) => (current.auditHead === '' ? append('x')(current) : { kind: 'refuse', because: 'taken' }));
      expect(outcome).toMatchObject({ kind: 'refused', because: 'taken', current: { auditHead: 'w,' } });
      expect(await register.look()).toMatchObject({ value: { auditHead: 'w,' } });
    });

    test('where no request arrives, nothing is seen, nothing is proposed and nothing is changed', async () => {
      const r = await create();
      r.faults.faultOf = () => ({ kind: 'lose-request' });
      expect(await r.registerOf(ireland).look()).toMatchObject({ kind: 'nothing', because: expect.stringContaining('TimeoutError') });
      expect(await changeOnce(r, ireland, append('w'))).toMatchObject({ kind: 'unknown', because: expect.stringContaining('nothing was proposed') });
      r.faults.faultOf = () => undefined;
      expect(await r.registerOf(ireland).look()).toMatchObject({ kind: 'chosen', value: { auditHead: '' } });
    });

    test.each(['lose-request', 'late'] as const)('where every write is lost (%s) the outcome is unknown', async (kind) => {
      const r = await create();
      const { promise, resolve } = Promise.withResolvers<void>();
      r.faults.faultOf = (call) => (isWrite(call) ? (kind === 'late' ? { kind, until: promise } : { kind }) : undefined);
      expect(await changeOnce(r, ireland, append('w'))).toMatchObject({ kind: 'unknown' });
      expect(await r.registerOf(ireland).look()).toMatchObject({ value: { auditHead: '' } });
      r.faults.faultOf = () => undefined;
      resolve();
      await r.delivered();
      // Late writes came at once, and in any order: they made the change, or they did not; never twice.
      const after = await changeOnce(r, ireland, append('x'));
      expect(after.kind === 'chosen' && ['x,', 'w,x,'].includes(after.value.auditHead)).toBe(true);
    });

    test('where every answer is lost, a change is never said to be refused, and is made at most once', async () => {
      const r = await create();
      r.faults.faultOf = (call) => (isWrite(call) ? { kind: 'lose-answer' } : undefined);
      const outcome = await changeOnce(r, ireland, append('w'));
      expect(outcome.kind).not.toBe('refused');
      r.faults.faultOf = () => undefined;
      const after = await changeOnce(r, ireland, append('x'));
      expect(after.kind === 'chosen' && (outcome.kind === 'chosen' ? ['w,x,'] : ['w,x,', 'x,']).includes(after.value.auditHead)).toBe(true);
    });

    test('a missing row is never created, and says nothing (H3)', async () => {
      const r = await create(true);
      expect(await r.registerOf(ireland).look()).toMatchObject({ kind: 'nothing', because: expect.stringContaining('RowMissingError') });
      expect(await changeOnce(r, ireland, append('w'))).toMatchObject({ kind: 'unknown' });
      expect(await r.registerOf(ireland).look()).toMatchObject({ kind: 'nothing' });
    });

    test('whatever is lost, repeated, late or in conflict: chosen values are one chain, each change is in it at most once, each that was chosen is', async () => {
      const kinds = ['none', 'none', 'none', 'lose-request', 'lose-answer', 'late', 'repeat', ...(options.conflicts ? (['conflict'] as const) : [])] as const;
      const plan = fc.record({
        faults: fc.array(fc.constantFrom(...kinds), { maxLength: 40 }),
        proposers: fc.array(fc.record({ region: fc.constantFrom(...regions), changes: fc.integer({ min: 1, max: 3 }) }), { minLength: 2, maxLength: 4 }),
        releaseAfter: fc.integer({ min: 0, max: 40 }),
      });
      await alwaysAsync(
        fc.asyncProperty(plan, async ({ faults, proposers, releaseAfter }) => {
          const r = await create();
          const { promise, resolve } = Promise.withResolvers<void>();
          let calls = 0;
          r.faults.faultOf = (call) => {
            calls += 1;
            if (calls > releaseAfter) resolve();
            const kind = faults[calls] ?? 'none';
            if (kind === 'none' || (kind === 'conflict' && !isWrite(call))) return undefined;
            return kind === 'late' || kind === 'repeat' ? { kind, until: promise } : { kind };
          };
          const outcomes: { readonly word: string; readonly outcome: ChangeOutcome }[] = [];
          await Promise.all(
            proposers.map(async ({ region, changes }, p) => {
              for (let i = 0; i < changes; i += 1) {
                const word = `p${p}c${i}`;
                outcomes.push({ word, outcome: await changeOnce(r, region, append(word)) });
              }
            }),
          );
          r.faults.faultOf = () => undefined;
          resolve();
          await r.delivered();
          const end = await changeOnce(r, ireland, append('end'));
          if (end.kind !== 'chosen') throw new Error(`with no fault left: ${end.kind}, ${end.because}`);
          const words = wordsOf(end.value);
          if (new Set(words).size !== words.length) throw new Error(`made twice: ${words.join(' ')}`);
          for (const { word, outcome } of outcomes) {
            if (outcome.kind === 'refused') throw new Error(`${word} was refused by nobody: ${outcome.because}`);
            if (outcome.kind !== 'chosen') continue;
            const own = wordsOf(outcome.value);
            if (own.at(-1) !== word || own.join(' ') !== words.slice(0, own.length).join(' ')) throw new Error(`${word} was chosen as ${own.join(' ')}, but the chain is ${words.join(' ')}`);
          }
        }),
        options.runs,
      );
    }, 60_000);
  });
}
