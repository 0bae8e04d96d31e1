// Why: the sample's handler is tried with the real SDK over a real connection; only the database's answers are scripted.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Call = { readonly action: string; readonly body: Readonly<Record<string, unknown>> };
/** A body to answer with 200; an error by name; or silence. */
export type Reply = { readonly ok: unknown } | { readonly error: string; readonly more?: Readonly<Record<string, unknown>> } | 'silence';

export async function scriptedDynamoDb(reply: (call: Call) => Reply) {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    request.on('end', () => {
      const call: Call = { action: String(request.headers['x-amz-target']).split('.').at(-1) ?? '', body: JSON.parse(text) };
      calls.push(call);
      const answer = reply(call);
      if (answer === 'silence') return;
      response.setHeader('content-type', 'application/x-amz-json-1.0');
      if ('ok' in answer) response.end(JSON.stringify(answer.ok));
      else response.writeHead(400).end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${answer.error}`, message: answer.error, ...answer.more }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const { port } = isAddress(address) ? address : { port: 0 };
  return {
    endpoint: `http://127.0.0.1:${port}`,
    calls,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isAddress(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
