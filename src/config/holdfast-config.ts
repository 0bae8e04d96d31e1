// Why: what an owner writes in holdfast.config.ts: typed while it is typed, judged when the app is synthesised, so that a setting which
// could let two regions act never reaches a region.
import * as z from 'zod';
import type { MergeFunction } from '../core/divergence/merges.ts';
import { divergenceRules } from '../core/divergence/rules.ts';
import { type TimeBudget, refusals, timeBudget } from '../core/budget/time-budget.ts';
import { partitionOf, regionSchema, residencyOf } from './aws-regions.ts';
import { configError } from './config-error.ts';
import { fencesSchema, refuseFences } from './fences.ts';
import { refusalOfRegionSet } from './region-sets.ts';
import { dnsSchema, fenceShardsSchema, groupSchema, hostNameSchema, lagBrakeSchema, modeSchema, policySchema, timingSchema, vaultSchema } from './settings.ts';

const memberSchema = z.strictObject({
  region: regionSchema,
  role: z.enum(['candidate', 'witness'], { error: "must be 'candidate' (may become active) or 'witness' (votes only)" }),
  /** Part of the register table's name. A register table that was lost never comes back under its name: it is a new voter with the next number (H3). */
  registerIncarnation: z.int().min(1, { error: 'must be at least 1' }).max(9999, { error: 'must be at most 9999' }).default(1),
  /** Where the regions of a group lie in several AWS accounts: whose this one is, said of each. */
  account: z
    .string()
    .regex(/^\d{12}$/, { error: 'must be the 12 digits of an AWS account, as text' })
    .optional(),
  /** Of a candidate: who is asked first to take over, 1 before 2, whatever the scores; only one that is well is asked. */
  priority: z.int({ error: 'must be a whole number' }).min(1, { error: 'must be at least 1, which is asked first' }).max(99, { error: 'must be at most 99' }).optional(),
});

const tableSchema = z.strictObject({
  name: z.string().regex(/^[a-zA-Z0-9_.-]{3,255}$/, { error: 'must be the name of a DynamoDB table: 3 to 255 letters, digits, _ . and -' }),
  /** The partition key's attribute; it is a string, and the table has no sort key. */
  partitionKey: z.string().min(1, { error: 'must be the name of the partition key' }).max(255).default('id'),
});

const isMergeFunction = (v: unknown): v is MergeFunction =>
  typeof v === 'object' && v !== null && 'name' in v && typeof v.name === 'string' && 'merge' in v && typeof v.merge === 'function' && 'isCommutative' in v;

/** What becomes of items that a lost region wrote and the group went on without: docs/reconciliation.md. Asked by a person's commands only. */
const divergenceSchema = z
  .strictObject({
    rule: z.enum(divergenceRules, { error: `must be ${divergenceRules.map((rule) => `'${rule}'`).join(' or ')}` }).default('ask'),
    merge: z.custom<MergeFunction>(isMergeFunction, { error: 'must be a merge function: { name, isCommutative, merge }' }).optional(),
  })
  .prefault({});

/** A tick may be late by one, and the look is as old as the tick before. */
const lagTicksMin = 3;

