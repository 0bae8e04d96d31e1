// Instances with network interfaces in several security groups, in a VPC of their own, looked at without the driver.
import {
  AttachNetworkInterfaceCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeNetworkInterfacesCommand,
  type EC2Client,
  type IpPermission,
  ModifyNetworkInterfaceAttributeCommand,
  RevokeSecurityGroupEgressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';

const everything: IpPermission = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };

export class Network {
  readonly #client: EC2Client;
  readonly #vpc: string;
  readonly #subnet: string;
  #groups = 0;
  #interfaces: string[] = [];

  private constructor(client: EC2Client, vpc: string, subnet: string) {
    this.#client = client;
    this.#vpc = vpc;
    this.#subnet = subnet;
  }

  static async make(client: EC2Client): Promise<Network> {
    const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
    const vpc = Vpc?.VpcId ?? '';
    const { Subnet } = await client.send(new CreateSubnetCommand({ VpcId: vpc, CidrBlock: '10.0.0.0/20' }));
    return new Network(client, vpc, Subnet?.SubnetId ?? '');
  }

  /** As AWS makes it: everything may go out. */
  async newGroup(): Promise<string> {
    this.#groups += 1;
    const { GroupId = '' } = await this.#client.send(new CreateSecurityGroupCommand({ VpcId: this.#vpc, GroupName: `g${this.#groups}`, Description: 'test' }));
    return GroupId;
  }

  async newGroups(count: number): Promise<string[]> {
    const made: string[] = [];
    while (made.length < count) made.push(await this.newGroup());
    return made;
  }

  async newQuarantine(): Promise<string> {
    const group = await this.newGroup();
    await this.closeOut(group);
    return group;
  }

  async closeOut(GroupId: string): Promise<void> {
    await this.#client.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [everything] }));
  }

  async letIn(GroupId: string): Promise<void> {
    await this.#client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [{ ...everything, IpProtocol: 'tcp', FromPort: 22, ToPort: 22 }] }));
  }

  /** With one interface, which goes with it. */
  async newInstance(Groups: string[]): Promise<string> {
    const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId: this.#subnet, Groups, DeleteOnTermination: true }];
    const { Instances = [] } = await this.#client.send(new RunInstancesCommand({ ImageId: 'ami-12c6146b', MinCount: 1, MaxCount: 1, NetworkInterfaces }));
    const [instance] = Instances;
    this.#interfaces.push(...(instance?.NetworkInterfaces ?? []).flatMap(({ NetworkInterfaceId }) => NetworkInterfaceId ?? []));
    return instance?.InstanceId ?? '';
  }

  async attach(InstanceId: string, DeviceIndex: number, Groups: string[]): Promise<string> {
    const { NetworkInterface } = await this.#client.send(new CreateNetworkInterfaceCommand({ SubnetId: this.#subnet, Groups }));
    const NetworkInterfaceId = NetworkInterface?.NetworkInterfaceId ?? '';
    await this.#client.send(new AttachNetworkInterfaceCommand({ InstanceId, NetworkInterfaceId, DeviceIndex }));
    this.#interfaces.push(NetworkInterfaceId);
    return NetworkInterfaceId;
  }

  async move(NetworkInterfaceId: string, Groups: string[]): Promise<void> {
    await this.#client.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Groups }));
  }

  async terminate(instance: string): Promise<void> {
    await this.#client.send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
  }

  /** Each with its groups, in the order in which they were made. */
  async groupsOfEach(): Promise<Map<string, string[]>> {
    const { NetworkInterfaces = [] } = await this.#client.send(new DescribeNetworkInterfacesCommand({ Filters: [{ Name: 'vpc-id', Values: [this.#vpc] }] }));
    const found = new Map(NetworkInterfaces.map(({ NetworkInterfaceId = '', Groups = [] }) => [NetworkInterfaceId, Groups.map(({ GroupId = '' }) => GroupId).toSorted()]));
    return new Map(this.#interfaces.filter((id) => found.has(id)).map((id) => [id, found.get(id) ?? []]));
  }
}
