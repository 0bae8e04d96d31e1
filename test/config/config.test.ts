// Why: a wrong setting must be refused before it is deployed, by an error that names the field and what it may be.
import { describe, expect, it } from 'vitest';
import { config as sample } from '../../holdfast.config.ts';
import { readEnvironment, requireSetting } from '../../src/config/environment.ts';
import { type HoldfastConfigInput, defineConfig, describeBudget } from '../../src/config/holdfast-config.ts';
import { configIdOf, parseRuntimeConfig, toRuntimeConfig } from '../../src/config/runtime-config.ts';

const least: HoldfastConfigInput = {
  group: 'orders',
  initialRegion: 'us-east-1',
  regions: [
    { region: 'us-east-1', role: 'candidate' },
    { region: 'us-west-2', role: 'candidate' },
    { region: 'eu-west-1', role: 'witness' },
  ],
  service: { name: 'api.orders.example' },
  table: { name: 'orders' },
};

const candidate = (region: string) => ({ region, role: 'candidate' as const });

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  return 'nothing was thrown';
};

describe('defineConfig', () => {
  it('fills in the production defaults, and the careful mode', () => {
    const config = defineConfig(least);
    expect(config.mode).toBe('observe');
    expect(config.isFenced).toBe(false);
    expect(config.timing).toMatchObject({ tickMs: 5000, leaseMs: 20_000, skewAllowanceMs: 2000, gateCacheMs: 1000 });
    expect(config.dns).toEqual({ ttlSeconds: 15, checkIntervalSeconds: 10, checkFailures: 1 });
    expect(config.policy).toMatchObject({ readiness: { failures: 3, of: 4 }, attemptsMax: 3, approvalTimeoutSeconds: 300 });
  });

  it('takes the sample, which is automatic and fenced', () => {
    expect(sample).toMatchObject({ group: 'orders', initialRegion: 'us-east-1', mode: 'automatic', isFenced: true, fenceShards: 2 });
  });

  const refused: readonly [string, Partial<HoldfastConfigInput>, RegExp][] = [
    ['an unknown region', { regions: [candidate('us-east-1'), candidate('us-wets-2'), candidate('eu-west-1')] }, /regions\[1\]\.region: 'us-wets-2' is not an AWS region.*did you mean 'us-west-2'/],
    ['one voter', { regions: [candidate('us-east-1')] }, /regions: lists 1 voter; .*at least 3/],
    ['no voter', { regions: [] }, /regions: lists 0 voters/],
    ['an even number of voters', { regions: ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-west-2'].map(candidate) }, /regions: lists 4 voters; an even number.*use 3 or 5/],
    ['no second candidate', { regions: [candidate('us-east-1'), { region: 'us-west-2', role: 'witness' }, { region: 'eu-west-1', role: 'witness' }] }, /regions: has 1 candidate; at least 2/],
    ['a region listed twice', { regions: [candidate('us-east-1'), candidate('us-west-2'), candidate('us-west-2')] }, /regions\[2\]\.region: 'us-west-2' is listed twice/],
    ['two partitions', { regions: [candidate('us-east-1'), candidate('us-west-2'), candidate('cn-north-1')] }, /regions\[2\]\.region: 'cn-north-1' is in another AWS partition/],
    ['an initial region that is a witness', { initialRegion: 'eu-west-1' }, /initialRegion: 'eu-west-1' is a witness.*it may be 'us-east-1' or 'us-west-2'/],
    ['an initial region that is not listed', { initialRegion: 'eu-west-2' }, /initialRegion: 'eu-west-2' is not among the regions/],
    ['an ε that the budget refuses', { timing: { skewAllowanceMs: 750 } }, /timing\.skewAllowanceMs: two regions could act at once.*make skewAllowanceMs at least 755/],
    ['a D that the budget refuses', { timing: { leaseMs: 16_999 } }, /timing\.leaseMs: D − ε = 14999 ms.*make leaseMs at least 17000/],
    ['no fence rows', { fenceShards: 0 }, /fenceShards: must be at least 1/],
    ['too many fence rows', { fenceShards: 65 }, /fenceShards: must be at most 64/],
    ['hold-open', { quorumLost: 'hold-open' }, /quorumLost: 'hold-open'.*is not built yet; use 'stop'/],
    ['a check interval that Route 53 does not know', { dns: JSON.parse('{"checkIntervalSeconds":5}') }, /dns\.checkIntervalSeconds: must be 10 or 30/],
    ['a mode that is none', JSON.parse('{"mode":"auto"}'), /mode: must be 'observe'.*'automatic'/],
    ['a field that is none', JSON.parse('{"timings":{}}'), /timings/],
    ['a zone apex', { service: { name: 'orders.example' } }, /service\.name: must be a lower-case host name below a zone/],
    ['a group that cannot be a name', { group: 'Orders' }, /group: must be 2 to 24 lower-case/],
    ['3 failures of 2', { policy: { liveness: { failures: 3, of: 2 } } }, /policy\.liveness\.failures: is 3.*it may be 1 to 2/],
    ['degraded above healthy', { policy: { scoreDegradedBelow: 0.9 } }, /policy\.scoreDegradedBelow: is 0\.9/],
  ];
  it.each(refused)('refuses %s', (_, change, message) => {
    expect(messageOf(() => defineConfig({ ...least, ...change }))).toMatch(message);
  });

  it('takes each limit itself', () => {
    expect(defineConfig({ ...least, fenceShards: 64 }).fenceShards).toBe(64);
    expect(defineConfig({ ...least, timing: { leaseMs: 17_000 } }).timing.leaseMs).toBe(17_000);
    expect(defineConfig({ ...least, timing: { skewAllowanceMs: 755 } }).timing.skewAllowanceMs).toBe(755);
  });

  it('shows the budget, and what is thin in it', () => {
    expect(describeBudget(sample).join('\n')).toMatch(/T 5\.0 s · D 20\.0 s · ε 2\.0 s[^]*decided 23\.5 s \(p50\), 27\.8 s \(p99\)/);
    expect(describeBudget(defineConfig({ ...least, timing: { skewAllowanceMs: 1000 } })).join('\n')).toMatch(/thin: skewAllowanceMs/);
  });
});

describe('the runtime configuration', () => {
  const runtime = toRuntimeConfig(sample);

  it('survives the way to a Lambda', () => {
    expect(parseRuntimeConfig(JSON.stringify(runtime))).toEqual(runtime);
  });

  it('spells the physical names out', () => {
    expect(runtime.tables).toEqual({ region: 'holdfast-orders-region', fence: 'holdfast-orders-fence', log: 'holdfast-orders-log', data: 'orders' });
    expect(runtime.voters[0]).toEqual({ region: 'us-east-1', role: 'candidate', registerTable: 'holdfast-orders-register-1' });
  });

  it('names the voter set the same in any order, and otherwise for a new incarnation', () => {
    expect(configIdOf([...runtime.voters].reverse())).toBe(runtime.configId);
    const [first, ...rest] = sample.regions;
    if (first === undefined) throw new Error('the sample lists no region');
    expect(toRuntimeConfig({ ...sample, regions: [{ ...first, registerIncarnation: 2 }, ...rest] }).configId).not.toBe(runtime.configId);
  });

  it('refuses voters that do not belong to the id, and what is not JSON', () => {
    expect(messageOf(() => parseRuntimeConfig(JSON.stringify({ ...runtime, configId: '0'.repeat(64) })))).toMatch(
      /InvalidConfigError: HOLDFAST_CONFIG is not valid:\n {2}configId: is not the id of these voters/,
    );
    expect(messageOf(() => parseRuntimeConfig('{'))).toMatch(/HOLDFAST_CONFIG is not JSON/);
  });
});

describe('the environment', () => {
  const source = { AWS_REGION: 'us-west-2', HOLDFAST_CONFIG: JSON.stringify(toRuntimeConfig(sample)) };

  it('needs a region and a configuration, and is empty of local things on AWS', () => {
    const environment = readEnvironment(source);
    expect(environment).toMatchObject({ region: 'us-west-2', endpoints: {}, dnsServers: [] });
    expect(environment.config.group).toBe('orders');
  });

  it("reads endpoints by region, resolvers, and a function's own settings", () => {
    const environment = readEnvironment({
      ...source,
      HOLDFAST_ENDPOINT_US_EAST_1: 'http://127.0.0.1:4001',
      HOLDFAST_DNS_SERVERS: '127.0.0.1:5301, 127.0.0.1:5302',
      HOLDFAST_QUEUE_URL: 'https://queue',
    });
    expect(environment.endpoints).toEqual({ 'us-east-1': 'http://127.0.0.1:4001' });
    expect(environment.dnsServers).toEqual(['127.0.0.1:5301', '127.0.0.1:5302']);
    expect(requireSetting(environment, 'queueUrl')).toBe('https://queue');
  });

  it.each([
    [{ ...source, AWS_REGION: undefined }, /AWS_REGION is not set/],
    [{ ...source, HOLDFAST_CONFIG: '' }, /HOLDFAST_CONFIG is not set/],
    [{ ...source, AWS_REGION: 'eu-west-2' }, /AWS_REGION is eu-west-2, which is no region of group orders/],
    [{ ...source, HOLDFAST_ENDPOINT_US_EAST_1: '127.0.0.1:4001/x' }, /HOLDFAST_ENDPOINT_US_EAST_1 is '127/],
    [{ ...source, HOLDFAST_DNS_SERVERS: '127.0.0.1' }, /HOLDFAST_DNS_SERVERS contains '127\.0\.0\.1'; it must be host:port/],
  ])('names the variable that is wrong (%#)', (broken, message) => {
    expect(messageOf(() => readEnvironment(broken))).toMatch(message);
  });

  it('names the setting that a function lacks', () => {
    expect(messageOf(() => requireSetting(readEnvironment(source), 'gateToken'))).toMatch(/HOLDFAST_GATE_TOKEN is not set for this function/);
  });
});
