// The hosted zone as the local resolver sees it. Route 53 is a global service, but locally its data lie in one emulated region, which may
// be the one that dies: so records and health checks are copied out when the stacks are deployed, and answered from here.
import { ListHealthChecksCommand, ListHostedZonesCommand, ListResourceRecordSetsCommand, Route53Client, type HealthCheck as AwsHealthCheck, type ResourceRecordSet } from '@aws-sdk/client-route-53';

export type Routing =
  | { readonly policy: 'simple' }
  | { readonly policy: 'weighted'; readonly weight: number }
  | { readonly policy: 'failover'; readonly role: 'primary' | 'secondary' }
  | { readonly policy: 'multivalue' };

export type Alias = { readonly name: string; readonly evaluateTargetHealth: boolean };

export type RecordSet = {
  /** Lower case, without the final dot. */
  readonly name: string;
  /** `A`, `CNAME`, … as Route 53 writes it. */
  readonly type: string;
  readonly setIdentifier: string | null;
  readonly routing: Routing;
  readonly healthCheckId: string | null;
  /** Seconds; absent on an alias, which answers with its target's. */
  readonly ttlSeconds: number | null;
  readonly values: readonly string[];
  readonly alias: Alias | null;
};

export type HealthCheck = {
  readonly id: string;
  readonly protocol: 'http' | 'https' | 'tcp';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly intervalSeconds: number;
  readonly failureThreshold: number;
  readonly inverted: boolean;
  readonly disabled: boolean;
  /** Each of the check's regions has checkers of its own. */
  readonly regions: readonly string[];
};

export type Zone = {
  readonly name: string;
  readonly records: readonly RecordSet[];
  readonly healthChecks: readonly HealthCheck[];
};

/** A record or health check that the local resolver would answer otherwise than Route 53. */
export class UnsupportedRecordError extends Error {
  override readonly name = 'UnsupportedRecordError';
}

export const EMPTY_ZONE: Zone = { name: 'invalid', records: [], healthChecks: [] };

/** `\052.Example.COM.` → `*.example.com`: Route 53 lists some characters as octal escapes. */
export function canonicalName(name: string): string {
  const unescaped = name.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return unescaped.toLowerCase().replace(/\.$/, '');
}

function routingOf(record: ResourceRecordSet, label: string): Routing {
  if (record.Weight !== undefined) return { policy: 'weighted', weight: record.Weight };
  if (record.Failover !== undefined) return { policy: 'failover', role: record.Failover === 'PRIMARY' ? 'primary' : 'secondary' };
  if (record.MultiValueAnswer === true) return { policy: 'multivalue' };
  const other = (['Region', 'GeoLocation', 'GeoProximityLocation', 'CidrRoutingConfig'] as const).find((key) => record[key] !== undefined);
  if (other === undefined) return { policy: 'simple' };
  throw new UnsupportedRecordError(`record ${label} is routed by ${other}, which the local resolver does not imitate; use weighted, failover, multivalue or simple records, or run against AWS`);
}

export function recordSetOf(record: ResourceRecordSet): RecordSet {
  const name = canonicalName(record.Name ?? '');
  const type = record.Type ?? '';
  const alias = record.AliasTarget;
  return {
    name,
    type,
    setIdentifier: record.SetIdentifier ?? null,
    routing: routingOf(record, `${name} ${type}`),
    healthCheckId: record.HealthCheckId ?? null,
    ttlSeconds: alias === undefined ? (record.TTL ?? null) : null,
    values: (record.ResourceRecords ?? []).map((value) => value.Value ?? ''),
    alias: alias === undefined ? null : { name: canonicalName(alias.DNSName ?? ''), evaluateTargetHealth: alias.EvaluateTargetHealth === true },
  };
}

const PROTOCOLS: Readonly<Record<string, HealthCheck['protocol']>> = { HTTP: 'http', HTTPS: 'https', TCP: 'tcp' };
/** Where Route 53 has checkers; all of them check where the health check names none (health-checks-creating-values.html, Health checker regions). */
const CHECKER_REGIONS = ['us-east-1', 'us-west-1', 'us-west-2', 'eu-west-1', 'ap-southeast-1', 'ap-southeast-2', 'ap-northeast-1', 'sa-east-1'] as const;
const DEFAULT_PORTS = { http: 80, https: 443, tcp: 0 } as const;

