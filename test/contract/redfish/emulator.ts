// Starts sushy-tools' Redfish emulator on a free port, over TLS, and looks at its machines without the driver.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { installEngine } from '../../../local/engine/install-engine.ts';
import { checkout, freePort } from '../../local/engine/engine-fixture.ts';
import { selfSigned, type SelfSigned } from '../self-signed.ts';

export const password = 'never-in-a-log';
const startMsMax = 20_000;

export type Emulator = {
  readonly url: URL;
  readonly tls: SelfSigned;
  /** A machine that no other test has; `/redfish/v1/Systems/…`. */
  readonly nextMachine: () => string;
  readonly powerState: (machine: string) => Promise<string>;
  readonly reset: (machine: string, resetType: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

export async function startEmulator(machines: number): Promise<Emulator> {
  const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));
  const { python } = await installEngine({ directory: path.join(checkout, '.holdfast', 'redfish'), log: () => undefined, requirements, what: 'the Redfish emulator', isCompiled: false });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'holdfast-redfish-'));
  const tls = selfSigned('controller');
  writeFileSync(path.join(folder, 'key.pem'), tls.key);
  writeFileSync(path.join(folder, 'cert.pem'), tls.cert);
  const port = await freePort('127.0.0.1');
  const url = new URL(`https://127.0.0.1:${port}`);
  const settings = fileURLToPath(new URL('emulator.py', import.meta.url));
  const given = ['-m', 'sushy_tools.emulator.main', '--config', settings, '--fake', '-i', '127.0.0.1', '-p', String(port)];
  const files = ['--ssl-certificate', path.join(folder, 'cert.pem'), '--ssl-key', path.join(folder, 'key.pem')];
  const child = spawn(python, [...given, ...files], {
    env: { FENCE_TEST_FOLDER: folder, FENCE_TEST_MACHINES: String(machines), FENCE_TEST_PASSWORD: password, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  const call = async (method: string, machine: string, body?: object) => ask(new URL(machine, url), method, body);
  const stop = async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'close');
    rmSync(folder, { recursive: true, force: true });
  };
  for (const startedAt = performance.now(); ; ) {
    if (await call('GET', '/redfish/v1/Systems').catch(() => undefined)) break;
    if (child.exitCode !== null || performance.now() - startedAt > startMsMax) {
      await stop();
      throw new Error(`The Redfish emulator did not start: ${said}`);
    }
    await setTimeout(50);
  }
  let next = 0;
  return {
    url,
    tls,
    nextMachine: () => `/redfish/v1/Systems/machine-${next++}`,
    powerState: async (machine) => String((await call('GET', machine))['PowerState']),
    reset: async (machine, resetType) => void (await call('POST', `${machine}/Actions/ComputerSystem.Reset`, { ResetType: resetType })),
    stop,
  };
}

async function ask(url: URL, method: string, body: object | undefined): Promise<Record<string, unknown>> {
  const request = https.request(url, { method, auth: `holdfast:${password}`, rejectUnauthorized: false, agent: false, headers: { 'content-type': 'application/json' } });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(request, 'response');
  let text = '';
  for await (const part of response) text += String(part);
  return text === '' ? {} : JSON.parse(text);
}
