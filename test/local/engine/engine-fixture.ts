// Why: what the tests of the engine share: one installed engine, a region on a free port in a folder of its own, clients, and stacks without the CDK.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type Engine, type EngineRegion, installEngine, localAccountId, type RunningRegion, regionUrl, startRegion } from '../../../local/engine/ministack.ts';

export const checkout = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const engineDirectory = path.join(checkout, '.holdfast', 'engine');
export const credentials = { accessKeyId: localAccountId, secretAccessKey: 'local' };

export function install(): Promise<Engine> {
  return installEngine({ directory: engineDirectory, log: () => undefined });
}

export async function freePort(host: string): Promise<number> {
  const server = net.createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export async function newRegion(options: Partial<EngineRegion> = {}): Promise<EngineRegion> {
  const host = options.host ?? '127.0.0.11';
  const directory = mkdtempSync(path.join(os.tmpdir(), 'holdfast-engine-'));
  return { region: 'us-east-1', host, port: await freePort(host), directory, environment: {}, ...options };
}

/** Kills what runs in the region and removes its folder. */
export async function discard(region: EngineRegion, running: RunningRegion | undefined): Promise<void> {
  running?.signal('SIGKILL');
  await running?.stopped;
  rmSync(region.directory, { recursive: true, force: true });
}

export async function restart(engine: Engine, region: EngineRegion, running: RunningRegion): Promise<RunningRegion> {
  running.signal('SIGKILL');
  await running.stopped;
  return startRegion(engine, region);
}

export function dynamo(region: EngineRegion, maxAttempts = 1): DynamoDBClient {
  return new DynamoDBClient(settings(region, maxAttempts));
}

export function streams(region: EngineRegion): DynamoDBStreamsClient {
  return new DynamoDBStreamsClient(settings(region, 1));
}

function settings(region: EngineRegion, maxAttempts: number) {
  return {
    region: region.region,
    endpoint: regionUrl(region),
    credentials,
    maxAttempts,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 1_000, requestTimeout: 10_000, throwOnRequestTimeout: true }),
  };
}

export type Answer = { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: string };

/** A request with a Host header of its own, which fetch would drop. */
export async function request(region: EngineRegion, hostName: string, requestPath: string, method = 'GET', body = ''): Promise<Answer> {
  const outgoing = http.request({ host: region.host, port: region.port, path: requestPath, method, headers: { host: hostName, 'content-type': 'application/json' } });
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  if (!(response instanceof http.IncomingMessage)) throw new Error('no response');
  let text = '';
  for await (const part of response) text += String(part);
  return { status: response.statusCode ?? 0, headers: response.headers, body: text };
}

type Resource = { Type: string; Properties?: Record<string, unknown>; DependsOn?: string | string[]; DeletionPolicy?: string };
export type Template = { Resources: Record<string, Resource>; Outputs?: Record<string, { Value: unknown }> };

async function cloudFormation(region: EngineRegion, parameters: Record<string, string>): Promise<string> {
  const scope = `${localAccountId}/20260101/${region.region}/cloudformation/aws4_request`;
  const response = await fetch(regionUrl(region), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    },
    body: new URLSearchParams({ Version: '2010-05-15', ...parameters }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${parameters['Action']}: ${text.slice(0, 2_000)}`);
  return text;
}

/** Creates or updates a stack; returns its outputs. The engine answers when it is done. */
export async function deploy(region: EngineRegion, name: string, template: Template, action = 'CreateStack'): Promise<Record<string, string>> {
  await cloudFormation(region, { Action: action, StackName: name, TemplateBody: JSON.stringify(template), 'Capabilities.member.1': 'CAPABILITY_IAM' });
  const described = await cloudFormation(region, { Action: 'DescribeStacks', StackName: name });
  const status = /<StackStatus>(\w+)<\/StackStatus>/.exec(described)?.[1];
  if (status !== 'CREATE_COMPLETE' && status !== 'UPDATE_COMPLETE') throw new Error(`stack ${name} is ${status}: ${described}`);
  const outputs: Record<string, string> = {};
  for (const [, key, value] of described.matchAll(/<OutputKey>([^<]*)<\/OutputKey>\s*<OutputValue>([^<]*)<\/OutputValue>/g)) {
    if (key !== undefined && value !== undefined) outputs[key] = value;
  }
  return outputs;
}

export async function deleteStack(region: EngineRegion, name: string): Promise<string> {
  await cloudFormation(region, { Action: 'DeleteStack', StackName: name });
  return cloudFormation(region, { Action: 'DescribeStacks', StackName: name }).catch((error: unknown) => String(error));
}

export function lambda(name: string, code: string, properties: Record<string, unknown> = {}): Resource {
  return {
    Type: 'AWS::Lambda::Function',
    Properties: {
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: `arn:aws:iam::${localAccountId}:role/test`,
      Timeout: 20,
      Code: { ZipFile: code },
      ...properties,
    },
  };
}

/** Looks until the answer is there. For effects that have no event to wait for. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, limitMs = 10_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