export function healthCheckOf(check: AwsHealthCheck): HealthCheck {
  const id = check.Id ?? '';
  const config = check.HealthCheckConfig;
  const protocol = PROTOCOLS[config?.Type ?? ''];
  if (config === undefined || protocol === undefined) {
    throw new UnsupportedRecordError(`health check ${id} is of type ${config?.Type ?? 'none'}, which the local prober does not run; use HTTP, HTTPS or TCP, or run against AWS`);
  }
  return {
    id,
    protocol,
    host: (config.FullyQualifiedDomainName ?? config.IPAddress ?? '').toLowerCase(),
    port: config.Port ?? DEFAULT_PORTS[protocol],
    path: config.ResourcePath ?? '/',
    // Route 53's own defaults: every 30 seconds, three failures in a row (CreateHealthCheck, HealthCheckConfig).
    intervalSeconds: config.RequestInterval ?? 30,
    failureThreshold: config.FailureThreshold ?? 3,
    inverted: config.Inverted === true,
    disabled: config.Disabled === true,
    regions: (config.Regions ?? []).length > 0 ? (config.Regions ?? []) : CHECKER_REGIONS,
  };
}

const PAGES_MAX = 100;

async function listRecords(client: Route53Client, zoneId: string): Promise<RecordSet[]> {
  const found: RecordSet[] = [];
  let next: { StartRecordName?: string; StartRecordType?: ResourceRecordSet['Type']; StartRecordIdentifier?: string } = {};
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { StartRecordName, StartRecordType, StartRecordIdentifier } = next;
    const answer = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zoneId, StartRecordName, StartRecordType, StartRecordIdentifier }));
    for (const record of answer.ResourceRecordSets ?? []) found.push(recordSetOf(record));
    if (answer.IsTruncated !== true) return found;
    next = {
      ...(answer.NextRecordName === undefined ? {} : { StartRecordName: answer.NextRecordName }),
      ...(answer.NextRecordType === undefined ? {} : { StartRecordType: answer.NextRecordType }),
      ...(answer.NextRecordIdentifier === undefined ? {} : { StartRecordIdentifier: answer.NextRecordIdentifier }),
    };
  }
  throw new Error(`hosted zone ${zoneId} has more than ${PAGES_MAX} pages of records; the local resolver is made for a handful`);
}

async function listHealthChecks(client: Route53Client): Promise<HealthCheck[]> {
  const found: HealthCheck[] = [];
  let marker: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await client.send(new ListHealthChecksCommand({ Marker: marker }));
    for (const check of answer.HealthChecks ?? []) found.push(healthCheckOf(check));
    if (answer.IsTruncated !== true) return found;
    marker = answer.NextMarker;
  }
  throw new Error(`there are more than ${PAGES_MAX} pages of health checks; the local prober is made for a handful`);
}

/** The most specific hosted zone that contains `serviceName`, with its records, and every health check of the account. */
export async function fetchZone(endpoint: string, serviceName: string): Promise<Zone> {
  const client = new Route53Client({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: '111111111111', secretAccessKey: 'local' },
  });
  try {
    const wanted = canonicalName(serviceName);
    const zones = (await client.send(new ListHostedZonesCommand({}))).HostedZones ?? [];
    const containing = zones
      .map((zone) => ({ id: (zone.Id ?? '').replace('/hostedzone/', ''), name: canonicalName(zone.Name ?? '') }))
      .filter((zone) => wanted === zone.name || wanted.endsWith(`.${zone.name}`))
      .sort((a, b) => b.name.length - a.name.length)[0];
    if (containing === undefined) {
      throw new Error(`no hosted zone at ${endpoint} contains ${serviceName}; deploy the records stack there first`);
    }
    const [records, healthChecks] = await Promise.all([listRecords(client, containing.id), listHealthChecks(client)]);
    return { name: containing.name, records, healthChecks };
  } finally {
    client.destroy();
  }
}
