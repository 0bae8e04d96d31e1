// What Route 53 answers to a query, as its documentation says it, as a pure function: the zone, the state of each health check and one
// random number come in, the answer goes out. The pages it follows, all under https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/:
//   [choose]   health-checks-how-route-53-chooses-records.html
//   [weighted] routing-policy-weighted.html                     (its tables for weight zero)
//   [complex]  dns-failover-complex-configs.html                (alias trees, evaluate target health)
//   [alias]    resource-record-sets-choosing-alias-non-alias.html (type and TTL of an alias)
//   [wildcard] DomainNameFormat.html                            (asterisk)
//   [multi]    routing-policy-multivalue.html
// and https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html [api] for failover and weight.
import { canonicalName, type RecordSet, type Zone } from './zone.ts';

/** Missing ids are healthy: Route 53 considers a check healthy until it knows better (dns-failover-determining-health-of-endpoints.html). */
export type HealthStatus = Readonly<Record<string, boolean>>;

export type AnsweredRecord = { readonly name: string; readonly type: string; readonly ttlSeconds: number; readonly value: string };

export type Route53Answer =
  | { readonly kind: 'records'; readonly records: readonly AnsweredRecord[] }
  /** An alias to something outside of the zone, such as an API's regional domain: the caller knows its address. */
  | { readonly kind: 'outside-alias'; readonly owner: string; readonly target: string }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'no-such-name' }
  | { readonly kind: 'not-in-zone' };

const ALIAS_DEPTH_MAX = 16;
/** [multi]: up to eight healthy records, chosen at random. */
const MULTIVALUE_MAX = 8;

export function isInZone(zone: Zone, name: string): boolean {
  return name === zone.name || name.endsWith(`.${zone.name}`);
}

function group(zone: Zone, name: string, type: string): readonly RecordSet[] {
  return zone.records.filter((record) => record.name === name && record.type === type);
}

/** [complex]: a record's own check and, for an alias that evaluates its target, at least one healthy record there, must both be well. */
function isHealthy(zone: Zone, health: HealthStatus, record: RecordSet, depth: number): boolean {
  if (record.healthCheckId !== null && health[record.healthCheckId] === false) return false;
  if (record.alias === null || !record.alias.evaluateTargetHealth) return true;
  if (!isInZone(zone, record.alias.name)) return true;
  if (depth >= ALIAS_DEPTH_MAX) return false;
  return group(zone, record.alias.name, record.type).some((target) => isHealthy(zone, health, target, depth + 1));
}

/**
 * One of `records` by weight, and what is left of the random number: within the chosen interval it is uniform again, so that a tree of
 * choices needs only one.
 */
function pick(records: readonly RecordSet[], weights: readonly number[], random: number): { record: RecordSet; random: number } | null {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let low = 0;
  for (const [index, record] of records.entries()) {
    const share = (weights[index] ?? 0) / total;
    const isLast = index === records.length - 1;
    if (share > 0 && (random < low + share || isLast)) return { record, random: Math.min(Math.max((random - low) / share, 0), 1 - Number.EPSILON) };
    low += share;
  }
  return null;
}

const weightOf = (record: RecordSet): number => (record.routing.policy === 'weighted' ? record.routing.weight : 1);

function chooseWeighted(healthy: readonly RecordSet[], all: readonly RecordSet[], random: number): { record: RecordSet; random: number } | null {
  // [weighted]: non-zero weights first; zero weights only when nothing else is healthy; with nothing healthy, all count as healthy.
  for (const candidates of [healthy, all]) {
    const nonZero = candidates.filter((record) => weightOf(record) > 0);
    if (nonZero.length > 0) return pick(nonZero, nonZero.map(weightOf), random);
    // [api]: where every weight is zero, all have equal probability.
    if (candidates.length > 0)
      return pick(
        candidates,
        candidates.map(() => 1),
        random,
      );
  }
  return null;
}

