// Stands between a driver and its real peer over HTTP(S), and does what networks and peers do: nothing, no answer, the change without the answer,
// the answer without the change.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { PeerFault } from './fence.ts';
import type { SelfSigned } from './self-signed.ts';

export type Seen = { readonly method: string; readonly path: string; readonly headers: http.IncomingHttpHeaders; readonly body: string };
export type Accepted = { readonly status: number; readonly contentType: string; readonly body: string };

export type FaultGateway = { readonly url: URL; readonly seen: readonly Seen[]; suffer: (fault: PeerFault) => Promise<void>; close: () => Promise<void> };

/** @param isChange of what is asked of the peer. @param accepted what an ineffective peer says to it */
export async function faultGateway(peer: URL, tls: SelfSigned | undefined, isChange: (seen: Seen) => boolean, accepted: (seen: Seen) => Accepted): Promise<FaultGateway> {
  let fault: PeerFault = 'none';
  const seen: Seen[] = [];
  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    let body = '';
    request.setEncoding('utf8');
    for await (const part of request) body += String(part);
    const one: Seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
    seen.push(one);
    if (fault === 'unreachable') return void request.socket.destroy();
    if (fault === 'silent') return;
    if (fault === 'ineffective' && isChange(one)) {
      const { status, contentType, body: said } = accepted(one);
      response.writeHead(status, { 'content-type': contentType });
      return void response.end(said);
    }
    const isLost = fault === 'answer-lost' && isChange(one);
    const answer = await forward(peer, one);
    if (isLost) return void request.socket.destroy();
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  };
  const listener = (request: http.IncomingMessage, response: http.ServerResponse) => void serve(request, response).catch(() => request.socket.destroy());
  const server = tls === undefined ? http.createServer(listener) : https.createServer({ key: tls.key, cert: tls.cert }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: new URL(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`),
    seen,
    suffer: async (next) => {
      fault = next;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function forward(peer: URL, { method, path, headers, body }: Seen): Promise<{ readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer }> {
  const client = peer.protocol === 'https:' ? https : http;
  const request = client.request(new URL(path, peer), { method, headers, rejectUnauthorized: false, agent: false });
  request.end(body);
  const [response] = await once(request, 'response');
  if (!(response instanceof http.IncomingMessage)) throw new Error('no response');
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(Buffer.from(part));
  return { status: response.statusCode ?? 502, headers: response.headers, body: Buffer.concat(parts) };
}
