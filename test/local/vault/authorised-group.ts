// Why: the whole group in one process of the engine with AUTH on, which knows every region's roles and sessions: signatures, role policies,
// execution roles and bucket policies are enforced, across the regions too. Three processes cannot do that: each knows its own sessions only.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BucketLocationConstraint, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { config } from '../../../holdfast.config.ts';
import { localAccountId, startRegion } from '../../../local/engine/ministack.ts';
import { endpointVariable } from '../../../src/config/environment.ts';
import { builtFunctions } from '../../built-functions.ts';
import { startFront } from './as-by-tls.ts';
import { checkout, credentials, discard, install, newRegion } from '../engine/engine-fixture.ts';

/** A loopback address of its own: these regions run beside those of a demo. */
const HOST = '127.0.0.14';
const DEPLOY_LIMIT_MS = 120_000;
const SAID_CHARACTERS_MAX = 4000;

export type AuthorisedGroup = {
  readonly endpoint: string;
  readonly regions: readonly string[];
  /** For the command line: an administrator's key, which AUTH takes for the account's root. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the engine said. */
  readonly logFile: string;
  close(): Promise<void>;
};

export async function startAuthorisedGroup(): Promise<AuthorisedGroup> {
  const engine = await install();
  const bare = await newRegion({ host: HOST });
  const front = await startFront(HOST, bare);
  const endpoint = front.url;
  const regions = config.regions.map((member) => member.region);
  const endpoints = Object.fromEntries(regions.map((region) => [endpointVariable(region), endpoint]));
  const region = { ...bare, environment: { AUTH: 'true', AWS_ENDPOINT_URL: endpoint, ...endpoints } };
  const running = await startRegion(engine, region);
  const close = async () => {
    await discard(region, running);
    await front.close();
  };
  try {
    const { directory: lambdas } = await builtFunctions(join(region.directory, 'lambdas'));
    await deployOneByOne(endpoint, regions, region.directory, lambdas);
  } catch (error) {
    await close();
    throw error;
  }
  const administrator = { AWS_ACCESS_KEY_ID: localAccountId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey, AWS_REGION: config.initialRegion, AWS_EC2_METADATA_DISABLED: 'true' };
  return {
    endpoint,
    regions,
    environment: { PATH: process.env['PATH'] ?? '', HOME: region.directory, ...endpoints, ...administrator },
    logFile: join(region.directory, 'emulator.log'),
    close,
  };
}

/** One after the other: while the engine creates a function, it ends the workers of every function of that name, in whatever region. */
async function deployOneByOne(endpoint: string, regions: readonly string[], directory: string, lambdas: string): Promise<void> {
  const assembly = join(directory, 'cdk.out');
  const home = join(directory, 'deployment');
  mkdirSync(home, { recursive: true });
  const environment = { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: home, CDK_DISABLE_CLI_TELEMETRY: 'true', CDK_DISABLE_VERSION_CHECK: 'true', CDK_VALIDATION: 'false' };
  await run('infra/main.ts', [join(checkout, 'infra/main.ts')], { ...environment, CDK_OUTDIR: assembly, CDK_CONTEXT_JSON: JSON.stringify({ 'holdfast:lambdas': lambdas }) });
  spellOutAliases(assembly);
  for (const region of regions) {
    await createAssetBucket(endpoint, region);
    const stack = `Holdfast-${config.group}-${region}`;
    const parameters = ['--parameters', `${stack}:CertificateArn=arn:aws:acm:local:${localAccountId}:certificate/local`];
    await run(stack, [join(checkout, 'node_modules/aws-cdk/bin/cdk'), 'deploy', stack, '--app', assembly, '--exclusively', '--method', 'direct', '--require-approval', 'never', ...parameters], {
      ...environment,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: localAccountId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    });
  }
}

const statementSchema = z.looseObject({ Condition: z.looseObject({ 'ForAnyValue:StringEquals': z.object({ 'kms:ResourceAliases': z.string() }) }) });

/**
 * The one thing that is deployed otherwise than on AWS: the engine does not evaluate `kms:ResourceAliases`, and takes an alias for the resource
 * itself. So where a statement says "keys that have this alias" it gets this alias and any key here; which actions it has stays as it is.
 */
function spellOutAliases(assembly: string): void {
  let spelled = 0;
  for (const name of readdirSync(assembly).filter((file) => file.endsWith('.template.json'))) {
    const file = join(assembly, name);
    const template: unknown = JSON.parse(readFileSync(file, 'utf8'), (_key, value: unknown) => {
      const statement = statementSchema.safeParse(value);
      if (!statement.success) return value;
      const { Condition, ...rest } = statement.data;
      spelled += 1;
      return { ...rest, Resource: ['arn:aws:kms:*:*:key/*', `arn:aws:kms:*:*:${Condition['ForAnyValue:StringEquals']['kms:ResourceAliases']}`] };
    });
    writeFileSync(file, JSON.stringify(template));
  }
  if (spelled === 0) throw new Error('no statement names a key by its alias any longer: this part of the test can go');
}

async function createAssetBucket(endpoint: string, region: string): Promise<void> {
  const s3 = new S3Client({ region, endpoint, credentials, forcePathStyle: true });
  const LocationConstraint = Object.values(BucketLocationConstraint).find((name) => name === region);
  const place = LocationConstraint === undefined ? {} : { CreateBucketConfiguration: { LocationConstraint } };
  await s3.send(new CreateBucketCommand({ Bucket: `holdfast-assets-${localAccountId}-${region}`, ...place }));
  s3.destroy();
}

/** A program of this checkout, or of its packages; its output only where it failed. */
export function run(what: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], { cwd: checkout, env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: DEPLOY_LIMIT_MS, killSignal: 'SIGKILL' });
    let output = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-SAID_CHARACTERS_MAX);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${what} failed (exit ${code}): ${said}${output.slice(-SAID_CHARACTERS_MAX)}`));
    });
  });
}
