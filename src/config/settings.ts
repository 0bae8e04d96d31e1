// Why: timing, DNS and policy are the same settings for the owner (with defaults) and for a Lambda (complete); this file has the one schema of each.
import * as z from 'zod';
import { stepIntervalMs } from '../core/integrity/shares.ts';
import { readSchedule } from '../core/integrity/schedule.ts';
import { windowLength } from '../core/health/vantage.ts';

const whole = (from: number, to: number, what: string) =>
  z
    .int({ error: `must be a whole number ${what}` })
    .min(from, { error: `must be at least ${from} ${what}` })
    .max(to, { error: `must be at most ${to} ${what}` });
const ratio = () => z.number({ error: 'must be a number from 0 to 1' }).min(0, { error: 'must be at least 0' }).max(1, { error: 'must be at most 1' });

/** k bad answers of the last n. */
const kOfN = (failures: number, of: number) =>
  z
    .strictObject({ failures: whole(1, windowLength, 'answers').default(failures), of: whole(1, windowLength, 'answers').default(of) })
    .superRefine((rule, context) => {
      if (rule.failures > rule.of) context.addIssue({ code: 'custom', path: ['failures'], message: `is ${rule.failures}, more than the ${rule.of} answers looked at; it may be 1 to ${rule.of}` });
    })
    .prefault({});

export const timingSchema = z
  .strictObject({
    /** T. */
    tickMs: whole(1000, 60_000, 'milliseconds').default(5000),
    /** D. */
    leaseMs: whole(1000, 600_000, 'milliseconds').default(20_000),
    /** ε. */
    skewAllowanceMs: whole(0, 60_000, 'milliseconds').default(2000),
    /** σ. */
    clockSkewMs: whole(0, 60_000, 'milliseconds').default(500),
    /** ρ. */
    driftPpm: whole(0, 100_000, 'parts per million').default(200),
    effectMs: whole(0, 60_000, 'milliseconds').default(500),
    gateCacheMs: whole(0, 1000, 'milliseconds').default(1000),
  })
  .prefault({});

export const dnsSchema = z
  .strictObject({
    ttlSeconds: whole(1, 300, 'seconds').default(15),
    checkIntervalSeconds: z.union([z.literal(10), z.literal(30)], { error: 'must be 10 or 30 seconds: Route 53 knows no other interval' }).default(10),
    checkFailures: whole(1, 10, 'checks').default(1),
  })
  .prefault({});

export const policySchema = z
  .strictObject({
    probeTimeoutMs: whole(100, 10_000, 'milliseconds').default(1500),
    liveness: kOfN(3, 4),
    readiness: kOfN(3, 4),
    attemptsMax: whole(1, 100, 'attempts').default(3),
    cooldownMs: whole(0, 86_400_000, 'milliseconds').default(600_000),
    approvalTimeoutSeconds: whole(10, 86_400, 'seconds').default(300),
    scoreHealthyAbove: ratio().default(0.8),
    scoreDegradedBelow: ratio().default(0.7),
  })
  .superRefine((policy, context) => {
    if (policy.scoreDegradedBelow > policy.scoreHealthyAbove) {
      context.addIssue({
        code: 'custom',
        path: ['scoreDegradedBelow'],
        message: `is ${policy.scoreDegradedBelow}, above scoreHealthyAbove (${policy.scoreHealthyAbove}): a region would be healthy and degraded at once`,
      });
    }
  })
  .prefault({});

export const modeSchema = z.enum(['observe', 'advise', 'approve', 'automatic'], {
  error: "must be 'observe' (looks and writes down what it would do), 'advise' (tells a person), 'approve' (a person allows each failover) or 'automatic'",
});

export const fenceShardsSchema = whole(1, 64, 'fence rows');

/** The longest time that changes of this region may be in no other one before its service refuses to write. */
export const lagBrakeSchema = z.strictObject({ maxLagMs: whole(1000, 86_400_000, 'milliseconds') });

const days = (usual: number) => whole(1, 36_500, 'days').default(usual);
const mebibyte = 1024 * 1024;

/** What nobody can take back once it is set; typed out by whoever sets it. */
const complianceSentence = 'nobody can delete these backups before their date';

/** Only what can be read here: a miss of any other could not be noticed. */
const anySchedule = z.string().superRefine((text, context) => {
  const read = readSchedule(text);
  if (read.kind === 'refused') context.addIssue({ code: 'custom', message: `must be a schedule of EventBridge Scheduler, like 'cron(0 0 * * ? *)' (UTC) or 'rate(1 hour)': ${read.because}` });
});
const scheduleSchema = (usual: string) => anySchedule.default(usual);

