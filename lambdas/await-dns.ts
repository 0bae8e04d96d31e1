// AwaitDns: asks the resolvers whether the service's name answers with this region.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment, requireSetting } from '../src/config/environment.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { ResolverDnsLookup } from '../src/drivers/aws/resolver-dns-lookup.ts';
import { awaitDnsStep } from '../src/operations/await-dns.ts';

export async function handler(event: unknown): Promise<{ readonly answeredAtMs: number }> {
  return awaitDnsStep(governor, parseRunbookInput(event), dns, environment.config.service.name, serviceTarget);
}

const environment = readEnvironment();
const governor = connectGovernor(environment);
const dns = new ResolverDnsLookup(environment.dnsServers);
const serviceTarget = requireSetting(environment, 'serviceTarget');
