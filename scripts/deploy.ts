// Why: one way to put the stacks into their regions, here and on AWS: build, synthesise once, deploy each region, then the DNS records with
// what the regions said. With `endpoints` it goes to local regions; without, to the account of your AWS credentials.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { BucketLocationConstraint, CreateBucketCommand, PutPublicAccessBlockCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateHostedZoneCommand, ListHostedZonesByNameCommand, Route53Client } from '@aws-sdk/client-route-53';
import { z } from 'zod';
import { config } from '../holdfast.config.ts';
import { regionIdPart } from '../src/config/aws-regions.ts';
import { LAMBDAS, buildLambdas } from './build-lambdas.ts';

const ROOT = join(import.meta.dirname, '..');
const LOCAL_ACCOUNT = '111111111111';
/** Local regions have no certificate manager worth the name; nothing reads it there. */
const LOCAL_CERTIFICATE = `arn:aws:acm:local:${LOCAL_ACCOUNT}:certificate/local`;

export type DeployOptions = {
  /** Region → URL of its AWS endpoints; absent on AWS. */
  readonly endpoints?: Readonly<Record<string, string>>;
  /** The zone of the service's name. Needed on AWS; made in the witness region where local. */
  readonly hostedZoneId?: string;
  /** Region → ARN of the certificate there; needed on AWS. */
  readonly certificateArns?: Readonly<Record<string, string>>;
  /** Needed on AWS where the configuration names no accounts: whose asset bucket to make. */
  readonly account?: string;
  /** Account → the profile of your AWS configuration that deploys there; of accounts that are not named, the credentials you have. */
  readonly profiles?: Readonly<Record<string, string>>;
  /** Functions built elsewhere, `<name>/index.mjs`; absent: they are built now. */
  readonly lambdas?: string;
  /** On AWS: how long each region is left alone before the next one. */
  readonly bakeSeconds?: number;
  readonly log: (line: string) => void;
};

const outputsSchema = z.object({ ServiceUrl: z.string(), ServiceTarget: z.string(), GateUrl: z.string().optional(), GateHost: z.string().optional(), GatePath: z.string().optional() });

export type RegionOutputs = { readonly serviceUrl: string; readonly serviceTarget: string; readonly gateUrl?: string; readonly gateHost?: string; readonly gatePath?: string };
export type Deployment = { readonly hostedZoneId: string; readonly regions: Readonly<Record<string, RegionOutputs>> };

