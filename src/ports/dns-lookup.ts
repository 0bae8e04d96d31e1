// The port to DNS as clients see it.
export interface DnsLookup {
  /** The name that `name` is an alias (CNAME) of now, without trailing dot; undefined when it has none. */
  targetOf(name: string): Promise<string | undefined>;
}
