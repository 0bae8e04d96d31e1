// What Route 53's documentation says it answers, case by case. Each case names its page (see local/dns/route53-answer.ts for the addresses).
import { describe, expect, test } from 'vitest';
import { route53Answer, type HealthStatus } from '../../../local/dns/route53-answer.ts';
import { canonicalName, recordSetOf, type RecordSet, type Zone } from '../../../local/dns/zone.ts';

type Spec = Partial<RecordSet> & { readonly name: string };

const record = (spec: Spec): RecordSet => ({
  type: 'A',
  setIdentifier: null,
  routing: { policy: 'simple' },
  healthCheckId: null,
  ttlSeconds: spec.alias === undefined ? 60 : null,
  values: [],
  alias: null,
  ...spec,
});
const weighted = (name: string, weight: number, check: string | null, value: string, more: Partial<RecordSet> = {}): RecordSet =>
  record({ name, routing: { policy: 'weighted', weight }, setIdentifier: value, healthCheckId: check, values: [value], ...more });
const failover = (name: string, role: 'primary' | 'secondary', check: string | null, more: Partial<RecordSet>): RecordSet =>
  record({ name, routing: { policy: 'failover', role }, setIdentifier: role, healthCheckId: check, ...more });
const alias = (name: string, evaluateTargetHealth = true) => ({ alias: { name, evaluateTargetHealth }, ttlSeconds: null });

const zoneOf = (...records: RecordSet[]): Zone => ({ name: 'example.com', records, healthChecks: [] });
const down = (...ids: string[]): HealthStatus => Object.fromEntries(ids.map((id) => [id, false]));

/** Every value that some random number leads to. */
function reachable(zone: Zone, health: HealthStatus, name: string, type = 'A'): string[] {
  const seen = new Set<string>();
  for (let step = 0; step < 1000; step += 1) {
    const answer = route53Answer(zone, health, { name, type }, step / 1000);
    if (answer.kind === 'records') for (const found of answer.records) seen.add(found.value);
    else seen.add(answer.kind);
  }
  return [...seen].sort();
}

const W = 'www.example.com';
const threeWeighted = zoneOf(weighted(W, 1, 'a', '1'), weighted(W, 1, 'b', '2'), weighted(W, 0, 'c', '3'));
const zeroUnchecked = zoneOf(weighted(W, 1, 'a', '1'), weighted(W, 1, 'b', '2'), weighted(W, 0, null, '3'));
const pair = zoneOf(failover(W, 'primary', 'p', { values: ['1'] }), failover(W, 'secondary', 's', { values: ['2'] }));
const looseSecondary = zoneOf(failover(W, 'primary', 'p', { values: ['1'] }), failover(W, 'secondary', null, { values: ['2'] }));

// The tree of [complex], latency replaced by failover: two branches, two weighted records in each.
const tree = (evaluate: boolean): Zone =>
  zoneOf(
    failover(W, 'primary', null, alias('east.example.com', evaluate)),
    failover(W, 'secondary', null, alias('west.example.com', evaluate)),
    weighted('east.example.com', 1, 'e1', 'e1'),
    weighted('east.example.com', 1, 'e2', 'e2'),
    weighted('west.example.com', 1, 'w1', 'w1'),
    weighted('west.example.com', 1, 'w2', 'w2'),
  );

// DESIGN's own records.
const api = 'api.example.com';
const holdfast = zoneOf(
  weighted('_active.api.example.com', 1, 'gate-east', 'd-east.execute-api.us-east-1.amazonaws.com', { type: 'CNAME', ttlSeconds: 15 }),
  weighted('_active.api.example.com', 1, 'gate-west', 'd-west.execute-api.us-west-2.amazonaws.com', { type: 'CNAME', ttlSeconds: 15 }),
  failover(api, 'primary', null, { type: 'CNAME', ...alias('_active.api.example.com') }),
  failover(api, 'secondary', null, { type: 'CNAME', ttlSeconds: 15, values: ['maintenance.eu'] }),
);
const EAST = 'd-east.execute-api.us-east-1.amazonaws.com';
const WEST = 'd-west.execute-api.us-west-2.amazonaws.com';

