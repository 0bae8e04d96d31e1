// Every network interface of instances moved into one security group that lets nothing through.
import {
  type DescribeNetworkInterfacesCommandOutput,
  DescribeInstancesCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  type EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2';
import { RefusedError } from '../../../core/errors.ts';
import { ReadBackFence } from './read-back-fence.ts';

const pageSize = 1000;

type Interface = { readonly id: string; readonly instance: string; readonly groups: readonly string[] };

/** @param quarantineGroup the id of a group without any rule. AWS lets flows go on that it had tracked before the change (docs/fences.md). */
export function quarantineFence(client: EC2Client, instances: readonly string[], quarantineGroup: string): ReadBackFence {
  const isQuarantined = ({ groups }: Interface) => groups.length === 1 && groups[0] === quarantineGroup;
  const interfaces = async (signal: AbortSignal) => interfacesOf(client, instances, signal);
  const move = async (NetworkInterfaceId: string, Groups: string[], signal: AbortSignal) =>
    client.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Groups }), { abortSignal: signal });
  return new ReadBackFence({
    requireHold: async (signal) => {
      await requireNoRules(client, quarantineGroup, signal);
      const seen = new Set((await interfaces(signal)).map(({ instance }) => instance));
      await requireTerminated(
        client,
        instances.filter((id) => !seen.has(id)),
        signal,
      );
    },
    acting: async (signal) => (await interfaces(signal)).filter((one) => !isQuarantined(one)).map(textOf),
    stop: async (acting, signal) => all(acting.map(async (one) => move(parse(one).id, [quarantineGroup], signal))),
    restore: async (stopped, signal) => {
      const now = new Map((await interfaces(signal)).map((one) => [one.id, one]));
      await all(
        stopped.map(async (text) => {
          const { id, groups } = parse(text);
          const found = now.get(id);
          if (found !== undefined && !isQuarantined(found))
            throw new RefusedError(
              `${id} is out of quarantine already, in ${found.groups.join(', ')}; before the fence it was in ${groups.join(', ')}. Somebody else moved it: it was left so. If that is wrong, set its groups by hand.`,
            );
          await move(id, groups, signal);
        }),
      );
    },
  });
}

/** In whatever order AWS tells them, the same text; every group that it takes to come back. */
function textOf({ id, groups }: Interface): string {
  return [id, ...groups].join(' ');
}

function parse(text: string): { readonly id: string; readonly groups: string[] } {
  const [id = '', ...groups] = text.split(' ');
  return { id, groups };
}

async function interfacesOf(client: EC2Client, instances: readonly string[], signal: AbortSignal): Promise<Interface[]> {
  const found: Interface[] = [];
  const Filters = [{ Name: 'attachment.instance-id', Values: [...instances] }];
  for (let NextToken: string | undefined; ; ) {
    const page: DescribeNetworkInterfacesCommandOutput = await client.send(new DescribeNetworkInterfacesCommand({ Filters, MaxResults: pageSize, NextToken }), { abortSignal: signal });
    for (const { NetworkInterfaceId: id = '', Attachment, Groups = [] } of page.NetworkInterfaces ?? []) {
      const groups = Groups.flatMap(({ GroupId }) => GroupId ?? []).toSorted((a, b) => (a < b ? -1 : 1));
      if (groups.length === 0) throw new Error(`${id} is shown without any security group: what it would need to come back is not known`);
      found.push({ id, instance: Attachment?.InstanceId ?? '', groups });
    }
    if (page.NextToken === undefined || page.NextToken === '') return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    NextToken = page.NextToken;
  }
}

/** @throws RefusedError where being in the group is no quarantine; AWS's own error where there is no such group */
async function requireNoRules(client: EC2Client, group: string, signal: AbortSignal): Promise<void> {
  const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: [group] }), { abortSignal: signal });
  const found = SecurityGroups.find(({ GroupId }) => GroupId === group);
  if (found === undefined) throw new Error(`${group} is not shown`);
  const [inbound, outbound] = [found.IpPermissions?.length ?? 0, found.IpPermissionsEgress?.length ?? 0];
  if (inbound + outbound > 0)
    throw new RefusedError(`${group} is no quarantine: it has ${inbound} inbound and ${outbound} outbound rules. Take all of them out (a new group has one outbound rule), and run the fence again.`);
}

/** An instance of which no interface is shown is gone, or it is not known what it can do. @throws AWS's own error where there is none of that id */
async function requireTerminated(client: EC2Client, instances: readonly string[], signal: AbortSignal): Promise<void> {
  if (instances.length === 0) return;
  const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds: [...instances] }), { abortSignal: signal });
  const states = new Map(Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId, State }) => [InstanceId, State?.Name] as const)));
  for (const id of instances) if (states.get(id) !== 'terminated') throw new Error(`${id} is ${states.get(id) ?? 'not shown'}, and none of its network interfaces is shown`);
}

/** One that is refused holds no other up. @throws the first refusal */
async function all(calls: readonly Promise<unknown>[]): Promise<void> {
  for (const call of await Promise.allSettled(calls)) if (call.status === 'rejected') throw call.reason;
}
