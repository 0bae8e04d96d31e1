// How programs outside of the harness break, heal and restart regions: one address on loopback with an unguessable path, POST of one JSON
// object (faults.ts has the language), GET for the present state. 2xx means that it is done.
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { controlRequest, UnknownRegionError, type ControlRequest } from './faults.ts';
import { closeServer, listen } from './proxy/listen.ts';
import { RegionStartError } from './region-driver.ts';

export type ControlServer = { readonly url: string; close(): Promise<void> };

export type ControlHandler = { act(request: ControlRequest): Promise<void>; state(): Promise<object> };

const BODY_BYTES_MAX = 64 * 1024;
const TOKEN_BYTES = 16;

async function readJson(incoming: IncomingMessage): Promise<unknown> {
  let text = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw new SyntaxError(`the request has more than ${BODY_BYTES_MAX} bytes`);
  }
  return JSON.parse(text);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function statusOf(error: unknown): number {
  if (error instanceof SyntaxError || error instanceof UnknownRegionError) return 400;
  return error instanceof RegionStartError ? 409 : 500;
}

export async function startControlServer(host: string, handler: ControlHandler): Promise<ControlServer> {
  const path = `/${randomBytes(TOKEN_BYTES).toString('hex')}`;
  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.url !== path) return answer(response, 404, { error: 'no such path' });
    if (incoming.method === 'GET') return answer(response, 200, await handler.state());
    if (incoming.method !== 'POST') return answer(response, 405, { error: 'GET or POST' });
    const parsed = controlRequest.safeParse(await readJson(incoming));
    if (!parsed.success) return answer(response, 400, { error: z.prettifyError(parsed.error) });
    await handler.act(parsed.data);
    answer(response, 200, { done: parsed.data.kind });
  }
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else answer(response, statusOf(error), { error: error instanceof Error ? error.message : String(error) });
    });
  });
  const port = await listen(server, host, 0);
  return {
    url: `http://${host}:${port}${path}`,
    async close() {
      const closed = closeServer(server);
      server.closeAllConnections();
      await closed;
    },
  };
}
