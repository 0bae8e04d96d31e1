// Stands between the Lambdas of one region and that region's DynamoDB (the emulator's environment names it in AWS_ENDPOINT_URL_DYNAMODB),
// and makes one table sick without touching the product: while it is throttled, every write that names it is refused as AWS refuses it.
import { randomBytes } from 'node:crypto';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { crc32 } from 'node:zlib';
import { closeServer, listen } from './listen.ts';
import type { Target } from './link.ts';
import { throttle, writeOperationOf, type Refusal, type WriteOperation } from './throttle.ts';

export type DynamoDbProxy = {
  readonly host: string;
  readonly port: number;
  /** The table whose writes are refused now, or null. */
  throttled(): string | null;
  setThrottled(table: string | null): void;
  /** How many writes were refused since the start. */
  refusals(): number;
  close(): Promise<void>;
};

/** DynamoDB takes no request above 16 MiB (BatchWriteItem's limit). */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection', 'te', 'trailer']);

function endToEnd(headers: IncomingMessage['headers']): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) kept[name] = value;
  }
  return kept;
}

function answerRefusal(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(refusal.status, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': Buffer.byteLength(refusal.body),
    'x-amzn-errortype': refusal.type,
    'x-amzn-requestid': randomBytes(26).toString('base64url').toUpperCase(),
    'x-amz-crc32': String(crc32(refusal.body)),
  });
  response.end(refusal.body);
}

function forward(incoming: IncomingMessage, response: ServerResponse, upstream: Target, agent: Agent, body: Buffer | null): void {
  const outgoing = request({
    ...upstream,
    agent,
    method: incoming.method,
    path: incoming.url,
    headers: { ...endToEnd(incoming.headers), ...(body === null ? {} : { 'content-length': String(body.length) }) },
  });
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  // What stands behind is gone or silent: the caller must see a broken connection, as it would without this proxy, not an HTTP answer.
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  if (body === null) incoming.pipe(outgoing);
  else outgoing.end(body);
}

async function readBody(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) return null;
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}

export async function startDynamoDbProxy(host: string, upstream: Target): Promise<DynamoDbProxy> {
  let sickTable: string | null = null;
  let refusals = 0;
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 16 });

  async function judge(incoming: IncomingMessage, response: ServerResponse, operation: WriteOperation): Promise<void> {
    const body = await readBody(incoming);
    if (body === null) {
      response.destroy();
      return;
    }
    const refusal = sickTable === null ? null : throttle(operation, body.toString('utf8'), sickTable);
    if (refusal === null) {
      forward(incoming, response, upstream, agent, body);
      return;
    }
    refusals += 1;
    answerRefusal(response, refusal);
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const target = incoming.headers['x-amz-target'];
    const operation = sickTable === null ? null : writeOperationOf(typeof target === 'string' ? target : undefined);
    if (operation === null) forward(incoming, response, upstream, agent, null);
    else judge(incoming, response, operation).catch(() => response.destroy());
  });
  const port = await listen(server, host, 0);
  return {
    host,
    port,
    throttled: () => sickTable,
    setThrottled(table) {
      sickTable = table;
    },
    refusals: () => refusals,
    async close() {
      const closed = closeServer(server);
      server.closeAllConnections();
      await closed;
      agent.destroy();
    },
  };
}