const configSchema = z
  .strictObject({
    group: groupSchema,
    /** Holds the lease first, once the owner says `holdfast resume`. */
    initialRegion: regionSchema,
    /** An odd number of voters, at least two of them candidates. */
    regions: z.array(memberSchema, { error: 'must list the regions that vote' }),
    /** Where the group's data may be: every region of it keeps some (tables, change logs, backups), a witness too. 'EU', or a list of regions. */
    residency: z.union([z.literal('EU'), z.array(regionSchema).min(1)], { error: "must be 'EU' (its member states) or a list of regions" }).optional(),
    /**
     * Where the register is. `tables`: one table in each voting region, any odd number of any regions. `mrsc`: one global table with
     * multi-Region strong consistency, in exactly three regions of one set, and for good: no voter joins or leaves.
     */
    register: z.enum(['tables', 'mrsc'], { error: "must be 'tables' (a table in each voting region) or 'mrsc' (one strongly consistent global table in three regions of one set)" }).default('tables'),
    service: z.strictObject({ name: hostNameSchema }),
    /** The protected table: the same name in each candidate region. */
    table: tableSchema,
    mode: modeSchema.default('observe'),
    /** Whether the service writes through fence rows. Apart from the mode: each is one setting. */
    isFenced: z.boolean({ error: 'must be true or false' }).default(false),
    /** One row carries some 500 fenced writes a second; the key's hash chooses the row. */
    fenceShards: fenceShardsSchema.default(1),
    /** Refuses fenced writes while changes of this region have been in no other one for longer. Absent: it never does. */
    lagBrake: lagBrakeSchema.optional(),
    quorumLost: z.enum(['stop', 'hold-open'], { error: "must be 'stop'" }).default('stop'),
    timing: timingSchema,
    dns: dnsSchema,
    policy: policySchema,
    divergence: divergenceSchema,
    /** What stops a region that lost the lease, beside the failover: docs/fences.md. */
    fences: fencesSchema,
    /** Backups into locked buckets in every region of the group; absent: none. */
    vault: vaultSchema.optional(),
  })
  .superRefine((config, context) => {
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
    refuseMembers(config, refuse);
    refuseAccounts(config, refuse);
    refuseResidency(config, refuse);
    refuseFences(config, refuse);
    const unfit = config.register === 'mrsc' ? refusalOfRegionSet(config.regions.map((member) => member.region)) : undefined;
    if (unfit !== undefined) refuse(['register'], `'mrsc' ${unfit}`);
    if (config.vault?.subject?.attribute === config.table.partitionKey)
      refuse(
        ['vault', 'subject', 'attribute'],
        `is '${config.table.partitionKey}', the table's partition key, which stays readable in the vault: name another attribute, and let the key be no person's name`,
      );
    if (config.lagBrake !== undefined && !config.isFenced) refuse(['lagBrake'], 'needs isFenced: true: only fenced writes can be refused');
    const shortestMs = lagTicksMin * config.timing.tickMs;
    if (config.lagBrake !== undefined && config.lagBrake.maxLagMs < shortestMs)
      refuse(['lagBrake', 'maxLagMs'], `is ${config.lagBrake.maxLagMs}; each tick looks once, so it must be at least ${lagTicksMin} ticks (${shortestMs}), or a late tick would stop the service`);
    if (config.divergence.rule === 'merge' && config.divergence.merge === undefined)
      refuse(['divergence', 'merge'], "is missing, and the rule is 'merge': name a merge function, or take another rule");
    if (config.quorumLost === 'hold-open') {
      refuse(['quorumLost'], "'hold-open' (keep serving without a majority) is not built yet; use 'stop': a region that cannot reach a majority closes by itself");
    }
    for (const finding of refusals(budgetOf(config))) refuse([fieldGroup(finding.field), finding.field], finding.because);
  });

export type HoldfastConfig = z.output<typeof configSchema>;
export type HoldfastConfigInput = z.input<typeof configSchema>;
export type RegionMember = HoldfastConfig['regions'][number];

/** Checks what the owner wrote and fills in the defaults. Throws an InvalidConfigError that names each field which is wrong and what it may be. */
export function defineConfig(input: HoldfastConfigInput): HoldfastConfig {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw configError('holdfast.config.ts', parsed.error);
  return parsed.data;
}

/** The time relations and the computed figures of a configuration. */
export function budgetOf(config: Pick<HoldfastConfig, 'timing' | 'dns'>): TimeBudget {
  return timeBudget({ ...config.timing, ...config.dns });
}

/** The budget in the lines that synth and the CLI print. */
export function describeBudget(config: Pick<HoldfastConfig, 'timing' | 'dns'>): string[] {
  const budget = budgetOf(config);
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return [
    `T ${seconds(config.timing.tickMs)} s · D ${seconds(config.timing.leaseMs)} s · ε ${seconds(config.timing.skewAllowanceMs)} s · checks each ${config.dns.checkIntervalSeconds} s, threshold ${config.dns.checkFailures} · TTL ${config.dns.ttlSeconds} s`,
    `region killed → decided ${seconds(budget.killedToDecided.p50Ms)} s (p50), ${seconds(budget.killedToDecided.p99Ms)} s (p99); → answered elsewhere ${seconds(budget.killedToAnsweredElsewhere.p50Ms)} s, ${seconds(budget.killedToAnsweredElsewhere.p99Ms)} s (computed)`,
    ...budget.findings.filter((finding) => finding.kind === 'thin').map((finding) => `thin: ${finding.field}: ${finding.because}`),
  ];
}

