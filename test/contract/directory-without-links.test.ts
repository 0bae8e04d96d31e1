// FAT and exFAT, on which most memory sticks are, have no hard links: a directory there keeps whole objects all the same.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { DirectorySite } from '../../src/drivers/directory/directory-site.ts';
import { bytesOf, shaOf } from './vault-site.ts';

const refused: string[] = [];
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<Record<string, unknown>>()),
  link: async (_from: string, to: string) => {
    refused.push(to);
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
  },
}));

const root = mkdtempSync(path.join(os.tmpdir(), 'holdfast-no-links-'));
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('puts, refuses to overwrite, replaces and sets aside', async () => {
  const site = new DirectorySite('stick', root);
  const options = (text: string) => ({ sha256: shaOf(bytesOf(text)), lock: null });
  expect((await site.put('packs/a', bytesOf('first'), options('first'))).kind).toBe('stored');
  expect((await site.put('packs/a', bytesOf('second'), options('second'))).kind).toBe('exists');
  await site.replace('packs/a', bytesOf('third'), options('third'));
  const aside = path.join(root, '.replaced/packs/a');
  expect([readFileSync(path.join(root, 'packs/a'), 'utf8'), readdirSync(aside).map((name) => readFileSync(path.join(aside, name), 'utf8')), readdirSync(path.join(root, '.tmp'))]).toEqual([
    'third',
    ['first'],
    [],
  ]);
  expect(refused.length).toBe(2);
});
