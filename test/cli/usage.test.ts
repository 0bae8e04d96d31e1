// What the command line does not understand, and what it cannot read: a sentence, exit status 2 or 1, and nobody asked.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/cli/load-config.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup } from './group-fixture.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('usage', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['promote'], /'promote' is not a command; it may be status, failover, switch, approve, pause, resume/],
    [['--json'], /no command was given/],
    [['status', 'orders'], /'orders' is too much/],
    [['status', '--force'], /--force/],
    [['status', '--to', 'us-west-2'], /status does not take --to/],
    [['pause', '--watch', '--reason', 'x'], /pause does not take --watch/],
    [['failover', '--reason', 'x'], /failover needs --to REGION/],
    [['failover', '--to', 'us-west-2'], /failover needs --reason/],
    [['pause'], /pause needs --reason/],
    [['pause', '--reason', ' '], /pause needs --reason/],
    [['approve', '--deny'], /approve --deny needs --reason/],
  ];
  for (const [args, says] of cases) {
    it(`'${args.join(' ')}' is not understood`, async () => {
      const group = memoryGroup();
      const said = await holdfast(group, args);
      expect(said.exit).toBe(2);
      expect(args.includes('--json') ? said.out : said.err).toMatch(says);
      expect(group.writes()).toBe(0);
    });
  }

  it('shows its help', async () => {
    for (const args of [[], ['--help'], ['failover', '-h']]) {
      const said = await holdfast(memoryGroup(), args);
      expect(said).toMatchObject({ exit: 0, err: '' });
      expect(said.out).toContain('holdfast failover --to REGION --reason …');
    }
  });
});

describe('the configuration', () => {
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('is the one of the folder', async () => {
    expect((await loadConfig(join(root, 'holdfast.config.ts'))).group).toBe('orders');
  });

  it('that is not there, says how to name it', async () => {
    await expect(loadConfig(join(folder, 'none.ts'))).rejects.toThrow(/There is no .*none\.ts: run holdfast in the folder of your holdfast\.config\.ts, or name it by --config FILE/);
  });

  it('that does not parse, exports nothing, or is wrong, says so', async () => {
    await expect(loadConfig(write('broken.ts', 'export const config = {'))).rejects.toThrow(/broken\.ts cannot be read: /);
    await expect(loadConfig(write('empty.ts', 'export const settings = 1'))).rejects.toThrow(/empty\.ts exports no 'config'/);
    await expect(loadConfig(write('wrong.ts', "export const config = { group: 'orders' }"))).rejects.toThrow(/initialRegion: /);
  });
});

describe('the program', () => {
  const holdfastBin = (args: readonly string[], bin = join(root, 'src/cli/holdfast.mjs'), options: readonly string[] = []) =>
    spawnSync(process.execPath, [...options, bin, ...args], { cwd: folder, encoding: 'utf8', timeout: 20_000 });

  it('runs', () => {
    const said = holdfastBin(['--help']);
    expect(said.stderr).toBe('');
    expect(said.stdout).toContain('holdfast status [--watch]');
    expect(said.status).toBe(0);
  });

  it('exits with 1 and a sentence where there is no configuration', () => {
    const said = holdfastBin(['status']);
    expect(said.stderr).toMatch(/^holdfast: There is no holdfast\.config\.ts/);
    expect(said.status).toBe(1);
  });

  it('says in one sentence what an older Node needs', () => {
    // The bin alone, beside no main.ts: an older Node must not get as far as importing it.
    copyFileSync(join(root, 'src/cli/holdfast.mjs'), join(folder, 'holdfast.mjs'));
    const older = write20(folder);
    const said = holdfastBin(['status'], join(folder, 'holdfast.mjs'), ['--import', older]);
    expect(said.stderr).toMatch(/^holdfast: this is Node 20\.20\.0, and Holdfast needs Node 24 or newer: .*npm install.*\n$/);
    expect(said.status).toBe(1);
  });
});

/** A module that makes Node say it is 20. */
function write20(into: string): string {
  const path = join(into, 'older-node.mjs');
  writeFileSync(path, "Object.defineProperty(process.versions, 'node', { value: '20.20.0' });\n");
  return path;
}
