// CheckSchedules: in every candidate region, open or not, what should have been made or done by now and was not. Absence is the only sign that a
// region which should have backed up is gone, or does nothing.
import { archiveKey, parseArchiveRow } from '../core/backup/backup-rows.ts';
import { overdue, toldAfter, toTell, type Expected, type Overdue } from '../core/integrity/overdue.ts';
import { compareKey, overdueChecked, overdueKey, parseCompareRow, parseOverdueRow } from '../core/integrity/integrity-rows.ts';
import { readSchedule, type Schedule } from '../core/integrity/schedule.ts';
import { parseScrubRow, scrubKey } from '../core/integrity/scrub-state.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { evidencePrefix, parseEvidenceName } from '../core/vault/object-names.ts';
import { openVault } from '../vault/vault.ts';
import { fromEach, told, type IntegrityPorts } from './integrity-ports.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** The hourly comparison may be late by this much: a failed run is tried again by the next hour's. */
const comparisonMarginMs = 90 * minuteMs;
/** A restore test of a large table takes hours. */
const restoreTestMarginMs = 6 * 60 * minuteMs;

export type SchedulesChecked = { readonly found: readonly Overdue[]; readonly told: readonly string[] };

export async function checkSchedules(ports: IntegrityPorts): Promise<SchedulesChecked> {
  const { own, clock, settings, me } = ports;
  const nowMs = Math.round(clock.nowMs());
  const rows = await fromEach(ports, async (from) => ({ region: from.region, row: parseOverdueRow(await from.get(overdueKey)) }));
  const mine = rows.find(({ region }) => region === own.region)?.row ?? null;
  // The longest that any region expects: a region that is deployed later does not forgive what was missed before.
  const sinceMs = Math.min(nowMs, ...rows.flatMap(({ row }) => (row === null ? [] : [row.sinceMs])));
  const found = overdue(await expectedOf(ports), sinceMs, nowMs);
  const news = toTell(
    found,
    rows.map(({ row }) => row?.told ?? {}),
    nowMs,
  );
  const isTold =
    news.length === 0 ||
    (await told(ports, {
      severity: 'critical',
      subject: `${settings.group}: overdue, seen from ${me}: ${news.map(({ what }) => what).join(', ')}`,
      text: `${news.map(({ because }) => because).join('; ')}. Nothing can be restored beyond what is there. docs/runbooks/integrity.md (Overdue) says what to do; 'holdfast status' shows who is open, 'holdfast backup --type full --wait' makes one now.`,
    }));
  // What could not be told is tried again in the next check.
  await own.change(overdueChecked({ sinceMs, found, told: toldAfter(found, isTold ? news : [], mine?.told ?? {}, nowMs), atMs: nowMs }));
  return { found, told: isTold ? news.map(({ what }) => what) : [] };
}

/** What there is, by the vault itself: only what is committed counts; of quiet minutes and of the checks the regions' rows tell. */
async function expectedOf(ports: IntegrityPorts): Promise<Expected[]> {
  const { settings } = ports;
  const { schedules, overdueAfterMinutes: after, source, scrubDays } = settings;
  const points = await pointsOf(ports);
  const newest = (...types: readonly string[]) => latest(points.filter((point) => point.isCommitted && types.includes(point.type)).map(({ atMs }) => atMs));
  const archived = await fromEach(ports, async (from) => parseArchiveRow(await from.get(archiveKey(source)))?.throughMs ?? null);
  const comparedAt = await fromEach(ports, async (from) => parseCompareRow(await from.get(compareKey))?.atMs ?? null);
  const rounds = await fromEach(ports, async (from) => parseScrubRow(await from.get(scrubKey))?.lastRound?.endedAtMs ?? null);
  return [
    { what: 'full backup', schedule: scheduleOf(schedules.full), marginMs: after.full * minuteMs, newestAtMs: newest('full') },
    // An incremental without a whole chain becomes a full, and where both are due the full is made.
    { what: 'incremental backup', schedule: scheduleOf(schedules.incremental), marginMs: after.incremental * minuteMs, newestAtMs: newest('full', 'incremental') },
    // As late as an incremental may be; a full has all that a differential would.
    ...(schedules.differential === undefined
      ? []
      : [{ what: 'differential backup', schedule: scheduleOf(schedules.differential), marginMs: after.incremental * minuteMs, newestAtMs: newest('full', 'differential') } as const]),
    { what: 'log archive', schedule: { kind: 'rate', everyMs: minuteMs }, marginMs: after.log * minuteMs, newestAtMs: latest([newest('log'), ...archived]) },
    { what: 'comparison of the sites', schedule: { kind: 'rate', everyMs: 60 * minuteMs }, marginMs: comparisonMarginMs, newestAtMs: latest(comparedAt) },
    // One that failed has told so itself; one that was killed, or never began, leaves no evidence.
    { what: 'restore test', schedule: scheduleOf(schedules.restoreTest), marginMs: restoreTestMarginMs, newestAtMs: await newestTest(ports) },
    { what: 'round of the scrub', schedule: { kind: 'rate', everyMs: scrubDays * dayMs }, marginMs: dayMs, newestAtMs: latest(rounds) },
  ];
}

async function newestTest({ sites }: IntegrityPorts): Promise<number | null> {
  const times: number[] = [];
  for await (const { name } of sites.list(evidencePrefix)) {
    const evidence = parseEvidenceName(name);
    if (evidence?.kind === 'restore-test') times.push(evidence.atMs);
  }
  return latest(times);
}

/** No vault yet is no backup yet. */
async function pointsOf({ sites, settings }: IntegrityPorts) {
  try {
    return await (await openVault(sites)).listPoints({ source: settings.source });
  } catch (error) {
    if (error instanceof Error && error.name === 'RefusedError') return [];
    throw error;
  }
}

function latest(times: readonly (number | null)[]): number | null {
  return times.reduce((newest, atMs) => (atMs !== null && (newest === null || atMs > newest) ? atMs : newest), null);
}

/** @throws InvalidConfigError; the configuration is refused with such a schedule, so that it never comes here. */
function scheduleOf(text: string): Schedule {
  const read = readSchedule(text);
  if (read.kind === 'refused') throw new InvalidConfigError(`vault.schedules: ${read.because}`);
  return read.schedule;
}
