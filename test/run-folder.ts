// A folder for what the files of one run of vitest share; it ends with the run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { runFolderVariable } from './built-functions.ts';

let folder: string | undefined;

export function setup({ config }: TestProject): void {
  // Who watches changes the source while it runs: what was made before is then of another source.
  if (config.watch) return;
  folder = mkdtempSync(join(tmpdir(), 'holdfast-run-'));
  process.env[runFolderVariable] = folder;
}

export function teardown(): void {
  delete process.env[runFolderVariable];
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
