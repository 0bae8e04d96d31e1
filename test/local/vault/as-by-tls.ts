// Why: the product's policies refuse plain HTTP, and the engine speaks nothing else here. This stands in front of it as something that ends TLS
// would, and says so in the header that the engine believes: not one statement of a policy has to be taken away for a test.
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Front = { readonly url: string; close(): Promise<void> };

export async function startFront(host: string, engine: { readonly host: string; readonly port: number }): Promise<Front> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, answer) => {
    const headers = { ...incoming.headers, 'x-forwarded-proto': 'https' };
    const outgoing = request({ ...engine, agent, method: incoming.method, path: incoming.url, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://${host}:${address.port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      agent.destroy();
    },
  };
}
