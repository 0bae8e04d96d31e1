// Why: the emulator is a Python program; this brings exactly the locked one into a directory of the checkout, and says in a sentence what is missing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from './engine-error.ts';

const requirementsFile = fileURLToPath(new URL('requirements.txt', import.meta.url));
const oldestPython = [3, 11] as const;
const newestPython = [3, 14] as const; // the newest for which requirements.txt lists a PyYAML
const outputTailCharacters = 4_000;

export type Engine = { readonly python: string };

type SystemPython = { readonly executable: string; readonly version: string };

/**
 * Installs the emulator from the locked list, hashes checked; does nothing if that was done already for this list and this Python.
 * @param options.requirements the list of another program that is installed in the same way, `what` it is in the words of the log
 * @param options.isCompiled false: Python compiles what is imported when it is, a fraction of a large program
 */
export async function installEngine(options: {
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly requirements?: string;
  readonly what?: string;
  readonly isCompiled?: boolean;
}): Promise<Engine> {
  const { directory, log, requirements = requirementsFile, what = 'the AWS emulator', isCompiled = true } = options;
  const system = findPython();
  const stamp = createHash('sha256').update(readFileSync(requirements)).update(system.version).update(system.executable).digest('hex');
  const engine = { python: path.join(directory, 'bin', 'python') };
  if (isInstalled(directory, stamp)) return engine;
  log(`Installing ${what} for Python ${system.version} in ${directory}`);
  // Made beside and then renamed: whoever looks meanwhile (tests start together) sees a whole one or none.
  const fresh = `${directory}.${randomUUID()}`;
  try {
    await fill(fresh, system, requirements, what, isCompiled);
    writeFileSync(path.join(fresh, 'installed'), stamp);
    if (!isInstalled(directory, stamp)) replaceDirectory(directory, fresh, stamp);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return engine;
}

function isInstalled(directory: string, stamp: string): boolean {
  const file = path.join(directory, 'installed');
  return existsSync(path.join(directory, 'bin', 'python')) && existsSync(file) && readFileSync(file, 'utf8') === stamp;
}

function replaceDirectory(directory: string, fresh: string, stamp: string): void {
  const stale = `${directory}.${randomUUID()}`;
  if (existsSync(directory)) renameSync(directory, stale);
  try {
    renameSync(fresh, directory);
  } catch (error) {
    if (!isInstalled(directory, stamp)) throw error; // else somebody was quicker with the same
  }
  rmSync(stale, { recursive: true, force: true });
}

async function fill(directory: string, system: SystemPython, requirements: string, what: string, isCompiled: boolean): Promise<void> {
  mkdirSync(path.dirname(directory), { recursive: true });
  await run(system.executable, ['-m', 'venv', directory], 'Python could not make a virtual environment (on Debian and Ubuntu it needs the package python3-venv)');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--require-hashes', '--only-binary', ':all:'];
  await run(path.join(directory, 'bin', 'python'), [...pip, ...(isCompiled ? [] : ['--no-compile']), '--requirement', requirements], `pip could not install ${what}; is a package index reachable?`);
}

function findPython(): SystemPython {
  const question = 'import sys; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3])';
  const seen: string[] = [];
  for (const command of ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python']) {
    const answer = spawnSync(command, ['-c', question], { encoding: 'utf8' });
    if (answer.status !== 0) continue;
    const [executable, version] = answer.stdout.trim().split('\n');
    if (executable === undefined || version === undefined) continue;
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major === oldestPython[0] && minor >= oldestPython[1] && minor <= newestPython[1]) return { executable, version };
    seen.push(`${command} is ${version}`);
  }
  const found = seen.length === 0 ? 'none was found' : seen.join(', ');
  throw new EngineError(
    `The local AWS engine needs Python ${oldestPython.join('.')} to ${newestPython.join('.')} on PATH: ${found}. Install one (python.org, or your system's package manager) and start again.`,
  );
}

async function run(command: string, parameters: readonly string[], failure: string): Promise<void> {
  const child = spawn(command, [...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output += String(text);
    });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new EngineError(`${failure}. Its last words: ${output.slice(-outputTailCharacters)}`);
}
