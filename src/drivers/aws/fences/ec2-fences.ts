// EC2 instances stopped, volumes detached.
import { AttachVolumeCommand, DescribeInstancesCommand, DescribeVolumesCommand, DetachVolumeCommand, type EC2Client, StartInstancesCommand, StopInstancesCommand } from '@aws-sdk/client-ec2';
import { ReadBackFence } from './read-back-fence.ts';

/** What runs no program any more. `stopping` does. */
const atRest = new Set(['stopped', 'terminated']);

/** Stopped by force: without waiting for the operating system, which may be what hangs. */
export function ec2StopFence(client: EC2Client, instances: readonly string[]): ReadBackFence {
  return new ReadBackFence({
    acting: async (signal) => {
      const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds: [...instances] }), { abortSignal: signal });
      const states = new Map(Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId, State }) => [InstanceId, State?.Name ?? ''] as const)));
      return instances.filter((id) => !atRest.has(states.get(id) ?? ''));
    },
    stop: async (acting, signal) => void (await client.send(new StopInstancesCommand({ InstanceIds: [...acting], Force: true }), { abortSignal: signal })),
    restore: async (stopped, signal) => void (await client.send(new StartInstancesCommand({ InstanceIds: [...stopped] }), { abortSignal: signal })),
  });
}

/** Detached by force: an instance that hangs does not let go. Each by volume, instance and device. */
export function ebsDetachFence(client: EC2Client, volumes: readonly string[]): ReadBackFence {
  return new ReadBackFence({
    acting: async (signal) => {
      const { Volumes = [] } = await client.send(new DescribeVolumesCommand({ VolumeIds: [...volumes] }), { abortSignal: signal });
      const attached = Volumes.flatMap(({ VolumeId, Attachments = [] }) =>
        Attachments.filter(({ State }) => State !== 'detached').map(({ InstanceId, Device }) => `${VolumeId ?? ''} ${InstanceId ?? ''} ${Device ?? ''}`),
      );
      return attached.toSorted((a, b) => (a < b ? -1 : 1));
    },
    stop: async (acting, signal) => {
      await Promise.all(
        acting.map(async (one) => {
          const [VolumeId, InstanceId, Device] = one.split(' ');
          await client.send(new DetachVolumeCommand({ VolumeId, InstanceId, Device, Force: true }), { abortSignal: signal }).catch(isNotAttached);
        }),
      );
    },
    restore: async (stopped, signal) => {
      for (const one of stopped) {
        const [VolumeId, InstanceId, Device] = one.split(' ');
        await client.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device }), { abortSignal: signal });
      }
    },
  });
}

/** It went meanwhile: the next look says so. */
function isNotAttached(error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'IncorrectState') throw error;
}
