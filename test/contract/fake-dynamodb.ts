// A DynamoDB endpoint of a test's own: it answers each request as it is told to, or never. For what no emulator does on demand.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

export type Asked = { readonly action: string; readonly body: Record<string, unknown> };
/** `undefined`: never answers. `stall`: begins to answer and never ends. */
export type Answer = { readonly status?: number; readonly body?: unknown; readonly headers?: Record<string, string>; readonly stall?: boolean } | undefined;

export async function startFakeDynamoDb(answer: (asked: Asked) => Answer | Promise<Answer>) {
  const asked: Asked[] = [];
  const sockets = new Set<net.Socket>();
  const server = http.createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part) => (text += String(part)));
    request.on('end', () => {
      const call: Asked = { action: String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? `${request.method} ${request.url}`, body: text === '' ? {} : JSON.parse(text) };
      asked.push(call);
      void Promise.resolve(answer(call)).then((a) => {
        if (a === undefined) return;
        const body = JSON.stringify(a.body ?? {});
        response.writeHead(a.status ?? 200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': Buffer.byteLength(body), ...a.headers });
        if (a.stall === true) response.write(body.slice(0, 1));
        else response.end(body);
      });
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    async stop(): Promise<void> {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

export function errorAnswer(type: string, more: Record<string, unknown> = {}): Answer {
  return { status: 400, body: { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: type, Message: type, ...more } };
}
