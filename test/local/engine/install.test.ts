// Why: a newcomer's machine may have no Python, or an old one. The sentence that says so is all that they see.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installEngine } from '../../../local/engine/install-engine.ts';

let folder: string;
const searchPath = process.env['PATH'];

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'holdfast-python-'));
  process.env['PATH'] = folder;
});

afterEach(() => {
  process.env['PATH'] = searchPath;
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['none at all', undefined, 'none was found'],
  ['one that is too old', '3.10.14', 'python3 is 3.10.14'],
  ['one that is too new for the locked wheels', '3.15.0', 'python3 is 3.15.0'],
])('Python: %s', async (_name, version, sentence) => {
  if (version !== undefined) {
    const file = path.join(folder, 'python3');
    writeFileSync(file, `#!/bin/sh\necho ${file}\necho ${version}\n`);
    chmodSync(file, 0o755);
  }
  const directory = path.join(folder, 'engine');
  const installing = installEngine({ directory, log: () => undefined });
  await expect(installing).rejects.toThrow(/needs Python 3\.11 to 3\.14 on PATH/);
  await expect(installing).rejects.toThrow(sentence);
  expect(existsSync(directory)).toBe(false);
});

test('an installation that fails leaves nothing that looks like one', async () => {
  const file = path.join(folder, 'python3');
  writeFileSync(file, `#!/bin/sh\nif [ "$1" = -c ]; then echo ${file}; echo 3.12.1; else echo no ensurepip >&2; exit 1; fi\n`);
  chmodSync(file, 0o755);
  const directory = path.join(folder, 'engine');
  await expect(installEngine({ directory, log: () => undefined })).rejects.toThrow(/python3-venv.*no ensurepip/s);
  expect(existsSync(directory)).toBe(false);
});
