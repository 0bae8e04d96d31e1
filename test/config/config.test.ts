// Why: a wrong setting must be refused before it is deployed, by an error that names the field and what it may be.
import { describe, expect, it } from 'vitest';
import { config as sample } from '../../holdfast.config.ts';
import { backupSettingsOf } from '../../src/client/connect-vault.ts';
import { readEnvironment, requireSetting } from '../../src/config/environment.ts';
import { type HoldfastConfigInput, defineConfig, describeBudget } from '../../src/config/holdfast-config.ts';
import { configIdOf, parseRuntimeConfig, tablesOf, toRuntimeConfig } from '../../src/config/runtime-config.ts';

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

  it('hands priorities on to the functions, and leaves the identity of the voters to their tables', () => {
    const regions = [{ ...candidate('eu-west-1'), priority: 2 }, { ...candidate('eu-central-1'), priority: 1 }, candidate('eu-north-1')];
    const input = { ...least, initialRegion: 'eu-west-1', residency: 'EU' as const, regions };
    const { voters, configId } = parseRuntimeConfig(JSON.stringify(toRuntimeConfig(defineConfig(input))));
    expect(voters.map((voter) => voter.priority)).toEqual([2, 1, undefined]);
    expect(configId).toBe(toRuntimeConfig(defineConfig({ ...input, regions: regions.map(({ region, role }) => ({ region, role })) })).configId);
  });

  it('takes the sample, which is automatic and fenced', () => {
    expect(sample).toMatchObject({ group: 'orders', initialRegion: 'us-east-1', mode: 'automatic', isFenced: true, fenceShards: 2 });
  });

  const refused: readonly [string, Partial<HoldfastConfigInput>, RegExp][] = [
    ['an unknown region', { regions: [candidate('us-east-1'), candidate('us-wets-2'), candidate('eu-west-1')] }, /regions\[1\]\.region: 'us-wets-2' is not an AWS region.*did you mean 'us-west-2'/],
    ['a region outside the residency', { residency: 'EU' }, /regions\[0\]\.region: 'us-east-1' is outside the group's residency.*it may be eu-central-1, eu-north-1/],
    [
      'a witness in London of a group that may not leave the EU, for it keeps copies of the log',
      { residency: 'EU', initialRegion: 'eu-west-1', regions: [candidate('eu-west-1'), candidate('eu-central-1'), { region: 'eu-west-2', role: 'witness' }] },
      /regions\[2\]\.region: 'eu-west-2' is outside.*copies of the candidates' change logs/,
    ],
    ['a residency that leaves one of its regions out', { residency: ['us-east-1', 'us-west-2'] }, /regions\[2\]\.region: 'eu-west-1' is outside/],
    ['a residency that names no region', { residency: ['us-east-1', 'mars-1'] }, /residency/],
    ['a priority of a witness', { regions: [candidate('us-east-1'), candidate('us-west-2'), { region: 'eu-west-1', role: 'witness', priority: 1 }] }, /regions\[2\]\.priority: is of no use/],
    ['a priority of nought', { regions: [{ ...candidate('us-east-1'), priority: 0 }, candidate('us-west-2'), candidate('eu-west-1')] }, /regions\[0\]\.priority: must be at least 1/],
    ['one voter', { regions: [candidate('us-east-1')] }, /regions: lists 1 voter; .*at least 3/],
    ['no voter', { regions: [] }, /regions: lists 0 voters/],
    ['an even number of voters', { regions: ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-west-2'].map(candidate) }, /regions: lists 4 voters; an even number.*use 3 or 5/],
    ['no second candidate', { regions: [candidate('us-east-1'), { region: 'us-west-2', role: 'witness' }, { region: 'eu-west-1', role: 'witness' }] }, /regions: has 1 candidate; at least 2/],
    ['a region listed twice', { regions: [candidate('us-east-1'), candidate('us-west-2'), candidate('us-west-2')] }, /regions\[2\]\.region: 'us-west-2' is listed twice/],
    ['two partitions', { regions: [candidate('us-east-1'), candidate('us-west-2'), candidate('cn-north-1')] }, /regions\[2\]\.region: 'cn-north-1' is in another AWS partition/],
    ['a strongly consistent register over two sets of regions', { register: 'mrsc' }, /register: 'mrsc' cannot span us-east-1, us-west-2, eu-west-1: all three must be of one set.*EU: eu-central-1, /],
    [
      'a strongly consistent register in five regions',
      { register: 'mrsc', regions: ['us-east-1', 'us-east-2', 'us-west-2', 'eu-west-1', 'eu-west-2'].map(candidate) },
      /register: 'mrsc' needs exactly 3 regions, and 5 are listed; use 'tables'/,
    ],
    [
      'a strongly consistent register in a region of no set',
      { register: 'mrsc', regions: ['us-east-1', 'us-west-1', 'us-west-2'].map(candidate) },
      /register: 'mrsc' cannot be in us-west-1: .*US: us-east-1, us-east-2, us-west-2/,
    ],
    ['a register that is none', JSON.parse('{"register":"strong"}'), /register: must be 'tables'.*or 'mrsc'/],
    ['an initial region that is a witness', { initialRegion: 'eu-west-1' }, /initialRegion: 'eu-west-1' is a witness.*it may be 'us-east-1' or 'us-west-2'/],
    ['an initial region that is not listed', { initialRegion: 'eu-west-2' }, /initialRegion: 'eu-west-2' is not among the regions/],
    ['an ε that the budget refuses', { timing: { skewAllowanceMs: 750 } }, /timing\.skewAllowanceMs: two regions could act at once.*make skewAllowanceMs at least 755/],
    ['a D that the budget refuses', { timing: { leaseMs: 16_999 } }, /timing\.leaseMs: D − ε = 14999 ms.*make leaseMs at least 17000/],
    ['an account that is none', { regions: [candidate('us-east-1'), candidate('us-west-2'), { ...candidate('eu-west-1'), account: '12345' }] }, /regions\[2\]\.account: must be the 12 digits/],
    [
      'one account named of several regions',
      { regions: [{ ...candidate('us-east-1'), account: '111122223333' }, candidate('us-west-2'), candidate('eu-west-1')] },
      /regions\[1\]\.account: is missing for 'us-west-2'/,
    ],
    [
      'several accounts with a vault',
      { vault: {}, regions: ['us-east-1', 'us-west-2', 'eu-west-1'].map((r, n) => ({ ...candidate(r), account: `11112222333${n}` })) },
      /vault: is not built for several accounts yet/,
    ],
    [
      'a strongly consistent table of several accounts',
      { register: 'mrsc', regions: ['us-east-1', 'us-west-2', 'us-east-2'].map((r, n) => ({ ...candidate(r), account: `11112222333${n}` })) },
      /register: 'mrsc' is one global table, which lies in one account/,
    ],
    ['a lag brake without a fence', { lagBrake: { maxLagMs: 60_000 } }, /lagBrake: needs isFenced: true/],
    ['a lag brake that a late tick would pull', { isFenced: true, lagBrake: { maxLagMs: 14_999 } }, /lagBrake\.maxLagMs: is 14999.*at least 3 ticks \(15000\)/],
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

  it.each([
    ['US', ['us-west-2', 'us-east-1', 'us-east-2'], 'us-east-1'],
    ['EU', ['eu-west-3', 'eu-central-1', 'eu-west-1'], 'eu-central-1'],
    ['AP', ['ap-northeast-3', 'ap-northeast-2', 'ap-northeast-1'], 'ap-northeast-1'],
  ] as const)('takes a strongly consistent register in three regions of the %s set; whoever is listed first, one region makes the table', (_, regions, home) => {
    for (const listed of [[...regions], [...regions].reverse()]) {
      const config = defineConfig({ ...least, register: 'mrsc', initialRegion: regions[0], regions: listed.map(candidate) });
      expect(toRuntimeConfig(config).strongRegister).toEqual({ table: 'holdfast-orders-register-mrsc-1', home });
    }
    expect(toRuntimeConfig(defineConfig(least))).not.toHaveProperty('strongRegister');
  });

  it('tells by whom items are sealed, where that is said', () => {
    const runtime = toRuntimeConfig(defineConfig({ ...least, vault: { subject: { attribute: 'customerId' } } }));
    expect(runtime.vault?.subject).toEqual({ attribute: 'customerId' });
    expect(backupSettingsOf(parseRuntimeConfig(JSON.stringify(runtime))).subjectAttribute).toBe('customerId');
    expect(backupSettingsOf(toRuntimeConfig(sample))).not.toHaveProperty('subjectAttribute');
  });

  it('names tables by their ARN where regions name their accounts, and so votes by another id', () => {
    const regions = ['us-east-1', 'us-west-2', 'eu-west-1'].map((r, n) => ({ ...candidate(r), account: `11112222333${n}` }));
    const runtime = parseRuntimeConfig(JSON.stringify(toRuntimeConfig(defineConfig({ ...least, regions }))));
    expect(runtime.voters[1]?.registerTable).toBe(`arn:aws:dynamodb:us-west-2:111122223331:table/holdfast-${least.group}-register-1`);
    expect(tablesOf(runtime, 'eu-west-1').log).toBe(`arn:aws:dynamodb:eu-west-1:111122223332:table/holdfast-${least.group}-log`);
    expect(runtime.configId).not.toBe(toRuntimeConfig(defineConfig({ ...least, regions: regions.map(({ region }) => candidate(region)) })).configId);
  });

  it('takes each limit itself', () => {
    expect(toRuntimeConfig(defineConfig({ ...least, isFenced: true, lagBrake: { maxLagMs: 15_000 } })).lagBrake).toEqual({ maxLagMs: 15_000 });
    expect(toRuntimeConfig(defineConfig(least))).not.toHaveProperty('lagBrake');
    expect(defineConfig({ ...least, fenceShards: 64 }).fenceShards).toBe(64);
    expect(defineConfig({ ...least, timing: { leaseMs: 17_000 } }).timing.leaseMs).toBe(17_000);
    expect(defineConfig({ ...least, timing: { skewAllowanceMs: 755 } }).timing.skewAllowanceMs).toBe(755);
  });

  it('shows the budget, and what is thin in it', () => {
    expect(describeBudget(sample).join('\n')).toMatch(/T 5\.0 s · D 20\.0 s · ε 2\.0 s[^]*decided 23\.5 s \(p50\), 27\.8 s \(p99\)/);
    expect(describeBudget(defineConfig({ ...least, timing: { skewAllowanceMs: 1000 } })).join('\n')).toMatch(/thin: skewAllowanceMs/);
  });
});

describe('the vault', () => {
  const sentence = 'nobody can delete these backups before their date';
  const withVault = (vault: object) => defineConfig({ ...least, vault: JSON.parse(JSON.stringify(vault)) }).vault;

  it('is not there unless it is asked for, and careful when it is', () => {
    expect(defineConfig(least)).not.toHaveProperty('vault');
    expect(toRuntimeConfig(defineConfig(least))).not.toHaveProperty('vault');
    expect(withVault({})).toEqual({
      lockMode: 'GOVERNANCE',
      retentionDays: { hourly: 7, daily: 30, weekly: 90, monthly: 365, yearly: 2555 },
      lockDaysMax: 2555,
      packBytes: 32 * 1024 * 1024,
      partsMode: 'INLINE',
      schedules: { full: 'cron(0 0 * * ? *)', incremental: 'cron(0 1-23 * * ? *)', restoreTest: 'cron(30 10 ? * SUN *)' },
      overdueAfterMinutes: { full: 120, incremental: 30, log: 10 },
      scrubDays: 30,
    });
  });

  it('tells a function what it needs and no more, and the same after the way there', () => {
    const runtime = toRuntimeConfig(sample);
    expect(runtime.vault).toEqual({
      lockMode: 'COMPLIANCE',
      retentionDays: { hourly: 1, daily: 1, weekly: 1, monthly: 1, yearly: 1 },
      lockDaysMax: 1,
      packBytes: 16 * 1024 * 1024,
      partsMode: 'INLINE',
      schedules: { full: 'cron(0 0 * * ? *)', incremental: 'cron(0 1-23 * * ? *)', restoreTest: 'cron(30 10 * * ? *)' },
      overdueAfterMinutes: { full: 120, incremental: 30, log: 10 },
      scrubDays: 30,
    });
    expect(parseRuntimeConfig(JSON.stringify(runtime)).vault).toEqual(runtime.vault);
  });

  it('takes each limit itself', () => {
    expect(withVault({ lockMode: 'COMPLIANCE', confirmCompliance: sentence })?.lockMode).toBe('COMPLIANCE');
    expect(withVault({ packBytes: 1024 * 1024 })?.packBytes).toBe(1024 * 1024);
    expect(withVault({ packBytes: 63 * 1024 * 1024 })?.packBytes).toBe(63 * 1024 * 1024);
    expect(withVault({ retentionDays: { yearly: 36_500 } })?.lockDaysMax).toBe(36_500);
    expect(withVault({ retentionDays: { hourly: 1, yearly: 400 }, lockDaysMax: 400 })).toMatchObject({ retentionDays: { hourly: 1, daily: 30, yearly: 400 }, lockDaysMax: 400 });
    expect(withVault({ lockDaysMax: 2556 })?.lockDaysMax).toBe(2556);
    expect(withVault({ partsMode: 'DISTRIBUTED', schedules: { differential: 'rate(6 hours)' } })).toMatchObject({ partsMode: 'DISTRIBUTED', schedules: { differential: 'rate(6 hours)' } });
    for (const hour of [1, 9, 10, 19, 22]) expect(withVault({ schedules: { restoreTest: `cron(0 ${hour} * * ? *)` } })?.schedules.restoreTest).toBe(`cron(0 ${hour} * * ? *)`);
    expect(withVault({ schedules: { incremental: 'rate(6 hours)' } })?.schedules).toMatchObject({ full: 'cron(0 0 * * ? *)', incremental: 'rate(6 hours)' });
  });

  const refused: readonly [string, object, RegExp][] = [
    ['COMPLIANCE without the sentence', { lockMode: 'COMPLIANCE' }, /vault\.confirmCompliance: must be 'nobody can delete these backups before their date', word for word/],
    ['COMPLIANCE with another sentence', { lockMode: 'COMPLIANCE', confirmCompliance: 'yes' }, /vault\.confirmCompliance: must be/],
    ['a mode that is none', { lockMode: 'governance' }, /vault\.lockMode: must be 'GOVERNANCE'.*'COMPLIANCE'/],
    ['a person without a name of the attribute', { subject: { attribute: '' } }, /vault\.subject\.attribute: must be the name of an attribute/],
    ['a person by another setting', { subject: { key: 'customerId' } }, /vault\.subject/],
    ['a person by the partition key, which stays readable', { subject: { attribute: 'id' } }, /vault\.subject\.attribute: is 'id', the table's partition key/],
    ['no days', { retentionDays: { hourly: 0 } }, /vault\.retentionDays\.hourly: must be at least 1 days/],
    ['more than a hundred years', { retentionDays: { yearly: 36_501 } }, /vault\.retentionDays\.yearly: must be at most 36500 days/],
    ['half a day', { retentionDays: { daily: 1.5 } }, /vault\.retentionDays\.daily: must be a whole number days/],
    ['a class that is none', { retentionDays: { minutely: 1 } }, /vault\.retentionDays.*minutely/],
    ['a longest lock below the longest class', { lockDaysMax: 2554 }, /vault\.lockDaysMax: is 2554 days, and retentionDays asks for 2555.*at least 2555/],
    ['packs below a mebibyte', { packBytes: 1024 * 1024 - 1 }, /vault\.packBytes: must be at least 1048576/],
    ['packs that with their index are no packs', { packBytes: 63 * 1024 * 1024 + 1 }, /vault\.packBytes: must be at most 66060288/],
    ['a schedule that is none', { schedules: { full: 'daily' } }, /vault\.schedules\.full: must be a schedule of EventBridge Scheduler/],
    ['a schedule of differentials that is none', { schedules: { differential: 'noon' } }, /vault\.schedules\.differential: must be a schedule of EventBridge Scheduler/],
    ['parts that are run in no way there is', { partsMode: 'PARALLEL' }, /vault\.partsMode: must be 'INLINE'.*'DISTRIBUTED'/],
    ['restore tests that do not go by the calendar', { schedules: { restoreTest: 'rate(7 days)' } }, /vault\.schedules\.restoreTest: must be a cron/],
    ['restore tests at the end of a day', { schedules: { restoreTest: 'cron(59 23 * * ? *)' } }, /vault\.schedules\.restoreTest: must be.*one hour from 1 to 22/],
    ['restore tests at its begin', { schedules: { restoreTest: 'cron(0 0 * * ? *)' } }, /vault\.schedules\.restoreTest: must be/],
    ['restore tests in each hour', { schedules: { restoreTest: 'cron(30 * * * ? *)' } }, /vault\.schedules\.restoreTest: must be/],
    ['a schedule whose miss could not be told', { schedules: { full: 'cron(0 0 L * ? *)' } }, /vault\.schedules\.full: must be a schedule.*day of month.*L, W and # are not read/],
    ['a schedule that is never due', { schedules: { full: 'cron(0 0 30 2 ? *)' } }, /vault\.schedules\.full: .*never due/],
    ['a scrub in no time', { scrubDays: 0 }, /vault\.scrubDays: must be at least 1 days/],
    ['a log that is overdue before its next minute', { overdueAfterMinutes: { log: 1 } }, /vault\.overdueAfterMinutes\.log: must be at least 2 minutes/],
    ['a field that is none', { retention: {} }, /vault.*retention/],
  ];
  it.each(refused)('refuses %s', (_, vault, message) => {
    expect(messageOf(() => withVault(vault))).toMatch(message);
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
    expect(readEnvironment({ ...source, HOLDFAST_ACCOUNT: '111111111111' }).account).toBe('111111111111');
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