/** Deploys every stack. Throws an Error that names the stack and shows the end of what `cdk` said. */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const work = mkdtempSync(join(tmpdir(), 'holdfast-deploy-'));
  try {
    const isLocal = options.endpoints !== undefined;
    if (options.endpoints !== undefined) requireEndpoints(options.endpoints);
    else requireForAws(options);
    if (options.lambdas === undefined) await timed(options.log, 'build functions', () => buildLambdas());
    const assembly = join(work, 'cdk.out');
    const prepare = [timed(options.log, 'synthesise', () => synthesise(options, assembly)), ...regionsInOrder().map((region) => createAssetBucket(options, region))];
    await Promise.all(prepare);
    const regions = isLocal ? await inParallel(options, assembly, work) : await oneByOne(options, assembly, work);
    const hostedZoneId = options.hostedZoneId ?? (await timed(options.log, 'hosted zone', () => hostedZone(options)));
    await timed(options.log, 'records', () =>
      cdkDeploy(options, { stack: `Holdfast-${config.group}-records`, region: witness(), parameters: recordParameters(hostedZoneId, regions), assembly, work }),
    );
    return { hostedZoneId, regions };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Witness, then standbys, then the active one: what is broken shows first where it harms least. */
function regionsInOrder(): string[] {
  const rank = (region: string, role: string) => (role === 'witness' ? 0 : region === config.initialRegion ? 2 : 1);
  return [...config.regions].sort((a, b) => rank(a.region, a.role) - rank(b.region, b.role)).map((member) => member.region);
}

/** Where the records' stack lives: not where a candidate may be lost. */
function witness(): string {
  const member = config.regions.find((each) => each.role === 'witness') ?? config.regions.find((each) => each.region !== config.initialRegion);
  return member?.region ?? config.initialRegion;
}

function requireEndpoints(endpoints: Readonly<Record<string, string>>): void {
  if (config.regions.some(({ account }) => account !== undefined)) throw new Error('local regions lie in one account: leave the accounts out of holdfast.config.ts to try it here');
  for (const { region } of config.regions) {
    if (endpoints[region] === undefined) throw new Error(`there is no endpoint for ${region} among ${Object.keys(endpoints).join(', ')}; give one for each region of holdfast.config.ts`);
  }
}

function requireForAws(options: DeployOptions): void {
  if (options.hostedZoneId === undefined) throw new Error(`deploying to AWS needs the hosted zone of ${config.service.name}: --hosted-zone Z…`);
  const accounts = new Set(config.regions.map((member) => member.account ?? options.account));
  if (accounts.has(undefined)) throw new Error('deploying to AWS needs the account id, for the name of the asset bucket: --account 123456789012');
  for (const account of accounts) {
    if (accounts.size > 1 && options.profiles?.[account ?? ''] === undefined) throw new Error(`deploying into several accounts needs a profile for each: --profile ${account}=NAME`);
  }
  for (const { region } of config.regions) {
    if (options.certificateArns?.[region] === undefined) throw new Error(`deploying to AWS needs a certificate for ${config.service.name} in ${region}: --certificate ${region}=arn:aws:acm:…`);
  }
}

async function synthesise(options: DeployOptions, assembly: string): Promise<void> {
  const context = { 'holdfast:lambdas': options.lambdas ?? LAMBDAS };
  // The checks of the CDK and cdk-nag take half of the time and are a test of their own; what goes to AWS is checked again.
  const validation: Record<string, string> = options.endpoints === undefined ? {} : { CDK_VALIDATION: 'false', CDK_DISABLE_STACK_TRACE: '1' };
  await run(options, 'synthesis', [join(ROOT, 'infra/main.ts')], { ...baseEnvironment(options), ...validation, CDK_OUTDIR: assembly, CDK_CONTEXT_JSON: JSON.stringify(context) });
}

async function inParallel(options: DeployOptions, assembly: string, work: string): Promise<Record<string, RegionOutputs>> {
  const all = await Promise.all(regionsInOrder().map(async (region) => [region, await deployRegion(options, region, assembly, work)] as const));
  return Object.fromEntries(all);
}

async function oneByOne(options: DeployOptions, assembly: string, work: string): Promise<Record<string, RegionOutputs>> {
  const all: Record<string, RegionOutputs> = {};
  for (const region of regionsInOrder()) {
    if (Object.keys(all).length > 0 && options.bakeSeconds !== undefined) await timed(options.log, `bake before ${region}`, () => sleep((options.bakeSeconds ?? 0) * 1000));
    all[region] = await deployRegion(options, region, assembly, work);
  }
  return all;
}

async function deployRegion(options: DeployOptions, region: string, assembly: string, work: string): Promise<RegionOutputs> {
  const parameters = { CertificateArn: options.certificateArns?.[region] ?? LOCAL_CERTIFICATE };
  const outputs = outputsSchema.parse(await timed(options.log, region, () => cdkDeploy(options, { stack: `Holdfast-${config.group}-${region}`, region, parameters, assembly, work })));
  const gate =
    outputs.GateUrl === undefined || outputs.GateHost === undefined || outputs.GatePath === undefined ? {} : { gateUrl: outputs.GateUrl, gateHost: outputs.GateHost, gatePath: outputs.GatePath };
  return { serviceUrl: outputs.ServiceUrl, serviceTarget: outputs.ServiceTarget, ...gate };
}

function recordParameters(hostedZoneId: string, regions: Readonly<Record<string, RegionOutputs>>): Record<string, string> {
  const parameters: Record<string, string> = { HostedZoneId: hostedZoneId };
  for (const [region, outputs] of Object.entries(regions)) {
    if (outputs.gateHost === undefined || outputs.gatePath === undefined) continue;
    parameters[`GateHost${regionIdPart(region)}`] = outputs.gateHost;
    parameters[`GatePath${regionIdPart(region)}`] = outputs.gatePath;
    parameters[`ServiceTarget${regionIdPart(region)}`] = outputs.serviceTarget;
  }
  const maintenance = regions[witness()];
  if (maintenance === undefined) throw new Error(`${witness()} was not deployed, so there is no maintenance answer to point at; deploy it first`);
  return { ...parameters, MaintenanceTarget: maintenance.serviceTarget };
}

type StackDeployment = { readonly stack: string; readonly region: string; readonly parameters: Readonly<Record<string, string>>; readonly assembly: string; readonly work: string };

async function cdkDeploy(options: DeployOptions, deployment: StackDeployment): Promise<unknown> {
  const outputs = join(deployment.work, `${deployment.stack}.outputs.json`);
  const parameters = Object.entries(deployment.parameters).flatMap(([name, value]) => ['--parameters', `${deployment.stack}:${name}=${value}`]);
  const cdk = [
    join(ROOT, 'node_modules/aws-cdk/bin/cdk'),
    'deploy',
    deployment.stack,
    '--app',
    deployment.assembly,
    '--exclusively',
    '--method',
    'direct',
    '--require-approval',
    'never',
    '--outputs-file',
    outputs,
    ...parameters,
  ];
  const endpoint = options.endpoints?.[deployment.region];
  const profile = profileOf(options, deployment.region);
  const environment = {
    ...baseEnvironment(options),
    ...(profile === undefined ? {} : { AWS_PROFILE: profile }),
    AWS_REGION: deployment.region,
    AWS_DEFAULT_REGION: deployment.region,
    ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL: endpoint }),
  };
  await run(options, deployment.stack, cdk, environment);
  return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(outputs, 'utf8')))[deployment.stack] ?? {};
}