type Case = { readonly page: string; readonly says: string; readonly zone: Zone; readonly health?: HealthStatus; readonly name?: string; readonly type?: string; readonly reachable: string[] };

const CASES: readonly Case[] = [
  {
    page: 'choose',
    says: 'of three weighted records the unhealthy one is not used',
    zone: zoneOf(weighted(W, 1, 'a', '1'), weighted(W, 1, 'b', '2'), weighted(W, 1, 'c', '3')),
    health: down('b'),
    reachable: ['1', '3'],
  },
  { page: 'choose', says: 'a record without a check is always healthy', zone: zoneOf(weighted(W, 1, 'a', '1'), weighted(W, 1, null, '2')), health: down('a'), reachable: ['2'] },
  { page: 'choose', says: 'if none is healthy, all are', zone: zoneOf(weighted(W, 1, 'a', '1'), weighted(W, 1, 'b', '2')), health: down('a', 'b'), reachable: ['1', '2'] },
  { page: 'weighted', says: 'zero checked, 1+1 down, 0 well: the zero record', zone: threeWeighted, health: down('a', 'b'), reachable: ['3'] },
  { page: 'weighted', says: 'zero checked, all down: the non-zero ones', zone: threeWeighted, health: down('a', 'b', 'c'), reachable: ['1', '2'] },
  { page: 'weighted', says: 'zero checked, one non-zero well: that one', zone: threeWeighted, health: down('a', 'c'), reachable: ['2'] },
  { page: 'weighted', says: 'zero checked, non-zero well, zero down: the non-zero ones', zone: threeWeighted, health: down('c'), reachable: ['1', '2'] },
  { page: 'weighted', says: 'zero checked, all well: the non-zero ones', zone: threeWeighted, reachable: ['1', '2'] },
  { page: 'weighted', says: 'zero unchecked, non-zero well: the non-zero ones', zone: zeroUnchecked, reachable: ['1', '2'] },
  { page: 'weighted', says: 'zero unchecked, non-zero down: the zero one', zone: zeroUnchecked, health: down('a', 'b'), reachable: ['3'] },
  { page: 'weighted', says: 'zero unchecked, one non-zero well: that one', zone: zeroUnchecked, health: down('a'), reachable: ['2'] },
  { page: 'api', says: 'all weights zero: equal probability', zone: zoneOf(weighted(W, 0, null, '1'), weighted(W, 0, null, '2')), reachable: ['1', '2'] },
  { page: 'api', says: 'failover: healthy primary, whatever the secondary', zone: pair, health: down('s'), reachable: ['1'] },
  { page: 'api', says: 'failover: unhealthy primary, healthy secondary', zone: pair, health: down('p'), reachable: ['2'] },
  { page: 'api', says: 'failover: both unhealthy: primary', zone: pair, health: down('p', 's'), reachable: ['1'] },
  { page: 'api', says: 'failover: secondary without check takes over', zone: looseSecondary, health: down('p'), reachable: ['2'] },
  { page: 'complex', says: 'alias evaluates its target: one of a branch down, the other used', zone: tree(true), health: down('e1'), reachable: ['e2'] },
  { page: 'complex', says: 'a branch wholly down is backed out of', zone: tree(true), health: down('e1', 'e2'), reachable: ['w1', 'w2'] },
  { page: 'complex', says: 'both branches down: the primary one, all of it', zone: tree(true), health: down('e1', 'e2', 'w1', 'w2'), reachable: ['e1', 'e2'] },
  { page: 'complex', says: 'without evaluate target health the branch is kept though all of it is down', zone: tree(false), health: down('e1', 'e2'), reachable: ['e1', 'e2'] },
  {
    page: 'complex',
    says: "an alias's own check counts as well as its target",
    zone: zoneOf(failover(W, 'primary', 'p', alias('t.example.com')), failover(W, 'secondary', null, { values: ['2'] }), record({ name: 't.example.com', values: ['1'] })),
    health: down('p'),
    reachable: ['2'],
  },
  {
    page: 'complex',
    says: 'health is inherited through two aliases',
    zone: zoneOf(
      failover(W, 'primary', null, alias('m.example.com')),
      failover(W, 'secondary', null, { values: ['2'] }),
      record({ name: 'm.example.com', ...alias('t.example.com') }),
      weighted('t.example.com', 1, 'a', '1'),
    ),
    health: down('a'),
    reachable: ['2'],
  },
  {
    page: 'alias',
    says: 'an alias leads to records of its own type only',
    zone: zoneOf(record({ name: W, ...alias('t.example.com') }), record({ name: 't.example.com', type: 'CNAME', values: ['x.test'] })),
    reachable: ['no-data'],
  },
  { page: 'alias', says: 'an alias to itself ends', zone: zoneOf(record({ name: W, ...alias(W) })), reachable: ['no-data'] },
  { page: 'choose', says: 'a simple record is answered though its check fails', zone: zoneOf(record({ name: W, healthCheckId: 'a', values: ['1'] })), health: down('a'), reachable: ['1'] },
  {
    page: 'multi',
    says: 'multivalue: all healthy ones',
    zone: zoneOf(...['1', '2', '3'].map((id) => record({ name: W, routing: { policy: 'multivalue' }, healthCheckId: id, values: [id] }))),
    health: down('2'),
    reachable: ['1', '3'],
  },
  {
    page: 'multi',
    says: 'multivalue: none healthy, all',
    zone: zoneOf(...['1', '2'].map((id) => record({ name: W, routing: { policy: 'multivalue' }, healthCheckId: id, values: [id] }))),
    health: down('1', '2'),
    reachable: ['1', '2'],
  },
  { page: 'RFC 1034', says: 'a CNAME answers a query for A', zone: zoneOf(record({ name: W, type: 'CNAME', values: ['x.test'] })), reachable: ['x.test'] },
  { page: 'RFC 2308', says: 'a name without that type: no data', zone: zoneOf(record({ name: W, type: 'TXT', values: ['"x"'] })), reachable: ['no-data'] },
  { page: 'RFC 8020', says: 'a name above others exists', zone: zoneOf(record({ name: 'a.b.example.com', values: ['1'] })), name: 'b.example.com', reachable: ['no-data'] },
  { page: 'RFC 2308', says: 'a name that is nowhere', zone: zoneOf(record({ name: W, values: ['1'] })), name: 'wwww.example.com', reachable: ['no-such-name'] },
  { page: 'wildcard', says: 'an asterisk answers for names that do not exist', zone: zoneOf(record({ name: '*.example.com', values: ['1'] })), name: 'any.example.com', reachable: ['1'] },
  {
    page: 'wildcard',
    says: 'a more specific name hides it',
    zone: zoneOf(record({ name: '*.example.com', values: ['1'] }), record({ name: W, type: 'TXT', values: ['"x"'] })),
    reachable: ['no-data'],
  },
  {
    page: 'wildcard',
    says: 'and so does an existing name between',
    zone: zoneOf(record({ name: '*.example.com', values: ['1'] }), record({ name: W, values: ['2'] })),
    name: `below.${W}`,
    reachable: ['no-such-name'],
  },
  { page: 'RFC 4343', says: 'case does not matter', zone: zoneOf(record({ name: W, values: ['1'] })), name: 'WwW.eXample.COM.', reachable: ['1'] },
  { page: 'RFC 1034', says: 'another zone is not ours', zone: zoneOf(record({ name: W, values: ['1'] })), name: 'www.badexample.com', reachable: ['not-in-zone'] },
  { page: 'DESIGN', says: 'both gates well: either region', zone: holdfast, name: api, reachable: [EAST, WEST] },
  { page: 'DESIGN', says: 'one gate well: that region only', zone: holdfast, health: down('gate-east'), name: api, reachable: [WEST] },
  { page: 'DESIGN', says: 'no gate well: the maintenance answer, not both regions', zone: holdfast, health: down('gate-east', 'gate-west'), name: api, reachable: ['maintenance.eu'] },
  {
    page: 'DESIGN',
    says: 'asked by itself, the inner group with none healthy returns all of it',
    zone: holdfast,
    health: down('gate-east', 'gate-west'),
    name: '_active.api.example.com',
    reachable: [EAST, WEST],
  },
];

