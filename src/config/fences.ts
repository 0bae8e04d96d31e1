// Why: what an owner says of each fence. The same schema reads it in holdfast.config.ts and, of the one function that runs them, from its environment.
import * as z from 'zod';
import { fencesLimitMs } from '../core/fences/fence-plan.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { regionSchema } from './aws-regions.ts';
import { configError } from './config-error.ts';

const list = (pattern: RegExp, what: string, max: number) =>
  z
    .array(z.string().regex(pattern, { error: `must be ${what}` }), { error: `must list ${what}` })
    .min(1, { error: `is empty: name ${what}` })
    .max(max, { error: `has more than ${max}: one fence with that many is not confirmed in its time; make several` });

const principals = list(/^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/[\w+=,.@/-]{1,512}$/, "the ARNs of the service's roles or users, like arn:aws:iam::123456789012:role/orders", 10);
const instances = list(/^i-[0-9a-f]{8,17}$/, 'EC2 instances, like i-0123456789abcdef0', 20);
const quarantineGroup = 'must be the id of a security group without any rule, like sg-0123456789abcdef0';

const common = {
  /** Part of a row's key, and what people read. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, { error: 'must be 1 to 32 lower-case letters, digits and hyphens, beginning with a letter' }),
  /** Whom it stops. It is run by another region. */
  region: regionSchema,
  /** Not confirmed: a person is called. */
  required: z.boolean({ error: 'must be true or false' }).default(true),
  order: z.int({ error: 'must be a whole number' }).min(1, { error: 'must be at least 1' }).max(100, { error: 'must be at most 100' }).default(1),
  timeoutMs: z.int({ error: 'must be whole milliseconds' }).min(1000, { error: 'must be at least 1000' }).max(600_000, { error: 'must be at most 600000' }).default(30_000),
};

/** The password is not in the configuration: what KMS made of it is, under a multi-Region key, for the group and this fence by its name only. */
const passwordSchema = z.strictObject(
  {
    keyId: z.string().regex(/^mrk-[0-9a-f]{32}$/, { error: 'must be the id of a multi-Region KMS key (mrk-…): every region that may run the fence decrypts with its replica' }),
    ciphertext: z.base64({ error: "must be what 'aws kms encrypt' printed, in base64" }).min(1).max(1000),
  },
  { error: 'must be { keyId, ciphertext }: the password as KMS encrypted it, never the password' },
);
const user = z.string().regex(/^[\x21-\x7e]{1,32}$/, { error: 'must be a user name of the controller: 1 to 32 visible characters' });

const kinds = [
  /** Denies the principals everything on the tables. Absent: the protected table. */
  z.strictObject({ ...common, kind: z.literal('table-access'), tables: list(/^[a-zA-Z0-9_.-]{3,255}$/, 'names of DynamoDB tables', 10).optional(), principals }),
  z.strictObject({ ...common, kind: z.literal('bucket-access'), buckets: list(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'names of S3 buckets', 10), principals }),
  z.strictObject({ ...common, kind: z.literal('ec2-stop'), instances }),
  z.strictObject({
    ...common,
    kind: z.literal('target-deregistration'),
    targetGroup: z.string().regex(/^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup\/[\w-]{1,32}\/[0-9a-f]+$/, { error: 'must be the ARN of a target group' }),
  }),
  z.strictObject({ ...common, kind: z.literal('ebs-detach'), volumes: list(/^vol-[0-9a-f]{8,17}$/, 'EBS volumes, like vol-0123456789abcdef0', 20) }),
  z.strictObject({
    ...common,
    kind: z.literal('security-group-quarantine'),
    instances,
    /** Of the instances' VPC, and without any rule: a group that lets something through is no quarantine, and the fence says so when it runs. */
    quarantineGroup: z.string({ error: quarantineGroup }).regex(/^sg-[0-9a-f]{8,17}$/, { error: quarantineGroup }),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('kms-grant'),
    key: z.string().regex(/^(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/)?(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/, { error: 'must be the id or the ARN of a KMS key, no alias' }),
    grantees: principals,
  }),
  z.strictObject({
    ...common,
    kind: z.literal('redfish-power'),
    /** The system's own resource. */
    system: z.url({ protocol: /^https$/, error: 'must be the https URL of a system, like https://10.0.0.5/redfish/v1/Systems/1' }),
    user,
    password: passwordSchema,
    /** SHA-256 of the controller's certificate, which is often signed by itself. Absent: a public authority must have signed it. */
    certificateSha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'must be 64 lower-case hex digits' })
      .optional(),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('ipmi-power'),
    host: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9.:-]{0,252}$/, { error: 'must be a host name or an address' }),
    port: z.int({ error: 'must be a port' }).min(1).max(65_535).default(623),
    user,
    password: passwordSchema,
    cipherSuite: z.union([z.literal(3), z.literal(17)], { error: 'must be 17 (HMAC-SHA256) or 3 (HMAC-SHA1): the others do not encrypt, or do not authenticate' }).default(17),
  }),
] as const;

