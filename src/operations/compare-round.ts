// CompareSites: the hourly comparison in the open region; what differs is written down for the scrub and for status, and told once.
import { compared, compareKey, parseCompareRow } from '../core/integrity/integrity-rows.ts';
import { isActingAt, leaseKey, parseLeaseRow } from '../core/lease/lease-rows.ts';
import { compareSites, type Comparison } from './compare-sites.ts';
import { fromEach, told, type IntegrityPorts } from './integrity-ports.ts';

/** Differences that a message names; the row has more. */
const namedMax = 10;

export type CompareRun = { readonly acts: false; readonly because: string } | ({ readonly acts: true; readonly because: string } & Comparison);

export async function compareRound(ports: IntegrityPorts): Promise<CompareRun> {
  const { own, clock, me, sites } = ports;
  const startedAtMs = Math.round(clock.nowMs());
  if (!isActingAt(parseLeaseRow(await own.get(leaseKey)), startedAtMs)) return { acts: false, because: `${me} is not open: the open region compares the sites` };
  const before = (await fromEach(ports, async (from) => parseCompareRow(await from.get(compareKey)))).reduce(
    (newest, row) => (row !== null && (newest === null || row.atMs > newest.atMs) ? row : newest),
    null,
  );
  const comparison = await compareSites(sites.sites, ports.sha256);
  const { objects, differences, count, silent } = comparison;
  const known = new Set(before === null || before.isUntold ? [] : before.differences.map(({ name, because }) => `${name} ${because}`));
  const news = differences.filter(({ name, because }) => !known.has(`${name} ${because}`));
  const isTold =
    news.length === 0 ||
    (await tell(
      ports,
      news.map(({ name, because }) => `${name}: ${because}`),
      count,
    ));
  const atMs = Math.round(clock.nowMs());
  await own.change(compared({ atMs, objects, silent: silent.map(({ site }) => site), differences, count, region: me, isUntold: !isTold }));
  return { acts: true, because: `${me} is open`, ...comparison };
}

async function tell(ports: IntegrityPorts, news: readonly string[], count: number): Promise<boolean> {
  const more = count > namedMax ? [`${count} in all: 'holdfast status --json' names the first`] : [];
  return told(ports, {
    severity: 'warning',
    subject: `${ports.settings.group}: the sites of the vault differ in ${count} objects`,
    text: [...news.slice(0, namedMax), ...more, 'The next step of the scrub brings each site what another has whole. docs/runbooks/integrity.md (Sites differ) says when that is not enough.'].join(
      '\n',
    ),
  });
}
