// A load balancer's target group without its targets.
import { DeregisterTargetsCommand, DescribeTargetHealthCommand, type ElasticLoadBalancingV2Client, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ReadBackFence } from './read-back-fence.ts';

/** Each by id, port and zone. A target that drains still serves what it had begun, so it counts. */
export function targetFence(client: ElasticLoadBalancingV2Client, targetGroup: string): ReadBackFence {
  const targetsOf = (all: readonly string[]) =>
    all.map((one) => {
      const [Id, Port, AvailabilityZone] = one.split(' ');
      return { Id, Port: Number(Port), ...(AvailabilityZone === undefined || AvailabilityZone === '' ? {} : { AvailabilityZone }) };
    });
  return new ReadBackFence({
    acting: async (signal) => {
      const { TargetHealthDescriptions = [] } = await client.send(new DescribeTargetHealthCommand({ TargetGroupArn: targetGroup }), { abortSignal: signal });
      const all = TargetHealthDescriptions.map(({ Target }) => `${Target?.Id ?? ''} ${Target?.Port ?? 0} ${Target?.AvailabilityZone ?? ''}`.trim());
      return all.toSorted((a, b) => (a < b ? -1 : 1));
    },
    stop: async (acting, signal) => void (await client.send(new DeregisterTargetsCommand({ TargetGroupArn: targetGroup, Targets: targetsOf(acting) }), { abortSignal: signal })),
    restore: async (stopped, signal) => void (await client.send(new RegisterTargetsCommand({ TargetGroupArn: targetGroup, Targets: targetsOf(stopped) }), { abortSignal: signal })),
  });
}
