// Starts moto's server on a free port: an EC2 that knows network interfaces and their security groups, which the local engine does not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installEngine } from '../../../local/engine/install-engine.ts';
import { checkout, freePort } from '../../local/engine/engine-fixture.ts';

const startMsMax = 60_000;

export type MotoServer = { readonly url: URL; readonly stop: () => Promise<void> };

export async function startMoto(): Promise<MotoServer> {
  const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
  const { python } = await installEngine({ directory: path.join(checkout, '.holdfast', 'moto'), log: () => undefined, requirements, what: "moto's server", isCompiled: false });
  const port = await freePort('127.0.0.1');
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { env: {}, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  const url = new URL(`http://127.0.0.1:${port}`);
  const stop = async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'close');
  };
  for (const startedAt = performance.now(); ; ) {
    if ((await fetch(new URL('/moto-api/data.json', url)).catch(() => undefined))?.ok === true) return { url, stop };
    if (child.exitCode !== null || performance.now() - startedAt > startMsMax) {
      await stop();
      throw new Error(`moto's server did not start: ${said}`);
    }
    await setTimeout(50);
  }
}