const fenceSchema = z.discriminatedUnion('kind', kinds, { error: 'must be one of the kinds in docs/fences.md' });
export const fencesSchema = z.array(fenceSchema, { error: 'must list the fences' }).default([]);
export type FenceSettings = z.output<typeof fencesSchema>[number];

/** A function's time limit is 900 s: this leaves it the rows and the register. */
const allLimitMs = 780_000;
/** Of the 4 KB that a function's environment may have. */
const allCharactersMax = 2200;

type Group = { readonly regions: readonly { readonly region: string; readonly role: string; readonly account?: string | undefined }[]; readonly fences: readonly FenceSettings[] };

export function refuseFences({ regions, fences }: Group, refuse: (path: PropertyKey[], message: string) => void): void {
  const candidates = regions.filter(({ role }) => role === 'candidate').map(({ region }) => region);
  const ofAws = new Set(['redfish-power', 'ipmi-power']);
  const isOneAccount = new Set(regions.flatMap(({ account }) => account ?? [])).size <= 1;
  fences.forEach((fence, index) => {
    if (!candidates.includes(fence.region)) refuse(['fences', index, 'region'], `'${fence.region}' never becomes active, so there is nothing to stop; it may be ${candidates.join(' or ')}`);
    if (fences.findIndex(({ name, region }) => name === fence.name && region === fence.region) !== index)
      refuse(['fences', index, 'name'], `'${fence.name}' is another fence of ${fence.region} already: outcomes are written down by the name`);
    if (!isOneAccount && !ofAws.has(fence.kind)) refuse(['fences', index, 'kind'], `'${fence.kind}' is not built for several accounts yet: leave it out, or use one account`);
  });
  const limitMs = fencesLimitMs(fences);
  if (limitMs > allLimitMs)
    refuse(['fences'], `may take ${limitMs / 1000} s for one region, one order after the other; they must end within ${allLimitMs / 1000} s: lower a timeoutMs, or give several the same order`);
  const characters = JSON.stringify(fences).length;
  if (characters > allCharactersMax) refuse(['fences'], `are ${characters} characters as JSON; a function's environment has room for ${allCharactersMax}: name fewer things, or put them behind one`);
}

/** Reads HOLDFAST_FENCES. @throws InvalidConfigError */
export function parseFences(json: string | undefined): FenceSettings[] {
  let raw: unknown;
  try {
    raw = JSON.parse(json ?? '[]');
  } catch {
    throw new InvalidConfigError('HOLDFAST_FENCES is not JSON; the stack writes it, so deploy again');
  }
  const parsed = fencesSchema.safeParse(raw);
  if (!parsed.success) throw configError('HOLDFAST_FENCES', parsed.error);
  return parsed.data;
}
