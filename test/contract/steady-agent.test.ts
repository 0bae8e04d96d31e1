// Memory that is used again must never be seen to change by whoever still has a piece of it: what a later read would overwrite shows as wrong bytes.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { steadyAgent } from '../../src/drivers/aws/steady-agent.ts';

/** Many reads, each of them different. */
const sent = Buffer.from(Uint32Array.from({ length: 1_000_003 }, (_, i) => i).buffer);
const httpAgent = steadyAgent({ keepAlive: true, maxSockets: 1 });

let close: (() => void) | undefined;
afterEach(() => {
  httpAgent.destroy();
  close?.();
});

async function listening(server: net.Server): Promise<number> {
  close = () => server.close();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Held uncopied until the last has come. */
async function gathered(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('bodies whose pieces are kept stay what they were, and one connection serves them all', async () => {
  let connections = 0;
  const server = http.createServer((_request, response) => response.writeHead(200, { 'content-length': sent.length }).end(sent));
  server.on('connection', () => (connections += 1));
  const port = await listening(server);
  for (let i = 0; i < 3; i++) {
    const [response]: http.IncomingMessage[] = await once(http.get({ port, host: '127.0.0.1', agent: httpAgent }), 'response');
    if (response === undefined) throw new Error('no answer');
    expect((await gathered(response)).equals(sent)).toBe(true);
  }
  expect(connections).toBe(1);
});

test('what waits in the socket is not overwritten by what comes after it', async () => {
  const port = await listening(net.createServer((socket) => socket.end(sent)));
  const socket = httpAgent.createConnection({ port, host: '127.0.0.1' });
  if (!(socket instanceof net.Socket)) throw new Error('no socket');
  expect((await gathered(socket)).equals(sent)).toBe(true);
});
