// Runs reader.py with the emulator's Python, which has the two packages that it needs, and with nothing of this process's environment but PATH.
import { execFile } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { installEngine } from '../../local/engine/install-engine.ts';

const engineDirectory = path.join(import.meta.dirname, '..', '..', '.holdfast', 'engine');
const reader = path.join(import.meta.dirname, 'reader.py');

// Once a file of tests: it starts a Python to ask for its version.
let engine: ReturnType<typeof installEngine> | undefined;

export type Ran = { readonly status: number; readonly out: string; readonly said: string };

export const passphrase = (text: string) => ({ HOLDFAST_VAULT_PASSPHRASE: text });

export async function runReader(secret: Readonly<Record<string, string>>, ...parameters: readonly string[]): Promise<Ran> {
  const { python } = await (engine ??= installEngine({ directory: engineDirectory, log: () => undefined }));
  const env = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', ...secret };
  return new Promise((resolve) => {
    const child = execFile(python, [reader, ...parameters], { env }, (_error, out, said) => resolve({ status: child.exitCode ?? -1, out, said }));
  });
}

/** Everything under a folder that is no folder, by its name in latin1: names need not be UTF-8. */
export function filesUnder(folder: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const walk = (at: Buffer, name: string): void => {
    for (const child of readdirSync(at, { encoding: 'buffer' })) {
      const [inner, innerName] = [Buffer.concat([at, Buffer.from('/'), child]), `${name}${name === '' ? '' : '/'}${child.toString('latin1')}`];
      if (lstatSync(inner).isDirectory()) walk(inner, innerName);
      else found.set(innerName, inner);
    }
  };
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) walk(Buffer.from(folder), '');
  return found;
}