async function createAssetBucket(options: DeployOptions, region: string): Promise<void> {
  const s3 = new S3Client({ ...clientSettings(options, region), forcePathStyle: options.endpoints !== undefined });
  const Bucket = `holdfast-assets-${options.endpoints === undefined ? accountOf(options, region) : LOCAL_ACCOUNT}-${region}`;
  try {
    await s3.send(new CreateBucketCommand({ Bucket, ...(region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: z.enum(BucketLocationConstraint).parse(region) } }) }));
    await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true } }));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'BucketAlreadyOwnedByYou') throw error;
  } finally {
    s3.destroy();
  }
}

async function hostedZone(options: DeployOptions): Promise<string> {
  const route53 = new Route53Client(clientSettings(options, witness()));
  const Name = config.service.name.split('.').slice(1).join('.');
  try {
    const listed = await route53.send(new ListHostedZonesByNameCommand({ DNSName: Name }));
    const found = listed.HostedZones?.find((zone) => zone.Name === `${Name}.`)?.Id ?? (await route53.send(new CreateHostedZoneCommand({ Name, CallerReference: `holdfast-${Name}` }))).HostedZone?.Id;
    if (found === undefined) throw new Error(`Route 53 in ${witness()} made no hosted zone for ${Name}; look into that region's log`);
    return found.replace('/hostedzone/', '');
  } finally {
    route53.destroy();
  }
}

function clientSettings(options: DeployOptions, region: string) {
  const endpoint = options.endpoints?.[region];
  const profile = profileOf(options, region);
  if (endpoint === undefined) return { region, ...(profile === undefined ? {} : { profile }) };
  return { region, endpoint, credentials: { accessKeyId: LOCAL_ACCOUNT, secretAccessKey: 'local' } };
}

function accountOf(options: DeployOptions, region: string): string | undefined {
  return config.regions.find((member) => member.region === region)?.account ?? options.account;
}

function profileOf(options: DeployOptions, region: string): string | undefined {
  return options.profiles?.[accountOf(options, region) ?? ''];
}

/** Local regions get nothing of the caller's AWS settings: a profile of yours must not decide where a playground goes. */
function baseEnvironment(options: DeployOptions): Record<string, string> {
  const tools = { CDK_DISABLE_CLI_TELEMETRY: 'true', CDK_DISABLE_VERSION_CHECK: 'true', JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION: '1', FORCE_COLOR: '0' };
  const own = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  if (options.endpoints === undefined) return { ...own, ...tools };
  const kept = Object.fromEntries(['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])));
  return { ...kept, ...tools, AWS_ACCESS_KEY_ID: LOCAL_ACCOUNT, AWS_SECRET_ACCESS_KEY: 'local', AWS_EC2_METADATA_DISABLED: 'true' };
}

const SHOWN_OF_A_FAILURE = 4000;

async function run(options: DeployOptions, what: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-SHOWN_OF_A_FAILURE);
      if (options.endpoints === undefined) for (const line of text.trimEnd().split('\n')) options.log(`  ${line}`);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`${what} failed (exit ${code}). What it said last:\n${said.trim()}`);
}

async function timed<T>(log: (line: string) => void, what: string, work: () => Promise<T>): Promise<T> {
  const startedAtMs = performance.now();
  const result = await work();
  log(`${what}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  return result;
}

function pairs(values: readonly string[] | undefined): Record<string, string> | undefined {
  if (values === undefined || values.length === 0) return undefined;
  return Object.fromEntries(values.map((value) => [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({
    options: {
      endpoint: { type: 'string', multiple: true },
      'hosted-zone': { type: 'string' },
      certificate: { type: 'string', multiple: true },
      account: { type: 'string' },
      profile: { type: 'string', multiple: true },
      lambdas: { type: 'string' },
      'bake-seconds': { type: 'string' },
    },
  });
  const [endpoints, certificateArns, profiles] = [pairs(values.endpoint), pairs(values.certificate), pairs(values.profile)];
  const deployment = await deploy({
    ...(endpoints === undefined ? {} : { endpoints }),
    ...(certificateArns === undefined ? {} : { certificateArns }),
    ...(values['hosted-zone'] === undefined ? {} : { hostedZoneId: values['hosted-zone'] }),
    ...(values.account === undefined ? {} : { account: values.account }),
    ...(profiles === undefined ? {} : { profiles }),
    ...(values.lambdas === undefined ? {} : { lambdas: values.lambdas }),
    ...(values['bake-seconds'] === undefined ? {} : { bakeSeconds: Number(values['bake-seconds']) }),
    log: (line) => console.error(line),
  });
  console.log(JSON.stringify(deployment, undefined, 2));
}
