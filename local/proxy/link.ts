// The network from one region to another: a TCP proxy that can lose what goes one way or both, delay it, and heal. A partition is
// silence, not a refusal: connections stay open, what was sent waits (TCP would send it again), and all of it arrives after healing, also
// from a client that gave up long ago. That ghost is the hardest test of fencing that a network makes. A connection that is new during the
// cut is accepted, because nothing else can be done on loopback, and then hears nothing; if its client leaves, nothing of it ever arrives.
import { createServer, Socket } from 'node:net';
import { closeServer, listen } from './listen.ts';
import { Pipe } from './pipe.ts';

/** For a link from A to B: requests go from A to B, answers come back. */
export type LinkState = { readonly requestsLost: boolean; readonly answersLost: boolean; readonly delayMs: number };

export const HEALED: LinkState = { requestsLost: false, answersLost: false, delayMs: 0 };
export const CUT: LinkState = { requestsLost: true, answersLost: true, delayMs: 0 };

export type Target = { readonly host: string; readonly port: number };

export type Link = {
  readonly host: string;
  readonly port: number;
  state(): LinkState;
  set(state: LinkState): void;
  close(): Promise<void>;
};

type Connection = { pump(): void; destroy(): void };

function joinConnection(client: Socket, target: Target, state: () => LinkState, onGone: () => void): Connection {
  // Not connected yet; the pipes are there already, so that a client that leaves during a cut is noticed.
  const upstream = new Socket({ allowHalfOpen: true });
  upstream.setNoDelay(true);
  let phase: 'waiting' | 'connecting' | 'connected' = 'waiting';
  const delayMs = (): number => state().delayMs;
  const pipes = [
    new Pipe({ from: client, to: upstream, isOpen: () => phase === 'connected' && !state().requestsLost, delayMs }),
    new Pipe({ from: upstream, to: client, isOpen: () => !state().answersLost, delayMs }),
  ];

  function destroy(): void {
    for (const pipe of pipes) pipe.stop();
    client.destroy();
    upstream.destroy();
    onGone();
  }
  function pump(): void {
    if (phase === 'waiting' && !state().requestsLost) {
      phase = 'connecting';
      upstream.connect(target.port, target.host);
    }
    for (const pipe of pipes) pipe.pump();
  }

  upstream.on('connect', () => {
    phase = 'connected';
    pump();
  });
  client.on('end', () => {
    if (phase === 'waiting') destroy();
  });
  client.on('close', () => {
    if (phase === 'waiting' || upstream.destroyed) destroy();
  });
  upstream.on('close', () => {
    if (client.destroyed) destroy();
  });
  pump();
  return { pump, destroy };
}

/** Starts it on `port` of `host`; 0 takes a free one. */
export async function startLink(host: string, target: Target, wantedPort = 0): Promise<Link> {
  let state = HEALED;
  const connections = new Set<Connection>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const connection = joinConnection(
      client,
      target,
      () => state,
      () => connections.delete(connection),
    );
    connections.add(connection);
  });
  const port = await listen(server, host, wantedPort);
  return {
    host,
    port,
    state: () => state,
    set(next) {
      state = next;
      for (const connection of connections) connection.pump();
    },
    async close() {
      for (const connection of connections) connection.destroy();
      await closeServer(server);
    },
  };
}
