// OpenIPMI's simulated controller (ipmi_sim, in Debian's package openipmi) of one machine, which is a file that says 0 or 1; and a way to it by UDP
// that can fall silent.
import { spawn, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { PeerFault } from '../fence.ts';

export const password = 'never-in-a-log';

/** What this machine lacks; undefined: nothing. */
export function missingPeers(): string | undefined {
  const missing = ['ipmi_sim', 'ipmitool'].filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length === 0 ? undefined : `${missing.join(' and ')} not found: on Debian and Ubuntu, apt-get install openipmi ipmitool`;
}

export type Simulator = {
  readonly port: number;
  readonly isOn: () => boolean;
  readonly turn: (isOn: boolean) => void;
  readonly suffer: (fault: PeerFault) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const startMsMax = 10_000;

export async function startSimulator(): Promise<Simulator> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'holdfast-ipmi-'));
  const at = (name: string) => path.join(folder, name);
  const port = await freeUdpPort();
  mkdirSync(at('state'));
  writeFileSync(at('power'), '1');
  // What the simulator runs when it is asked for the power, or told to change it. `stuck`: it is told, says yes, and nothing happens.
  writeFileSync(at('power.sh'), `case "$1 $2" in\n"get power") echo "power:$(cat '${at('power')}')" ;;\n"set power") test -e '${at('stuck')}' || printf %s "$3" >'${at('power')}' ;;\nesac\n`);
  writeFileSync(at('lan.conf'), lanConfiguration(port, at('power.sh')));
  writeFileSync(at('commands'), 'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n');
  const child = spawn('ipmi_sim', ['-n', '-c', at('lan.conf'), '-f', at('commands'), '-s', at('state')], { stdio: ['ignore', 'ignore', 'ignore'] });
  const way = await wayTo(port, () => readFileSync(at('power'), 'utf8'));
  const stop = async () => {
    await way.close();
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'close');
    rmSync(folder, { recursive: true, force: true });
  };
  for (const startedAt = performance.now(); !isAnswering(port); await setTimeout(20)) {
    if (child.exitCode === null && performance.now() - startedAt < startMsMax) continue;
    await stop();
    throw new Error('ipmi_sim did not start');
  }
  return {
    port: way.port,
    isOn: () => readFileSync(at('power'), 'utf8').trim() === '1',
    turn: (isOn) => writeFileSync(at('power'), isOn ? '1' : '0'),
    suffer: async (fault) => {
      if (fault === 'ineffective') writeFileSync(at('stuck'), '');
      else rmSync(at('stuck'), { force: true });
      await way.suffer(fault);
    },
    stop,
  };
}

function lanConfiguration(port: number, script: string): string {
  const levels = ['callback', 'user', 'operator', 'admin'].map((level) => `    allowed_auths_${level} md5`).join('\n');
  return [
    'name "fence-test"',
    'set_working_mc 0x20',
    '  startlan 1',
    `    addr 127.0.0.1 ${port}`,
    '    priv_limit admin',
    levels,
    '    guid a123456789abcdefa123456789abcdef',
    '  endlan',
    `  chassis_control "/bin/sh ${script}"`,
    '  user 1 false "" "" user 10 md5',
    `  user 2 true "holdfast" "${password}" admin 10 md5`,
    '',
  ].join('\n');
}

function isAnswering(port: number): boolean {
  const session = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(port), '-U', 'holdfast', '-E', '-C', '3', '-N', '1', '-R', '1'];
  return spawnSync('ipmitool', [...session, 'chassis', 'power', 'status'], { env: { PATH: process.env['PATH'], IPMITOOL_PASSWORD: password } }).status === 0;
}

async function freeUdpPort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/** Packets to and fro. `answer-lost`: from the moment on that the machine changed, no answer comes back. */
async function wayTo(peerPort: number, power: () => string) {
  let fault: PeerFault = 'none';
  let before = power();
  const inner = new Map<number, dgram.Socket>();
  const listen = async (port: number) => {
    const socket = dgram.createSocket('udp4');
    socket.on('message', (packet, { port: from }) => {
      if (fault === 'silent') return;
      outOf(from).send(packet, peerPort, '127.0.0.1');
    });
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return socket;
  };
  const outOf = (from: number) => {
    const known = inner.get(from);
    if (known !== undefined) return known;
    const socket = dgram.createSocket('udp4');
    socket.on('message', (packet) => {
      if (fault === 'answer-lost' && power() !== before) return;
      outer?.send(packet, from, '127.0.0.1');
    });
    inner.set(from, socket);
    return socket;
  };
  let outer: dgram.Socket | undefined = await listen(0);
  const { port } = outer.address();
  const shut = async () => {
    if (outer === undefined) return;
    const closing = outer;
    outer = undefined;
    closing.close();
    await once(closing, 'close');
  };
  return {
    port,
    suffer: async (next: PeerFault) => {
      fault = next;
      before = power();
      if (next === 'unreachable') await shut();
      else outer ??= await listen(port);
    },
    close: async () => {
      await shut();
      for (const socket of inner.values()) socket.close();
    },
  };
}
