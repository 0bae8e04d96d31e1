// A client that goes where a 307 sends it: the same request at the other address, a bounded number of times.
import type { BoundedHttpClient, Exchange, PlainRequest } from './bounded-http-client.ts';
import type { RegionsFile } from './regions-file.ts';

/** A service that sends its clients round in a circle must not keep them. */
export const HOPS_MAX = 3;

/** What the client can reach of a URL: what DNS and TLS would do for it. null: nothing. */
export type Follow = (location: string) => Pick<PlainRequest, 'address' | 'port' | 'host' | 'path'> | null;

/** The last answer, with the time at which the first request was sent. Of a circle, of too many hops, or of no room: the 307 itself, which says that nothing was done. */
export async function exchangeFollowing(client: BoundedHttpClient, request: PlainRequest, follow: Follow | undefined): Promise<Exchange> {
  const first = await client.exchange(request);
  const been = new Set([`${request.host}${request.path}`]);
  let last = first;
  for (let hops = 0; hops < HOPS_MAX && last.status === 307 && last.location !== undefined; hops += 1) {
    const next = follow?.(last.location) ?? null;
    if (next === null || been.has(`${next.host}${next.path}`) || !client.hasRoom(next.address, next.port)) return { ...last, sentAtMs: first.sentAtMs };
    been.add(`${next.host}${next.path}`);
    last = await client.exchange({ ...request, ...next });
  }
  return { ...last, sentAtMs: first.sentAtMs };
}

/** A region's own host names carry its name; its address is the one in regions.json. */
export function followToRegions(file: RegionsFile): Follow {
  const regions = Object.entries(file.regions).map(([name, { endpoint }]) => ({ name, endpoint: new URL(endpoint) }));
  return (location) => {
    if (!URL.canParse(location)) return null;
    const url = new URL(location);
    const found = regions.find(({ name }) => url.hostname.split('.').includes(name));
    return found === undefined ? null : { address: found.endpoint.hostname, port: Number(found.endpoint.port), host: url.host, path: `${url.pathname}${url.search}` };
  };
}
