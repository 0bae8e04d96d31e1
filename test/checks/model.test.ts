// The model's page, its files and its runner say the same; where SPIN is there, the smallest searches are made.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configurations } from '../../scripts/model-configurations.ts';
import { missingTools, search } from '../../scripts/model-search.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/model.md'), 'utf8');

function section(title: string): string {
  const from = page.indexOf(`## ${title}\n`);
  if (from < 0) throw new Error(`docs/model.md has no section '${title}'`);
  const to = page.indexOf('\n## ', from + 1);
  return page.slice(from, to < 0 ? undefined : to);
}

/** The first cell of each row of a section's table. */
function names(title: string): string[] {
  return [...section(title).matchAll(/^\| ([^|]+?) \|/gm)].map((m) => m[1] ?? '').filter((name) => name !== 'name' && name !== '---');
}

const spec = readdirSync(join(root, 'spec')).map((file) => readFileSync(join(root, 'spec', file), 'utf8'));
const inSpec = (prefix: string) => [...new Set(spec.flatMap((text) => [...text.matchAll(new RegExp(`\\b${prefix}_([A-Z0-9_]+)\\b`, 'g'))].map((m) => m[1] ?? '')))].sort();
const inRuns = (prefix: string) => [...new Set(configurations.flatMap((c) => c.defines.filter((d) => d.startsWith(`${prefix}_`)).map((d) => d.slice(prefix.length + 1))))].sort();

test('every planted bug of the model is on its page and is searched for, and no other', () => {
  expect(inSpec('PLANT')).not.toHaveLength(0);
  expect(names('Planted bugs').sort()).toEqual(inSpec('PLANT'));
  expect(inRuns('PLANT')).toEqual(inSpec('PLANT'));
  expect(configurations.filter((c) => c.defines.some((d) => d.startsWith('PLANT_'))).every((c) => c.expect === 'broken')).toBe(true);
});

test('every reachability question of the model is asked', () => {
  expect(inSpec('REACH')).not.toHaveLength(0);
  expect(inRuns('REACH')).toEqual(inSpec('REACH'));
});

test('every file and function that the map names exists', () => {
  const cells = section('From model to code')
    .split('\n')
    .flatMap((line) => line.split(' | ').slice(1));
  const places = cells.flatMap((cell) => cell.split(';').map((part) => /^(.*) in `([^`]+)`/.exec(part.trim()))).filter((m) => m !== null);
  expect(places.length).toBeGreaterThan(15);
  for (const [, functions = '', file = ''] of places) {
    expect(existsSync(join(root, file)), file).toBe(true);
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, name] of functions.matchAll(/`([^`]+)`/g)) expect(text, `${name} in ${file}`).toMatch(new RegExp(`function ${name}\\b`));
  }
});

test('where SPIN is missing, one sentence says what to do', () => {
  const empty = mkdtempSync(join(tmpdir(), 'holdfast-no-spin-'));
  try {
    const run = spawnSync(process.execPath, [join(root, 'scripts/model.ts')], { encoding: 'utf8', env: { PATH: empty } });
    expect(run.status).toBe(2);
    expect(run.stderr).toMatch(/spin and gcc are missing\..*apt-get install spin gcc\n$/);
    expect(run.stdout).toBe('');
  } finally {
    rmSync(empty, { recursive: true, force: true });
  }
});

const missing = missingTools();
test.skipIf(missing.length > 0)(`SPIN finds a planted bug and a state that must be reached (skipped here: ${missing.join(' and ') || 'nothing'} missing)`, async () => {
  for (const name of ['C3', 'reach-released']) {
    const configuration = configurations.find((c) => c.name === name);
    if (configuration === undefined) throw new Error(`no configuration '${name}'`);
    expect(await search(configuration), name).toMatchObject({ kind: 'searched', errors: 1 });
  }
});
