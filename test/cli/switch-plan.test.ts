// `holdfast switch --plan`: several groups by one command, each by its own switch-over.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFailure, type RunState } from '../../src/client/runbook-runs.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs, type Group } from './group-fixture.ts';

const ended = { startedAtMs: nowMs - 40_000, endedAtMs: nowMs };
const succeeded: RunState = { kind: 'succeeded', output: {}, ...ended };
const handedBack: RunState = { kind: 'failed', failure: readFailure('HandedBack', 'it was handed back'), ...ended };
const library = pathToFileURL(join(import.meta.dirname, '../../src/config/recovery-plan.ts')).href;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-plan-'));
});
afterEach(async () => rm(folder, { recursive: true }));

async function planFile(groups: string, more = ''): Promise<string> {
  const file = join(folder, 'shop.plan.ts');
  await writeFile(file, `import { definePlan } from '${library}';\nexport const plan = definePlan({ name: 'shop', groups: ${groups}, ${more} });\n`);
  return file;
}

async function groups(): Promise<Map<string, Group>> {
  const all = new Map(['database', 'api'].map((name) => [name, memoryGroup()] as const));
  for (const group of all.values()) {
    await group.choose({ state: 'normal', paused: null });
    group.of('us-west-2').looks = [succeeded];
    group.of('us-east-1').looks = [succeeded];
  }
  return all;
}
const both = `[{ name: 'api', config: './api/holdfast.config.ts', after: ['database'] }, { name: 'database', config: './database/holdfast.config.ts' }]`;
const ask = (file: string, ...more: string[]) => ['switch', '--plan', file, '--to', 'us-west-2', '--reason', 'patch day', ...more];

describe('holdfast switch --plan', () => {
  it('moves each group after those that it waits for, and says what became of each', async () => {
    const all = await groups();
    const said = await holdfast(all, ask(await planFile(both)), 9);
    expect(said.exit).toBe(0);
    expect(said.err).toBe('database: moving to us-west-2\ndatabase: serves in us-west-2\napi: moving to us-west-2\napi: serves in us-west-2\n');
    expect(said.out).toMatch(/database +us-east-1 → us-west-2 +moved/);
    for (const group of all.values()) expect(group.of('us-west-2').started).toMatchObject([{ machine: 'switch-over', input: { target: 'us-west-2', reason: 'patch day (plan shop)' } }]);
  });

  it('begins nothing where one of them may not move', async () => {
    const all = await groups();
    await all.get('api')?.choose({ paused: { by: 'bob', reason: 'freeze', atMs: 1 } });
    const said = await holdfast(all, ask(await planFile(both)), 9);
    expect(said.exit).toBe(1);
    expect(said.err).toMatch(/The plan cannot move to us-west-2: api: .*paused.*Nothing was moved/);
    expect(all.get('database')?.of('us-west-2').started).toEqual([]);
  });

  it('asks those that moved to go back where one was handed back', async () => {
    const all = await groups();
    const api = all.get('api');
    if (api !== undefined) api.of('us-west-2').looks = [handedBack];
    const database = all.get('database');
    if (database !== undefined) database.of('us-west-2').looks = [{ kind: 'running', step: 'AwaitOutcome', startedAtMs: nowMs }, succeeded];
    let looked = 0;
    // The database's lease moves as its machine says so.
    const said = await holdfast(all, ask(await planFile(both), '--json'), 9, async () => {
      looked += 1;
      if (looked === 1) await database?.choose({ holder: 'us-west-2', epoch: ((await database.value()).epoch ?? 0) + 1 });
    });
    expect(said.exit).toBe(1);
    expect(JSON.parse(said.out)).toMatchObject({
      moves: [
        { group: 'database', outcome: 'moved back' },
        { group: 'api', outcome: 'failed', because: expect.stringMatching(/ended as HandedBack/) },
      ],
    });
    expect(database?.of('us-east-1').started).toMatchObject([{ machine: 'switch-over', input: { target: 'us-east-1' } }]);
  });

  it('leaves them where they are, where the plan is not all or nothing', async () => {
    const all = await groups();
    const api = all.get('api');
    if (api !== undefined) api.of('us-west-2').looks = [handedBack];
    const said = await holdfast(all, ask(await planFile(both, 'allOrNothing: false')), 9);
    expect(said).toMatchObject({ exit: 1, out: expect.stringMatching(/database .* moved .*\napi .* failed /) });
  });

  it('awaits what moves after Ctrl-C, and begins nothing more', async () => {
    const all = await groups();
    const database = all.get('database');
    if (database !== undefined) database.of('us-west-2').looks = [{ kind: 'running', step: 'AwaitOutcome', startedAtMs: nowMs }, succeeded];
    const said = await holdfast(all, ask(await planFile(both)), 1);
    expect(said).toMatchObject({ exit: 130, out: expect.stringMatching(/database .* moved .*\napi .* not moved +it was stopped before/) });
    expect(all.get('api')?.of('us-west-2').started).toEqual([]);
  });

  it.each([
    [['switch', '--plan', 'nowhere.ts', '--to', 'us-west-2', '--reason', 'x'], 1, /There is no nowhere\.ts/],
    [['switch', '--plan', 'x.ts', '--reason', 'x'], 2, /switch needs --to REGION/],
    [['switch', '--plan', 'x.ts', '--to', 'us-west-2'], 2, /switch needs --reason/],
    [['switch', '--plan', 'x.ts', '--to', 'us-west-2', '--reason', 'x', '--config', 'c.ts'], 2, /takes no --config/],
  ])('%j is refused', async (args, exit, because) => {
    expect(await holdfast(await groups(), args)).toMatchObject({ exit, err: expect.stringMatching(because) });
  });

  it('says what is wrong with a plan', async () => {
    expect((await holdfast(await groups(), ask(await planFile(`[{ name: 'api', config: 'x', after: ['nothing'] }]`)))).err).toMatch(/the plan is not valid:\n {2}groups: 'api' comes after 'nothing'/);
  });
});
