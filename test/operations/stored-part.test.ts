// Why: a backup whose parts are handed on by where they lie must be the same backup, and no part of another may slip in.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCommit, type ActingPlan, type BackupPart, type PartAnswer } from '../../src/core/backup/backup-plan.ts';
import { piecesMax } from '../../src/core/backup/next-point.ts';
import { packName } from '../../src/core/vault/object-names.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { verifyBackup } from '../../src/operations/backup-verify.ts';
import { handOnPart, partsOf } from '../../src/operations/stored-part.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { east, named, planIn, started, west, type World } from './backup-fixture.ts';

const stateBytesMax = 256 * 1024;
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value));

async function planned(world: World): Promise<ActingPlan> {
  const plan = await planIn(world, 'full');
  if (!plan.acts) throw new Error(plan.because);
  return plan;
}

/** The machine's two steps, every part stored, as JSON between them. */
async function written(world: World, plan: ActingPlan): Promise<readonly PartAnswer[]> {
  const [ports, points] = [world.portsIn(east), world.pointsIn(east)];
  const answers: PartAnswer[] = [];
  for (const piece of plan.pieces) answers.push(await handOnPart(ports, points, plan, piece, await writeBackupPart(ports, points, plan, piece), 0));
  return parseCommit(json({ plan, parts: answers })).parts;
}

const packOf = (answer: PartAnswer | undefined) => {
  if (answer === undefined || !('storedIn' in answer)) throw new Error('this part was not stored');
  return answer.storedIn;
};

describe('parts that are handed on by where they lie', () => {
  test('make the point that they would have made as they are, and no point names their packs', async () => {
    const world = await started();
    const plan = await planned(world);
    const answers = await written(world, plan);
    const parts = await partsOf(world.portsIn(west), world.coldIn(west), plan, answers);
    const committed = await commitBackup(world.portsIn(west), world.coldIn(west), plan, parts);
    expect(committed.items).toBe(10);
    expect(await verifyBackup(world.portsIn(east), named(committed))).toMatchObject({ items: 10 });
    expect(Object.keys((await world.restore(east, world.request(null, 'orders-restored', { point: named(committed) }))).contents)).toHaveLength(10);
    const point = await openPoint(await world.coldIn(east).vault(), named(committed), await world.coldIn(east).key(plan.key));
    const names = point.packs.map(({ sha256 }) => sha256);
    expect(names.length).toBeGreaterThan(0);
    for (const answer of answers) expect(names).not.toContain(packOf(answer).sha256);
    // Repeated, byte for byte the same.
    expect(await commitBackup(world.portsIn(east), world.coldIn(east), plan, await partsOf(world.portsIn(east), world.coldIn(east), plan, answers))).toEqual(committed);
  });

  test('are short in any number: all of them and the plan fit into a state', async () => {
    const world = await started();
    const plan = await planned(world);
    const [ports, points] = [world.portsIn(east), world.pointsIn(east)];
    const whole = await writeBackupPart(ports, points, plan, plan.pieces[0] ?? { id: '' });
    const row = { packId: 'f'.repeat(32), sha256: 'e'.repeat(64), bytes: 33_554_432 };
    const isStored = new Set<boolean>();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: piecesMax.DISTRIBUTED }), fc.integer({ min: 0, max: 400 }), async (count, packs) => {
        const pieces = Array.from({ length: count }, (_, segment) => ({ id: `items/${segment}/${count}` }));
        const part: BackupPart = { ...whole, packs: Array.from({ length: packs }, () => row) };
        const answer = await handOnPart({ ...ports, settings: { ...ports.settings, packBytes: 1024 * 1024 } }, points, { ...plan, pieces }, pieces[0] ?? { id: '' }, part);
        isStored.add('storedIn' in answer);
        expect(Buffer.byteLength(JSON.stringify({ plan: { ...plan, pieces }, parts: pieces.map(() => answer) }))).toBeLessThan(stateBytesMax);
        if ('storedIn' in answer) expect(await partsOf(ports, points, { ...plan, pieces }, [answer])).toEqual([part]);
        else expect(answer).toEqual(part);
      }),
      {
        numRuns: 60,
        examples: [
          [piecesMax.DISTRIBUTED, 400],
          [piecesMax.INLINE, 400],
          [piecesMax.DISTRIBUTED, 0],
          [1, 400],
        ],
      },
    );
    expect(isStored.size).toBe(2);
  });

  test('are read from another site where one lost them, and their loss in all is said', async () => {
    const world = await started();
    const plan = await planned(world);
    const answers = await written(world, plan);
    const gone = new Set([east]);
    const ports = world.portsIn(east);
    for (const site of ports.sites.sites) {
      const get = site.get.bind(site);
      site.get = async (name, part, version) => (gone.has(site.name) && name === packName(packOf(answers[0]).sha256) ? null : get(name, part, version));
    }
    expect(await partsOf(ports, world.coldIn(east), plan, answers)).toHaveLength(plan.pieces.length);
    for (const site of ports.sites.sites) gone.add(site.name);
    await expect(partsOf(ports, world.coldIn(east), plan, answers)).rejects.toThrow(/is in no site\. No point was made/);
  });

  test('of another point, or twice of one piece, make no point', async () => {
    const world = await started();
    const [ports, points] = [world.portsIn(east), world.pointsIn(east)];
    const plan = await planned(world);
    const answers = await written(world, plan);
    const [first] = answers;
    if (first === undefined) throw new Error('no parts');
    await expect(partsOf(ports, points, plan, [first, first])).rejects.toThrow(/has no place for it/);
    await expect(partsOf(ports, points, { ...plan, point: `${plan.point.slice(0, -1)}x` }, answers)).rejects.toThrow(/has no place for it/);
    await expect(partsOf(ports, points, { ...plan, pieces: [{ id: 'items/7/9' }] }, [first])).rejects.toThrow(/has no place for it/);
    // Of another chain's key it does not even open.
    const other = await planned(world);
    expect(other.key).not.toBe(plan.key);
    await expect(partsOf(ports, points, other, answers)).rejects.toMatchObject({ name: 'DamagedError' });
  });
});
