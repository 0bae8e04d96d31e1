// Why: what a Lambda is told in HOLDFAST_CONFIG: the part of the configuration that code needs while it runs, with every name spelled out,
// so that no function derives a table's name by itself. (`* as z`: a bundler then leaves out what zod says in forty other languages.)
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { partitionOf, regionSchema } from './aws-regions.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { configError } from './config-error.ts';
import type { HoldfastConfig } from './holdfast-config.ts';
import { dnsSchema, fenceShardsSchema, groupSchema, hostNameSchema, lagBrakeSchema, modeSchema, policySchema, runtimeVaultSchema, timingSchema } from './settings.ts';

const voterSchema = z.strictObject({
  region: regionSchema,
  role: z.enum(['candidate', 'witness']),
  /** Its ARN where the configuration names accounts. */
  registerTable: z.string().min(3),
  account: z.string().optional(),
  priority: z.int().min(1).optional(),
});

export const runtimeConfigSchema = z
  .strictObject({
    group: groupSchema,
    initialRegion: regionSchema,
    voters: z.array(voterSchema).min(3),
    /** SHA-256 (hex) of the sorted voters: part of every condition of the register (H3). */
    configId: z.string().regex(/^[0-9a-f]{64}$/),
    /** Where the register is one strongly consistent global table: its name, and the region whose stack makes it and writes its first row. */
    strongRegister: z.strictObject({ table: z.string().min(3), home: regionSchema }).optional(),
    tables: z.strictObject({ region: z.string(), fence: z.string(), log: z.string(), data: z.string() }),
    /** The data table's partition key attribute. */
    dataKey: z.string().min(1),
    service: z.strictObject({ name: hostNameSchema, livenessPath: z.string().startsWith('/'), readinessPath: z.string().startsWith('/') }),
    mode: modeSchema,
    isFenced: z.boolean(),
    fenceShards: fenceShardsSchema,
    lagBrake: lagBrakeSchema.optional(),
    timing: timingSchema,
    dns: dnsSchema,
    policy: policySchema,
    vault: runtimeVaultSchema.optional(),
  })
  .superRefine((config, context) => {
    const id = configIdOf(config.voters);
    if (config.configId !== id) context.addIssue({ code: 'custom', path: ['configId'], message: `is not the id of these voters (${id}); deploy again rather than editing it` });
  });

export type RuntimeConfig = z.output<typeof runtimeConfigSchema>;
export type Voter = RuntimeConfig['voters'][number];

/** Reads HOLDFAST_CONFIG's text. Throws an InvalidConfigError that names what is wrong in it. */
export function parseRuntimeConfig(json: string): RuntimeConfig {
  const parsed = runtimeConfigSchema.safeParse(parseJson(json));
  if (!parsed.success) throw configError('HOLDFAST_CONFIG', parsed.error);
  return parsed.data;
}

/** The physical names of a group's tables; the same in every region. */
export function toRuntimeConfig(config: HoldfastConfig): RuntimeConfig {
  const voters = config.regions.map(({ region, role, registerIncarnation, account, priority }) => {
    const name = `holdfast-${config.group}-register-${registerIncarnation}`;
    return { region, role, registerTable: reachedAs({ region, account }, name), ...(account === undefined ? {} : { account }), ...(priority === undefined ? {} : { priority }) };
  });
  return {
    group: config.group,
    initialRegion: config.initialRegion,
    voters,
    configId: configIdOf(voters),
    ...(config.register === 'mrsc' ? { strongRegister: { table: `holdfast-${config.group}-register-mrsc-1`, home: homeOf(voters) } } : {}),
    tables: { region: `holdfast-${config.group}-region`, fence: `holdfast-${config.group}-fence`, log: `holdfast-${config.group}-log`, data: config.table.name },
    dataKey: config.table.partitionKey,
    service: { name: config.service.name, livenessPath: '/healthz', readinessPath: '/ready' },
    mode: config.mode,
    isFenced: config.isFenced,
    fenceShards: config.fenceShards,
    ...(config.lagBrake === undefined ? {} : { lagBrake: config.lagBrake }),
    timing: config.timing,
    dns: config.dns,
    policy: config.policy,
    ...(config.vault === undefined ? {} : { vault: runtimeVaultOf(config.vault) }),
  };
}

/** What a caller in any account names a region's table by: DynamoDB takes an ARN wherever it takes a name. */
export function reachedAs({ region, account }: { readonly region: string; readonly account?: string | undefined }, table: string): string {
  return account === undefined ? table : `arn:${partitionOf(region)}:dynamodb:${region}:${account}:table/${table}`;
}

/** A group's tables of one region, by what every caller may name them. */
export function tablesOf(config: Pick<RuntimeConfig, 'voters' | 'tables'>, region: string): RuntimeConfig['tables'] {
  const { tables } = config;
  const voter = config.voters.find((v) => v.region === region);
  if (voter?.account === undefined) return tables;
  return { region: reachedAs(voter, tables.region), fence: reachedAs(voter, tables.fence), log: reachedAs(voter, tables.log), data: reachedAs(voter, tables.data) };
}

/** The same whatever is listed first or holds the lease first: the table must never move to another stack. */
function homeOf(voters: readonly Pick<Voter, 'region'>[]): string {
  return voters.map((voter) => voter.region).reduce((first, region) => (region < first ? region : first));
}

function runtimeVaultOf(vault: NonNullable<HoldfastConfig['vault']>): NonNullable<RuntimeConfig['vault']> {
  const { lockMode, retentionDays, lockDaysMax, packBytes, partsMode, schedules, overdueAfterMinutes, scrubDays, subject } = vault;
  return { lockMode, retentionDays, lockDaysMax, packBytes, partsMode, schedules, overdueAfterMinutes, scrubDays, ...(subject === undefined ? {} : { subject }) };
}

/** Names the set of acceptors: the same for the same regions and tables, in whatever order they are listed. Roles do not vote, so they do not count. */
export function configIdOf(voters: readonly Pick<Voter, 'region' | 'registerTable'>[]): string {
  const lines = voters.map((voter) => `${voter.region}=${voter.registerTable}`).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new InvalidConfigError(`HOLDFAST_CONFIG is not JSON (${error instanceof Error ? error.message : String(error)}); the stack writes it, so deploy again`);
  }
}
