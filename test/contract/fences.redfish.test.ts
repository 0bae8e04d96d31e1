// The power fence over Redfish keeps the contract, against sushy-tools' emulator over TLS: a peer that nobody of us wrote.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedfishPower } from '../../src/drivers/redfish/redfish-power.ts';
import { east } from '../core/fixtures.ts';
import { fenceContract } from './fence.ts';
import { faultGateway, type FaultGateway } from './fault-gateway.ts';
import { password, startEmulator, type Emulator } from './redfish/emulator.ts';

let emulator: Emulator;
const gateways: FaultGateway[] = [];
const target = { region: east, epoch: 5 };
const soon = () => AbortSignal.timeout(10_000);

beforeAll(async () => {
  emulator = await startEmulator(20);
}, 120_000);
afterAll(async () => {
  for (const gateway of gateways) await gateway.close();
  await emulator?.stop();
});

const accessTo = (url: URL, machine: string, change: object = {}) => ({
  system: new URL(machine, url),
  user: 'holdfast',
  password: async () => password,
  certificateSha256: emulator.tls.sha256,
  ...change,
});

fenceContract('Redfish power', ['unreachable', 'silent', 'answer-lost', 'ineffective'], async () => {
  const machine = emulator.nextMachine();
  const gateway = await faultGateway(
    emulator.url,
    emulator.tls,
    ({ method }) => method === 'POST',
    () => ({ status: 204, contentType: 'application/json', body: '' }),
  );
  gateways.push(gateway);
  return {
    fence: new RedfishPower(accessTo(gateway.url, machine)),
    isStopped: async () => (await emulator.powerState(machine)) === 'Off',
    state: async () => emulator.powerState(machine),
    stopBeforehand: async () => {
      await emulator.reset(machine, 'ForceOff');
      await expect.poll(async () => emulator.powerState(machine), { timeout: 5000 }).toBe('Off');
    },
    suffer: gateway.suffer,
  };
});

test('without anything between: the emulator itself', async () => {
  const machine = emulator.nextMachine();
  expect(await new RedfishPower(accessTo(emulator.url, machine)).fence(target, soon())).toEqual({ kind: 'confirmed', because: 'its power state is Off' });
  expect(await emulator.powerState(machine)).toBe('Off');
});

test('a controller with another certificate is told nothing, least of all the password', async () => {
  const machine = emulator.nextMachine();
  const gateway = await faultGateway(
    emulator.url,
    emulator.tls,
    () => false,
    () => ({ status: 204, contentType: '', body: '' }),
  );
  gateways.push(gateway);
  const stranger = new RedfishPower(accessTo(gateway.url, machine, { certificateSha256: '0'.repeat(64) }));
  expect(await stranger.fence(target, soon())).toEqual({ kind: 'failed', because: expect.stringMatching(/shows the certificate .*nothing was sent/u) });
  const unsigned = new RedfishPower(accessTo(gateway.url, machine, { certificateSha256: undefined }));
  expect(await unsigned.fence(target, soon())).toMatchObject({ kind: 'unknown', because: expect.stringContaining('self') });
  expect(gateway.seen).toEqual([]);
  expect(await emulator.powerState(machine)).toBe('On');
});

test.each([
  ['a wrong password', { password: async () => 'wrong' }, /HTTP 401/u],
  ['a machine that is not there', { system: undefined }, /HTTP 404/u],
])('%s is a failure, and says why', async (_, change, because) => {
  const machine = emulator.nextMachine();
  const access = accessTo(emulator.url, machine, 'system' in change ? { system: new URL('/redfish/v1/Systems/nobody', emulator.url) } : change);
  const outcome = await new RedfishPower(access).fence(target, soon());
  expect(outcome).toEqual({ kind: 'failed', because: expect.stringMatching(because) });
  expect(outcome.because).not.toContain(password);
  expect(await emulator.powerState(machine)).toBe('On');
});