const VOTERS_LEAST = 3;
const CANDIDATES_LEAST = 2;

type Members = { readonly initialRegion: string; readonly regions: readonly { readonly region: string; readonly role: string }[] };

function refuseMembers(config: Members, refuse: (path: PropertyKey[], message: string) => void): void {
  const { regions } = config;
  const names = regions.map((member) => member.region);
  const candidates = regions.filter((member) => member.role === 'candidate').map((member) => member.region);
  if (regions.length < VOTERS_LEAST) {
    refuse(['regions'], `lists ${count(regions.length, 'voter')}; a majority that survives a lost region needs at least ${VOTERS_LEAST}, an odd number: add candidates or a witness`);
  } else if (regions.length % 2 === 0) {
    refuse(['regions'], `lists ${regions.length} voters; an even number can split in halves, and the last one adds no safety: use ${regions.length - 1} or ${regions.length + 1}`);
  }
  if (candidates.length < CANDIDATES_LEAST) {
    refuse(['regions'], `has ${count(candidates.length, 'candidate')}; at least ${CANDIDATES_LEAST} are needed, or there is nowhere to fail over to: give another region the role 'candidate'`);
  }
  names.forEach((name, index) => {
    if (names.indexOf(name) !== index) refuse(['regions', index, 'region'], `'${name}' is listed twice; each region votes once`);
    const first = names[0];
    if (first !== undefined && partitionOf(name) !== partitionOf(first))
      refuse(['regions', index, 'region'], `'${name}' is in another AWS partition than '${first}'; the regions of a group must share one`);
  });
  if (!candidates.includes(config.initialRegion)) {
    const why = names.includes(config.initialRegion) ? 'is a witness, which never becomes active' : 'is not among the regions';
    refuse(['initialRegion'], `'${config.initialRegion}' ${why}; it may be ${candidates.map((name) => `'${name}'`).join(' or ') || 'a candidate, of which there is none'}`);
  }
}

/** One account needs no mention; of several each region says its own, and the vault's buckets are one account's. */
function refuseAccounts({ regions, vault, register }: Pick<HoldfastConfig, 'regions' | 'vault' | 'register'>, refuse: (path: PropertyKey[], message: string) => void): void {
  const named = new Set(regions.flatMap(({ account }) => account ?? []));
  if (named.size === 0) return;
  regions.forEach(({ region, account }, index) => {
    if (account === undefined) refuse(['regions', index, 'account'], `is missing for '${region}': where one region names its account, each does`);
  });
  if (named.size > 1 && register === 'mrsc') refuse(['register'], "'mrsc' is one global table, which lies in one account; use 'tables' for several");
  if (named.size > 1 && vault !== undefined) refuse(['vault'], "is not built for several accounts yet: its buckets and keys are one account's. Leave it out, or use one account");
}

function refuseResidency({ regions, residency }: Pick<HoldfastConfig, 'regions' | 'residency'>, refuse: (path: PropertyKey[], message: string) => void): void {
  regions.forEach(({ region, role, priority }, index) => {
    if (role === 'witness' && priority !== undefined) refuse(['regions', index, 'priority'], `is of no use: '${region}' is a witness, which never takes over`);
    if (residency === undefined || residencyOf(residency).includes(region)) return;
    const kept = role === 'witness' ? "copies of the candidates' change logs, and backups," : 'the table and its backups';
    refuse(['regions', index, 'region'], `'${region}' is outside the group's residency, and ${kept} would lie there; it may be ${residencyOf(residency).join(', ')}`);
  });
}

function count(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${number} ${what}s`;
}

function fieldGroup(field: string): 'timing' | 'dns' {
  return ['ttlSeconds', 'checkIntervalSeconds', 'checkFailures'].includes(field) ? 'dns' : 'timing';
}
