// Every link between regions, and the faults that can be put on them by name. One ordered pair, one link: us-east-1 → us-west-2 may be cut
// while the way back is well.
import { CUT, HEALED, startLink, type Link, type LinkState, type Target } from './link.ts';

export type Network = {
  link(from: string, to: string): Link;
  /** Changes the links that match: null matches every region; never a region's link to itself, which does not exist. */
  change(match: { readonly from: string | null; readonly to: string | null }, next: (state: LinkState) => LinkState): number;
  /** A region reaches itself and its clients, but no other region. */
  isolate(region: string): void;
  heal(): void;
  close(): Promise<void>;
};

/** @param host where the links listen, a loopback address */
export async function startNetwork(host: string, regions: ReadonlyMap<string, Target>): Promise<Network> {
  const links = new Map<string, { readonly from: string; readonly to: string; readonly link: Link }>();
  for (const from of regions.keys()) {
    for (const [to, target] of regions) {
      if (from !== to) links.set(`${from}>${to}`, { from, to, link: await startLink(host, target) });
    }
  }
  const change: Network['change'] = (match, next) => {
    const matching = [...links.values()].filter(({ from, to }) => (match.from === null || match.from === from) && (match.to === null || match.to === to));
    for (const { link } of matching) link.set(next(link.state()));
    return matching.length;
  };
  return {
    link(from, to) {
      const found = links.get(`${from}>${to}`);
      if (found === undefined) throw new Error(`there is no link ${from} → ${to}; regions are ${[...regions.keys()].join(', ')}`);
      return found.link;
    },
    change,
    isolate(region) {
      change({ from: region, to: null }, () => CUT);
      change({ from: null, to: region }, () => CUT);
    },
    heal: () => void change({ from: null, to: null }, () => HEALED),
    async close() {
      await Promise.all([...links.values()].map(({ link }) => link.close()));
    },
  };
}
