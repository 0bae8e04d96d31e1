// Looks a name up as clients do, at the resolvers that were named, else at this host's own.
import { Resolver } from 'node:dns/promises';
import type { DnsLookup } from '../../ports/dns-lookup.ts';

const timeoutMs = 1000;

export class ResolverDnsLookup implements DnsLookup {
  readonly #resolver = new Resolver({ timeout: timeoutMs, tries: 2 });

  constructor(servers: readonly string[]) {
    if (servers.length > 0) this.#resolver.setServers(servers);
  }

  async targetOf(name: string): Promise<string | undefined> {
    try {
      const [target] = await this.#resolver.resolveCname(name);
      return target?.replace(/\.$/, '');
    } catch {
      // No such record, no answer, refused: all mean that clients are not led here yet.
      return undefined;
    }
  }
}
