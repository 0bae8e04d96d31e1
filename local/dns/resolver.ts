// The DNS server of the local regions, over UDP and TCP on one port: any resolver library, and `dig`, can ask it. It answers as a recursive
// resolver without a cache, so that whoever asks sees Route 53's decision of this very moment, and its TTL.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { respond, type ResolverView } from './wire.ts';

export type RunningResolver = { readonly host: string; readonly port: number; close(): Promise<void> };

const PORT_TRIES = 20;
const TCP_IDLE_MS = 10_000;
const TCP_MESSAGE_BYTES_MAX = 65_535;

/** RFC 1035 4.2.2: two bytes of length before each message; several may share a connection. */
function answerOverTcp(socket: Socket, view: () => ResolverView): void {
  let pending = Buffer.alloc(0);
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const length = pending.readUInt16BE(0);
      if (pending.length < 2 + length) break;
      const answer = respond(view(), pending.subarray(2, 2 + length), 'tcp');
      pending = pending.subarray(2 + length);
      if (answer === null) continue;
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([prefix, answer]));
    }
    if (pending.length > 2 + TCP_MESSAGE_BYTES_MAX) socket.destroy();
  });
}

function listenTcp(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => {
      server.off('error', reject);
      const address: AddressInfo | string | null = server.address();
      if (address === null || typeof address === 'string') reject(new Error(`the DNS server got no TCP port on ${host}`));
      else resolve(address.port);
    });
  });
}

function bindUdp(socket: UdpSocket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

async function closeTcp(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

/** Starts it on a free port of `host`. `view` is asked at each query, so that zone and health may change under it. */
export async function startResolver(options: { readonly host: string; readonly view: () => ResolverView }): Promise<RunningResolver> {
  const { host, view } = options;
  for (let attempt = 1; ; attempt += 1) {
    const sockets = new Set<Socket>();
    const tcp = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      answerOverTcp(socket, view);
    });
    const port = await listenTcp(tcp, host);
    const udp = createSocket('udp4');
    try {
      // The port that TCP got may be taken for UDP by somebody else: then another one is tried.
      await bindUdp(udp, host, port);
    } catch (error) {
      udp.close();
      await closeTcp(tcp);
      if (attempt < PORT_TRIES) continue;
      throw new Error(`no port of ${host} is free for both UDP and TCP after ${PORT_TRIES} tries: ${String(error)}`, { cause: error });
    }
    tcp.on('error', () => undefined);
    udp.on('error', () => undefined);
    udp.on('message', (message, sender) => {
      const answer = respond(view(), message, 'udp');
      if (answer !== null) udp.send(answer, sender.port, sender.address);
    });
    return {
      host,
      port,
      async close() {
        for (const socket of sockets) socket.destroy();
        await Promise.all([closeTcp(tcp), new Promise<void>((resolve) => udp.close(() => resolve()))]);
      },
    };
  }
}
