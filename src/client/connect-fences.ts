// Connects the fences to what they stop. Only the fence function takes this in: what a bundle carries is what a function can call.
import { DecryptCommand, type KMSClient } from '@aws-sdk/client-kms';
import { partitionOf } from '../config/aws-regions.ts';
import { requireSetting, type Environment } from '../config/environment.ts';
import { parseFences, type FenceSettings } from '../config/fences.ts';
import { bucketAccessFence, tableAccessFence } from '../drivers/aws/fences/access-fences.ts';
import { ebsDetachFence, ec2StopFence } from '../drivers/aws/fences/ec2-fences.ts';
import { createEc2, createElb, createFenceDynamoDb, createFenceKms, createFenceS3 } from '../drivers/aws/fences/fence-clients.ts';
import { grantFence } from '../drivers/aws/fences/grant-fence.ts';
import { quarantineFence } from '../drivers/aws/fences/quarantine-fence.ts';
import { targetFence } from '../drivers/aws/fences/target-fence.ts';
import { DynamoDbRowPages } from '../drivers/aws/dynamodb-row-pages.ts';
import { SnsNotifier } from '../drivers/aws/sns-notifier.ts';
import { systemChance, systemClock } from '../drivers/aws/system-environment.ts';
import { IpmiPower } from '../drivers/ipmi/ipmi-power.ts';
import { RedfishPower } from '../drivers/redfish/redfish-power.ts';
import type { FenceStepPorts } from '../operations/fence-step.ts';
import { registerOf } from '../operations/governor.ts';
import { strongRegister } from '../operations/strong-register.ts';
import type { UndoPorts } from '../operations/undo-fences.ts';
import type { Fence } from '../ports/fence.ts';
import type { RowStore } from '../ports/row-store.ts';
import { acceptorReach, dynamoDbOf, replicaOf, rowStoreOf } from './connect.ts';

export function connectFences(environment: Environment): FenceStepPorts & UndoPorts {
  const { config, region } = environment;
  const client = dynamoDbOf(region, environment);
  const own = rowStoreOf(config, region, client);
  const replica = replicaOf(config, region, client);
  const voters: RowStore[] = config.voters.map((v) => (v.region === region ? own : rowStoreOf(config, v.region, dynamoDbOf(v.region, environment))));
  const register = replica === undefined ? undefined : strongRegister({ group: config.group, region, replicas: [replica], chance: systemChance });
  return {
    me: region,
    group: config.group,
    own,
    pages: new DynamoDbRowPages(client, config.tables.region),
    register: registerOf({ me: region, policy: config, voters, chance: systemChance, reach: acceptorReach(config, voters, (r) => dynamoDbOf(r, environment)), register }),
    fences: parseFences(environment.fences).map((settings) => ({ ...settings, driver: driverOf(settings, environment) })),
    clock: systemClock,
    chance: systemChance,
    timeLimit: (ms) => AbortSignal.timeout(ms),
    notifier: new SnsNotifier(region, requireSetting(environment, 'topicArn')),
  };
}

function driverOf(fence: FenceSettings, environment: Environment): Fence {
  const { region } = fence;
  const endpoint = region === environment.region ? undefined : environment.endpoints[region];
  switch (fence.kind) {
    case 'table-access': {
      const account = requireSetting(environment, 'account');
      const tables = (fence.tables ?? [environment.config.tables.data]).map((name) => `arn:${partitionOf(region)}:dynamodb:${region}:${account}:table/${name}`);
      return tableAccessFence(createFenceDynamoDb(region, endpoint), tables, fence.principals);
    }
    case 'bucket-access':
      return bucketAccessFence(createFenceS3(region, endpoint), fence.buckets, partitionOf(region), fence.principals);
    case 'ec2-stop':
      return ec2StopFence(createEc2(region, endpoint), fence.instances);
    case 'ebs-detach':
      return ebsDetachFence(createEc2(region, endpoint), fence.volumes);
    case 'security-group-quarantine':
      return quarantineFence(createEc2(region, endpoint), fence.instances, fence.quarantineGroup);
    case 'target-deregistration':
      return targetFence(createElb(region, endpoint), fence.targetGroup);
    case 'kms-grant':
      return grantFence(createFenceKms(region, endpoint), fence.key, fence.grantees);
    case 'redfish-power':
      return new RedfishPower({ system: new URL(fence.system), user: fence.user, password: passwordOf(fence, environment), certificateSha256: fence.certificateSha256 });
    case 'ipmi-power':
      return new IpmiPower({ host: fence.host, port: fence.port, user: fence.user, password: passwordOf(fence, environment), cipherSuite: fence.cipherSuite });
  }
}

/** By this region's replica of the key, and only for this group's fence of this name. Asked for once it is needed, and again where that failed. */
function passwordOf(fence: Extract<FenceSettings, { password: unknown }>, environment: Environment): () => Promise<string> {
  let client: KMSClient | undefined;
  let known: string | undefined;
  return async () => {
    if (known !== undefined) return known;
    client ??= createFenceKms(environment.region, undefined);
    const { Plaintext } = await client.send(
      new DecryptCommand({
        KeyId: fence.password.keyId,
        CiphertextBlob: Buffer.from(fence.password.ciphertext, 'base64'),
        EncryptionContext: { group: environment.config.group, fence: fence.name },
      }),
    );
    known = new TextDecoder().decode(Plaintext);
    return known;
  };
}
