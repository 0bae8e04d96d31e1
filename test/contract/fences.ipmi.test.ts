// The power fence over IPMI keeps the contract: ipmitool against OpenIPMI's simulated controller, encrypted sessions over UDP.
import { afterAll, describe, expect, test } from 'vitest';
import { IpmiPower } from '../../src/drivers/ipmi/ipmi-power.ts';
import { east } from '../core/fixtures.ts';
import { fenceContract } from './fence.ts';
import { missingPeers, password, startSimulator, type Simulator } from './ipmi/simulator.ts';

const missing = missingPeers();
const simulators: Simulator[] = [];
afterAll(async () => {
  for (const simulator of simulators) await simulator.stop();
});

async function make() {
  const simulator = await startSimulator();
  simulators.push(simulator);
  return simulator;
}

const accessTo = ({ port }: Simulator) => ({ host: '127.0.0.1', port, user: 'holdfast', password: async () => password, cipherSuite: 3 as const });
const target = { region: east, epoch: 5 };

describe.skipIf(missing !== undefined)(missing === undefined ? 'with ipmi_sim' : `SKIPPED: ${missing}`, () => {
  fenceContract('IPMI power', ['unreachable', 'silent', 'answer-lost', 'ineffective'], async () => {
    const simulator = await make();
    return {
      fence: new IpmiPower(accessTo(simulator)),
      isStopped: async () => !simulator.isOn(),
      state: async () => String(simulator.isOn()),
      stopBeforehand: async () => simulator.turn(false),
      suffer: simulator.suffer,
    };
  });

  test('a wrong password: nobody knows, nothing is changed, and no password is in what it says', async () => {
    const simulator = await make();
    const outcome = await new IpmiPower({ ...accessTo(simulator), password: async () => 'wrong-but-secret' }).fence(target, AbortSignal.timeout(1500));
    expect(outcome).toMatchObject({ kind: 'unknown', because: expect.stringContaining('Unable to establish') });
    expect(outcome.because).not.toContain('wrong-but-secret');
    expect(simulator.isOn()).toBe(true);
  });
});