function chooseFailover(healthy: readonly RecordSet[], all: readonly RecordSet[]): RecordSet | null {
  const role = (wanted: string) => (record: RecordSet) => record.routing.policy === 'failover' && record.routing.role === wanted;
  // [api]: a healthy primary always; else a healthy secondary; when both are unhealthy, the primary.
  return healthy.find(role('primary')) ?? healthy.find(role('secondary')) ?? all.find(role('primary')) ?? all[0] ?? null;
}

type Choice = { readonly records: readonly RecordSet[]; readonly random: number };

function choose(zone: Zone, health: HealthStatus, records: readonly RecordSet[], random: number): Choice {
  const healthy = records.filter((record) => isHealthy(zone, health, record, 0));
  const first = records[0];
  if (first === undefined) return { records: [], random };
  if (first.routing.policy === 'weighted') {
    const chosen = chooseWeighted(healthy, records, random);
    return chosen === null ? { records: [], random } : { records: [chosen.record], random: chosen.random };
  }
  if (first.routing.policy === 'failover') {
    const chosen = chooseFailover(healthy, records);
    return { records: chosen === null ? [] : [chosen], random };
  }
  if (first.routing.policy === 'multivalue') {
    const from = healthy.length > 0 ? healthy : records;
    const start = Math.floor(random * from.length);
    const rotated = [...from.slice(start), ...from.slice(0, start)];
    return { records: rotated.slice(0, MULTIVALUE_MAX), random };
  }
  // A simple record is a group of one, and [choose]: with nothing else to answer, it counts as healthy.
  return { records: [first], random };
}

/** Follows the choice through aliases; every answered record carries the name asked for [alias]. */
function answerGroup(zone: Zone, health: HealthStatus, owner: string, records: readonly RecordSet[], random: number, depth: number): Route53Answer {
  const choice = choose(zone, health, records, random);
  const answered: AnsweredRecord[] = [];
  for (const record of choice.records) {
    if (record.alias === null) {
      for (const value of record.values) answered.push({ name: owner, type: record.type, ttlSeconds: record.ttlSeconds ?? 0, value });
      continue;
    }
    if (!isInZone(zone, record.alias.name)) return { kind: 'outside-alias', owner, target: record.alias.name };
    if (depth >= ALIAS_DEPTH_MAX) return { kind: 'no-data' };
    // An alias leads to records of its own type only [alias]; TTL and value are the target's.
    const target = answerGroup(zone, health, owner, group(zone, record.alias.name, record.type), choice.random, depth + 1);
    if (target.kind !== 'records') return target;
    answered.push(...target.records);
  }
  return answered.length > 0 ? { kind: 'records', records: answered } : { kind: 'no-data' };
}

function nameExists(zone: Zone, name: string): boolean {
  return zone.records.some((record) => record.name === name || record.name.endsWith(`.${name}`));
}

/** The name whose records answer for `name`: itself, or the wildcard under its closest existing ancestor ([wildcard], RFC 4592). */
function sourceOf(zone: Zone, name: string): string | null {
  if (nameExists(zone, name)) return name;
  for (let ancestor = name; isInZone(zone, ancestor); ) {
    const dot = ancestor.indexOf('.');
    if (dot < 0) return null;
    ancestor = ancestor.slice(dot + 1);
    const wildcard = `*.${ancestor}`;
    if (zone.records.some((record) => record.name === wildcard)) return wildcard;
    if (nameExists(zone, ancestor)) return null;
  }
  return null;
}

/** @param random in [0, 1) */
export function route53Answer(zone: Zone, health: HealthStatus, query: { readonly name: string; readonly type: string }, random: number): Route53Answer {
  const owner = canonicalName(query.name);
  if (!isInZone(zone, owner)) return { kind: 'not-in-zone' };
  const source = sourceOf(zone, owner);
  if (source === null) return { kind: 'no-such-name' };
  const asked = group(zone, source, query.type);
  // A CNAME answers for every type (RFC 1034 3.6.2).
  const records = asked.length > 0 ? asked : group(zone, source, 'CNAME');
  if (records.length === 0) return { kind: 'no-data' };
  return answerGroup(zone, health, owner, records, random, 0);
}
