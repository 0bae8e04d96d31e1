// Why: the only reader of process.env, so that what a function depends on is one page, and a missing variable is named before anything is done.
import { InvalidConfigError } from '../core/errors.ts';
import { type RuntimeConfig, parseRuntimeConfig } from './runtime-config.ts';

type Source = Readonly<Record<string, string | undefined>>;

/** What each function finds only where the stack gives it to that function. */
const SETTINGS = {
  queueUrl: 'HOLDFAST_QUEUE_URL',
  stateMachineArn: 'HOLDFAST_STATE_MACHINE_ARN',
  topicArn: 'HOLDFAST_TOPIC_ARN',
  tickFunctionName: 'HOLDFAST_TICK_FUNCTION_NAME',
  gateToken: 'HOLDFAST_GATE_TOKEN',
  dataStreamArn: 'HOLDFAST_DATA_STREAM_ARN',
  serviceUrl: 'HOLDFAST_SERVICE_URL',
  serviceTarget: 'HOLDFAST_SERVICE_TARGET',
  account: 'HOLDFAST_ACCOUNT',
  fences: 'HOLDFAST_FENCES',
} as const;

type SettingName = keyof typeof SETTINGS;

export type Environment = {
  readonly region: string;
  readonly config: RuntimeConfig;
  /** Where a region's AWS endpoints are; empty on AWS, where the SDK knows. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** `host:port` of the resolvers to ask; empty means the system's own. */
  readonly dnsServers: readonly string[];
} & { readonly [Name in SettingName]?: string };

/** Reads what every function of Holdfast is told. Throws an InvalidConfigError that names the variable. */
export function readEnvironment(source: Source = process.env): Environment {
  const region = required(source, 'AWS_REGION');
  const config = parseRuntimeConfig(required(source, 'HOLDFAST_CONFIG'));
  const regions = config.voters.map((voter) => voter.region);
  if (!regions.includes(region)) throw new InvalidConfigError(`AWS_REGION is ${region}, which is no region of group ${config.group} (${regions.join(', ')}); deploy this stack into one of them`);
  return { region, config, endpoints: readEndpoints(regions, source), dnsServers: readDnsServers(source), ...readSettings(source) };
}

/** The endpoints of those regions that have one; for programs outside Lambda as well. */
export function readEndpoints(regions: readonly string[], source: Source = process.env): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const region of regions) {
    const variable = endpointVariable(region);
    const value = source[variable];
    if (value === undefined || value === '') continue;
    if (!/^https?:\/\/[^/\s]+$/.test(value)) throw new InvalidConfigError(`${variable} is '${value}'; it must be a URL without a path, like http://127.0.0.1:4566, or unset on AWS`);
    found[region] = value;
  }
  return found;
}

/** `us-west-2` → `HOLDFAST_ENDPOINT_US_WEST_2`. */
export function endpointVariable(region: string): string {
  return `HOLDFAST_ENDPOINT_${region.toUpperCase().replaceAll('-', '_')}`;
}

/** A setting that this function cannot do without. */
export function requireSetting(environment: Environment, name: SettingName): string {
  const value = environment[name];
  if (value === undefined) throw new InvalidConfigError(`${SETTINGS[name]} is not set for this function; the stack sets it, so deploy again`);
  return value;
}

function required(source: Source, variable: string): string {
  const value = source[variable];
  if (value === undefined || value === '') throw new InvalidConfigError(`${variable} is not set; Lambda and the stack set it, so outside Lambda set it yourself`);
  return value;
}

function readDnsServers(source: Source): readonly string[] {
  const text = source['HOLDFAST_DNS_SERVERS'] ?? '';
  const servers = text
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '');
  for (const server of servers) {
    if (!/^[^\s:]+:\d{1,5}$/.test(server)) throw new InvalidConfigError(`HOLDFAST_DNS_SERVERS contains '${server}'; it must be host:port, several separated by commas`);
  }
  return servers;
}

function readSettings(source: Source): { [Name in SettingName]?: string } {
  const found: { [Name in SettingName]?: string } = {};
  for (const [name, variable] of entriesOf(SETTINGS)) {
    const value = source[variable];
    if (value !== undefined && value !== '') found[name] = value;
  }
  return found;
}

function entriesOf(settings: typeof SETTINGS): [SettingName, string][] {
  const names: SettingName[] = ['queueUrl', 'stateMachineArn', 'topicArn', 'tickFunctionName', 'gateToken', 'dataStreamArn', 'serviceUrl', 'serviceTarget', 'account', 'fences'];
  return names.map((name) => [name, settings[name]]);
}
