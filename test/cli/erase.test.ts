// `holdfast erase` over regions and a vault in memory: asked for twice by name, refused where nothing is sealed by person, and what it prints is what is so.
import { describe, expect, it } from 'vitest';
import { SubjectKeys } from '../../src/operations/subject-keys.ts';
import { TablePoints } from '../../src/operations/backup-facts.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { planBackup } from '../../src/operations/backup-plan.ts';
import { evidencePrefix } from '../../src/core/vault/object-names.ts';
import { countingRandom, createWorld, east, live } from '../operations/backup-fixture.ts';
import { holdfast } from './command-line.ts';
import { config, memoryGroup, type Group } from './group-fixture.ts';

const regions = ['us-east-1', 'us-west-2', 'eu-west-1'];

/** A full backup of an item of anna's and one of nobody's. */
async function backedUp(isSealed = true) {
  const world = await createWorld();
  await world.region(east).open(1, 'us-west-2');
  const bare = memoryGroup(async () => world.portsIn(east));
  if (config.vault === undefined) throw new Error('the sample has no vault');
  const sealing = { ...config, vault: { ...config.vault, subject: { attribute: 'customerId' } } };
  const group: Group = { ...bare, connection: { ...bare.connection, config: sealing } };
  const base = world.portsIn(east);
  const subjects = new SubjectKeys(
    regions.map((region) => bare.of(region).rows),
    countingRandom(),
  );
  const ports = isSealed ? { ...base, subjects, settings: { ...base.settings, subjectAttribute: 'customerId' } } : base;
  await world.region(east).tables.write(live, [
    { id: { S: 'k1' }, text: { S: 'secret' }, customerId: { S: 'anna' } },
    { id: { S: 'k2' }, text: { S: 'of nobody' } },
  ]);
  const points = new TablePoints(ports);
  const plan = await planBackup(ports, points, { group: 'orders', type: 'full', by: 'ada' });
  if (!plan.acts) throw new Error(plan.because);
  const parts = [];
  for (const piece of plan.pieces) parts.push(await writeBackupPart(ports, points, plan, piece));
  const point = await commitBackup(ports, points, plan, parts);
  const evidence = async () => {
    const names: string[] = [];
    for await (const { name } of base.sites.list(evidencePrefix)) names.push(name);
    return names;
  };
  return { bare, group, point, evidence };
}

const anna = ['erase', '--subject', 'anna', '--confirm', 'anna'];

describe('holdfast erase', () => {
  it('destroys the keys in every region and says what the proof found', async () => {
    const { group, point, evidence } = await backedUp();
    const before = group.writes();
    const said = await holdfast(group, anna);
    expect([said.exit, said.err]).toEqual([0, '']);
    const [name] = await evidence();
    expect(said.out).toContain(`Erased: the person's keys of 1 data keys are gone in ${regions.join(', ')}.`);
    expect(said.out).toContain(`${point.chain}/${point.point} read whole: 2 lines, 1 of the person, none of which opens; 1 read, 0 of persons erased before.`);
    expect(said.out).toContain(`Certificate: ${name}`);
    expect(said.out).not.toContain('NOT ERASED');
    // Marked and emptied, in each of three.
    expect(group.writes() - before).toBe(6);
  });

  it('says the same as JSON, which does not name the person', async () => {
    const { group, evidence } = await backedUp();
    const said = await holdfast(group, [...anna, '--json', '--by', 'carl']);
    const { name, certificate } = JSON.parse(said.out);
    expect(await evidence()).toEqual([name]);
    expect(certificate).toMatchObject({ kind: 'erasure', by: 'carl', regions, notSealed: { points: 0, newestAtMs: null }, proof: [{ ofThePerson: 1, readable: 1 }] });
    expect(said.out).not.toContain('anna');
  });

  it('says what is not erased: what was backed up unsealed', async () => {
    const { group } = await backedUp(false);
    const said = await holdfast(group, anna);
    expect(said.exit).toBe(0);
    expect(said.out).toMatch(/NOT ERASED: 1 points were not sealed/);
    expect(said.out).toContain('nothing to read as proof');
  });

  it.each([
    [['erase'], /needs --subject NAME/],
    [['erase', '--subject', ''], /needs --subject NAME/],
    [['erase', '--subject', 'anna'], /needs --confirm NAME/],
    [['erase', '--subject', 'anna', '--confirm', 'Anna'], /needs --confirm NAME/],
    [[...anna, '--wait'], /does not take --wait/],
  ] as const)('%j is not understood, and changes nothing', async (args, says) => {
    const { group, evidence } = await backedUp();
    const before = group.writes();
    const said = await holdfast(group, args);
    expect([said.exit, said.err]).toEqual([2, expect.stringMatching(says)]);
    expect([group.writes() - before, await evidence()]).toEqual([0, []]);
  });

  it('is refused without vault.subject, before anything is asked', async () => {
    const { bare } = await backedUp();
    bare.of(east).rows.isAnswering = false;
    const before = bare.writes();
    const said = await holdfast(bare, anna);
    expect([said.exit, said.err]).toEqual([1, expect.stringMatching(/has no vault\.subject.*Nothing was changed/)]);
    expect(bare.writes()).toBe(before);
  });

  it('certifies nothing while a region is silent, and finishes when it answers', async () => {
    const { group, evidence } = await backedUp();
    group.of('eu-west-1').rows.isAnswering = false;
    const said = await holdfast(group, anna);
    expect([said.exit, said.err]).toEqual([1, expect.stringMatching(/not known to be gone everywhere \(eu-west-1: .*Nothing was certified/)]);
    expect(await evidence()).toEqual([]);
    group.of('eu-west-1').rows.isAnswering = true;
    expect((await holdfast(group, anna)).exit).toBe(0);
    expect(await evidence()).toHaveLength(1);
  });
});
