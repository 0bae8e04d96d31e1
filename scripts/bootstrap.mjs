// Runs one of the project's programs on a fresh machine: under any Node from 20, installs what the lock file says if that has
// not been done, then goes on under the Node that the project brings along. Plain JavaScript, because old Nodes start it.
import { createHash } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.holdfast-installed');
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (Number(process.versions.node.split('.')[0]) < 20) fail(`Node ${process.versions.node} is too old to begin with: install Node 20 or newer, then run the same command again.`);

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  const startedAt = Date.now();
  process.stderr.write('installing dependencies (npm ci) …\n');
  const install = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
  if (install.status !== 0) fail('npm ci failed; its message is above. Run the same command again once that is mended.');
  writeFileSync(stamp, wanted);
  process.stderr.write(`installed in ${Math.round((Date.now() - startedAt) / 1000)} s\n`);
}

const node = join(modules, '.bin', 'node');
const [program, ...args] = process.argv.slice(2);
if (program === undefined) fail('usage: node scripts/bootstrap.mjs PROGRAM.ts [ARGUMENT …]');
const child = spawn(existsSync(node) ? node : process.execPath, [program, ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH ?? ''}`, CDK_DISABLE_CLI_TELEMETRY: 'true' },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
