// Why: the corrections name private things of one exact version. Where one of them is missing or reads otherwise, the engine must refuse to start.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkout, install } from './engine-fixture.ts';

type Report = { asItIs: string; otherVersion: string; names: { name: string; without: string; otherText: string }[] };

test('without any one of the things that it corrects, or with another text in its place, the engine refuses to start and names it', async () => {
  const engine = await install();
  const state = mkdtempSync(path.join(os.tmpdir(), 'holdfast-corrections-'));
  const script = path.join(checkout, 'test/local/engine/corrections_check.py');
  const run = spawnSync(engine.python, ['-B', script, path.join(checkout, 'local/engine'), state], { encoding: 'utf8', env: {} });
  rmSync(state, { recursive: true, force: true });
  expect(run.status, run.stderr).toBe(0);
  const report: Report = JSON.parse(run.stdout);
  expect(report.asItIs).toBe('started');
  expect(report.otherVersion).toMatch(/^refused: ministack 1\.5\.33 is installed, but/);
  expect(report.names.length).toBeGreaterThan(50);
  for (const { name, without, otherText } of report.names) {
    expect([name, without]).toEqual([name, expect.stringMatching(/^refused: /)]);
    expect([name, without]).toEqual([name, expect.stringContaining(name)]);
    expect([name, otherText]).toEqual([name, expect.stringMatching(/^(refused: |its text does not matter)/)]);
  }
  expect(report.names.filter(({ otherText }) => otherText.startsWith('refused')).length).toBeGreaterThan(20);
}, 150_000);