/** By the calendar only: each candidate region draws from the date which of them tests, so all must fire on the same day (UTC), and not near its end. */
const restoreTestSchema = scheduleSchema('cron(30 10 ? * SUN *)').refine((text) => /^cron\(\S+ ([1-9]|1\d|2[0-2]) .+\)$/.test(text), {
  error: "must be a cron of EventBridge Scheduler with one hour from 1 to 22 (UTC), like 'cron(30 10 ? * SUN *)': all regions must find the same date",
});

/** Without `differential` there are none: with a full each day and incrementals each hour, they save a restore a day's reading at most. */
const schedulesSchema = z
  .strictObject({ full: scheduleSchema('cron(0 0 * * ? *)'), incremental: scheduleSchema('cron(0 1-23 * * ? *)'), differential: anySchedule.optional(), restoreTest: restoreTestSchema })
  .prefault({});

/** Minutes after which what was due is overdue: to run takes time, and a full one of a large table takes hours. */
const overdueSchema = z
  .strictObject({ full: whole(1, 10_080, 'minutes').default(120), incremental: whole(1, 10_080, 'minutes').default(30), log: whole(2, 10_080, 'minutes').default(10) })
  .prefault({});

const vaultParts = {
  lockMode: z.enum(['GOVERNANCE', 'COMPLIANCE'], { error: "must be 'GOVERNANCE' (an administrator may lift a lock) or 'COMPLIANCE' (nobody can)" }).default('GOVERNANCE'),
  /** How long a point of each class is locked and kept. */
  retentionDays: z.strictObject({ hourly: days(7), daily: days(30), weekly: days(90), monthly: days(365), yearly: days(2555) }).prefault({}),
  /** The bucket refuses a longer lock. */
  lockDaysMax: whole(1, 36_500, 'days').optional(),
  packBytes: whole(mebibyte, 63 * mebibyte, 'bytes').default(32 * mebibyte),
  /** How the pieces of a full backup are run: of tables beyond 560 GiB by a Distributed Map (docs/scale.md; unproven on AWS). */
  partsMode: z.enum(['INLINE', 'DISTRIBUTED'], { error: "must be 'INLINE', or for tables beyond 560 GiB 'DISTRIBUTED'" }).default('INLINE'),
  schedules: schedulesSchema,
  overdueAfterMinutes: overdueSchema,
  /** The attribute that names the person whom an item is about: such items are sealed under that person's own key, which `holdfast erase` destroys. */
  subject: z.strictObject({ attribute: z.string({ error: 'must be the name of an attribute of the items' }).min(1, { error: 'must be the name of an attribute of the items' }).max(255) }).optional(),
  /** Every object in every site is read once in so many days. */
  scrubDays: whole(1, 365, 'days').default(30),
};

type VaultInput = { readonly retentionDays: Readonly<Record<string, number>>; readonly lockDaysMax?: number | undefined };

function longestDays({ retentionDays }: VaultInput): number {
  return Math.max(...Object.values(retentionDays));
}

/** The owner's part: with the sentence that COMPLIANCE wants. */
export const vaultSchema = z
  .strictObject({
    ...vaultParts,
    confirmCompliance: z.string().optional(),
  })
  .superRefine((vault, context) => {
    const refuse = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (vault.lockMode === 'COMPLIANCE' && vault.confirmCompliance !== complianceSentence) {
      refuse('confirmCompliance', `must be '${complianceSentence}', word for word, since lockMode is 'COMPLIANCE': not even the owner can delete such a bucket for as long`);
    }
    const longest = longestDays(vault);
    if (vault.lockDaysMax !== undefined && vault.lockDaysMax < longest)
      refuse('lockDaysMax', `is ${vault.lockDaysMax} days, and retentionDays asks for ${longest}: the bucket would refuse the lock; make it at least ${longest}`);
  })
  .transform((vault) => ({ ...vault, lockDaysMax: vault.lockDaysMax ?? longestDays(vault) }));

/** What a function is told: complete. */
export const runtimeVaultSchema = z.strictObject({ ...vaultParts, lockDaysMax: whole(1, 36_500, 'days') });

/** Names become parts of table, function and stack names in every region. */
export const groupSchema = z
  .string({ error: 'must be the name of the recovery group' })
  .regex(/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/, { error: 'must be 2 to 24 lower-case letters, digits and hyphens, beginning with a letter: it is part of every physical name' });

export const hostNameSchema = z.string({ error: 'must be the host name that clients use, like api.orders.example' }).regex(/^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){2,}[a-z]{2,}$/, {
  error: 'must be a lower-case host name below a zone, like api.orders.example (a zone apex cannot be a CNAME)',
});

/** How often the scrub takes a step: twice as often as its period needs, so that half of them may be missed. */
export function scrubIntervalMinutes(scrubDays: number): number {
  return Math.max(1, Math.floor(stepIntervalMs(scrubDays * 86_400_000) / 2 / 60_000));
}
