// One port that is free on every region's address: each region has an address of its own and the same port, so that DNS alone decides
// where a client goes.
import { createServer } from 'node:net';
import { closeServer, listen } from './proxy/listen.ts';

const TRIES = 50;
/** Below the range from which systems take ports for outgoing connections (32768 on Linux, 49152 on macOS), so none takes it between. */
const FIRST = 20_000;
const COUNT = 12_000;

export const REGION_ADDRESSES = ['127.0.0.11', '127.0.0.12', '127.0.0.13', '127.0.0.14', '127.0.0.15'] as const;

/** Whether the port is free there; throws where the machine does not have that address. */
async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await listen(server, host, port);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRNOTAVAIL') {
      throw new Error(`this machine does not have the loopback address ${host}; add it and start again: sudo ifconfig lo0 alias ${host} up`, { cause: error });
    }
    return false;
  }
  await closeServer(server);
  return true;
}

/** @param random in [0, 1) */
export async function freePort(hosts: readonly string[], random: () => number): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = FIRST + Math.floor(random() * COUNT);
    let isFreeEverywhere = true;
    for (const host of hosts) isFreeEverywhere = isFreeEverywhere && (await isFree(host, port));
    if (isFreeEverywhere) return port;
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free on ${hosts.join(', ')} after ${TRIES} tries`);
}