describe('as the documentation says', () => {
  test.each(CASES)('[$page] $says', ({ zone, health, name, type, reachable: wanted }) => {
    expect(reachable(zone, health ?? {}, name ?? W, type ?? 'A')).toEqual([...wanted].sort());
  });
});

test('weights are shares: 1 and 3 of 4, exactly', () => {
  const zone = zoneOf(weighted(W, 1, null, 'one'), weighted(W, 3, null, 'three'));
  const chosen = Array.from({ length: 1000 }, (_, step) => route53Answer(zone, {}, { name: W, type: 'A' }, step / 1000));
  expect(chosen.filter((answer) => answer.kind === 'records' && answer.records[0]?.value === 'one')).toHaveLength(250);
});

test('a tree of choices uses one random number without bias', () => {
  const zone = zoneOf(
    weighted(W, 1, null, 'x', { ...alias('east.example.com'), values: [] }),
    weighted(W, 1, null, 'y', { ...alias('west.example.com'), values: [] }),
    ...['east', 'west'].flatMap((side) => [1, 2].map((id) => weighted(`${side}.example.com`, 1, null, `${side}${id}`))),
  );
  const counts = new Map<string, number>();
  for (let step = 0; step < 1000; step += 1) {
    const answer = route53Answer(zone, {}, { name: W, type: 'A' }, step / 1000);
    const value = answer.kind === 'records' ? (answer.records[0]?.value ?? '') : answer.kind;
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  expect(Object.fromEntries(counts)).toEqual({ east1: 250, east2: 250, west1: 250, west2: 250 });
});

test("an alias answers with its own name and its target's TTL [alias]", () => {
  expect(route53Answer(holdfast, down('gate-east'), { name: api, type: 'A' }, 0.5)).toEqual({
    kind: 'records',
    records: [{ name: api, type: 'CNAME', ttlSeconds: 15, value: WEST }],
  });
});

test('a wildcard answers with the name asked for [wildcard]', () => {
  const answer = route53Answer(zoneOf(record({ name: '*.example.com', values: ['1'] })), {}, { name: 'Any.example.com', type: 'A' }, 0);
  expect(answer).toMatchObject({ records: [{ name: 'any.example.com' }] });
});

test('an alias to something outside of the zone is handed on', () => {
  const zone = zoneOf(record({ name: W, ...alias(EAST) }));
  expect(route53Answer(zone, {}, { name: W, type: 'A' }, 0)).toEqual({ kind: 'outside-alias', owner: W, target: EAST });
});

test('an SDK record set is read whole, octal escapes and final dots included', () => {
  expect(canonicalName('\\052.Example.COM.')).toBe('*.example.com');
  expect(
    recordSetOf({
      Name: 'api.example.com.',
      Type: 'CNAME',
      SetIdentifier: 'primary',
      Failover: 'PRIMARY',
      AliasTarget: { HostedZoneId: 'Z1', DNSName: '_active.api.example.com.', EvaluateTargetHealth: true },
    }),
  ).toEqual(failover(api, 'primary', null, { type: 'CNAME', setIdentifier: 'primary', ...alias('_active.api.example.com') }));
});

test('routing that is not imitated is refused, not answered wrongly', () => {
  expect(() => recordSetOf({ Name: W, Type: 'A', SetIdentifier: 'x', Region: 'us-east-1', TTL: 60 })).toThrow(/routed by Region.*use weighted/);
});
