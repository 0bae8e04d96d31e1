// The fence in memory keeps the contract, and so does one with faults on the way to it.
import { FaultyFence } from '../../src/drivers/faulty/faulty-fence.ts';
import { MemoryFence, MemoryMachine } from '../../src/drivers/memory/memory-fence.ts';
import { fenceContract, type PeerFault } from './fence.ts';

const faults = ['unreachable', 'silent', 'answer-lost'] as const;

fenceContract('memory, with faults on the way', faults, async () => {
  const machine = new MemoryMachine(true);
  let now: PeerFault = 'none';
  const isFault = (fault: PeerFault) => faults.find((f) => f === fault);
  return {
    fence: new FaultyFence(new MemoryFence(machine), () => isFault(now)),
    isStopped: async () => !machine.isOn,
    state: async () => String(machine.isOn),
    stopBeforehand: async () => machine.turn(false),
    suffer: async (fault) => {
      now = fault;
    },
  };
});
