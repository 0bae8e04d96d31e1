// Scrub: a step of the round on a schedule, in the open region: constant work, its place and what stands in a row, people told of what was found.
import { compareKey, parseCompareRow } from '../core/integrity/integrity-rows.ts';
import {
  advance,
  claimScrub,
  firstState,
  isBehind,
  parseScrubRow,
  scrubbed,
  scrubbedSoFar,
  scrubGivenUp,
  scrubKey,
  settleNames,
  type ScrubState,
  type Violation,
} from '../core/integrity/scrub-state.ts';
import { healthOf, shares, type Health } from '../core/integrity/shares.ts';
import { isActingAt, leaseKey, parseLeaseRow } from '../core/lease/lease-rows.ts';
import { time } from '../core/backup/moment.ts';
import { pointsPrefix } from '../core/vault/object-names.ts';
import type { DataKey } from '../vault/data-key.ts';
import { openVault, type Vault } from '../vault/vault.ts';
import { fromEach, told, type IntegrityPorts } from './integrity-ports.ts';
import { needingOf } from './lost-objects.ts';
import { scrubObject, scrubStep, type ScrubFinding } from './scrub.ts';

const dayMs = 86_400_000;
/** Findings that a message names; the row has more. */
const namedMax = 10;

export type ScrubTimes = {
  /** No further object is begun after so long. */
  readonly workMs: number;
  /** By then the function is over, whatever happens: another step may begin. */
  readonly endMs: number;
};

export type ScrubRun =
  | { readonly acts: false; readonly because: string }
  | { readonly acts: true; readonly because: string; readonly shares: number; readonly health: Health; readonly findings: number; readonly state: ScrubState };

export async function scrubRound(ports: IntegrityPorts, times: ScrubTimes): Promise<ScrubRun> {
  const { own, clock, me } = ports;
  const startedAtMs = Math.round(clock.nowMs());
  if (!isActingAt(parseLeaseRow(await own.get(leaseKey)), startedAtMs)) return { acts: false, because: `${me} is not open: the open region scrubs the vault` };
  const claimedUntilMs = startedAtMs + times.endMs;
  if ((await own.change(claimScrub(startedAtMs, claimedUntilMs))).kind === 'refused') return { acts: false, because: 'a step is under way' };
  try {
    return await takeSteps(ports, startedAtMs, startedAtMs + times.workMs, claimedUntilMs);
  } catch (error) {
    // What failed may be tried again at once.
    await own.change(scrubGivenUp(claimedUntilMs)).catch(() => undefined);
    throw error;
  }
}

async function takeSteps(ports: IntegrityPorts, startedAtMs: number, workUntilMs: number, claimedUntilMs: number): Promise<ScrubRun> {
  const { own, clock, me, settings } = ports;
  const states = await fromEach(ports, async (from) => parseScrubRow(await from.get(scrubKey)));
  // A region that opens goes on from where the last one was.
  const before = states.reduce((newest, state) => (state !== null && (newest === null || state.atMs > newest.atMs) ? state : newest), null);
  const vault = await openVault(ports.sites);
  const round = new Round(ports, vault, before ?? firstState(me, startedAtMs), workUntilMs);
  await round.compared();
  let done = 0;
  do {
    await round.step();
    done += 1;
    await own.change(scrubbedSoFar(round.state, claimedUntilMs));
  } while (round.mayGoOn() && isBehind(round.state, settings.scrubDays * dayMs, clock.nowMs()));
  // Where the step dies here, or nobody can be told, the next one tells of all that stands.
  const isTold = await tell(ports, before, round.state, round.findings);
  round.state = { ...round.state, isUntold: !isTold };
  await own.change(scrubbed(round.state, claimedUntilMs));
  return { acts: true, because: `${me} is open`, shares: done, health: healthOf(round.state.standingCount), findings: round.findings.length, state: round.state };
}

class Round {
  state: ScrubState;
  readonly findings: ScrubFinding[] = [];
  readonly #ports: IntegrityPorts;
  readonly #vault: Vault;
  readonly #untilMs: number;

  constructor(ports: IntegrityPorts, vault: Vault, state: ScrubState, untilMs: number) {
    this.#ports = ports;
    this.#vault = vault;
    this.state = state;
    this.#untilMs = untilMs;
  }

  mayGoOn(): boolean {
    return this.#ports.clock.nowMs() < this.#untilMs && this.state.after === '';
  }

  /** What the comparison of the sites found is not left until its turn. */
  async compared(): Promise<void> {
    const row = parseCompareRow(await this.#ports.own.get(compareKey));
    const names = (row?.differences ?? []).map(({ name }) => name);
    const looked: string[] = [];
    const findings: ScrubFinding[] = [];
    const keys = names.some((name) => name.startsWith(pointsPrefix)) ? await this.#keys() : [];
    for (const name of names) {
      if (this.#ports.clock.nowMs() >= this.#untilMs) break;
      findings.push(...(await scrubObject(this.#vault, name, { nowMs: this.#nowMs, keys })).findings);
      looked.push(name);
    }
    if (looked.length === 0) return;
    this.findings.push(...findings);
    this.state = settleNames(this.state, looked, await this.#result(findings), this.#ports.me, this.#nowMs());
  }

  async step(): Promise<void> {
    const { share, after } = this.state;
    const keys = shares[share] === pointsPrefix ? await this.#keys() : [];
    const step = await scrubStep(this.#vault, share, { nowMs: this.#nowMs, keys, after, untilMs: this.#untilMs });
    this.findings.push(...step.findings);
    const { resumeAfter, objects, bytes } = step;
    const silent = step.silent.map(({ site }) => site);
    this.state = advance(this.state, { share, resumeAfter, objects, bytes, silent, ...(await this.#result(step.findings)) }, this.#ports.me, this.#nowMs());
  }

  readonly #nowMs = () => Math.round(this.#ports.clock.nowMs());

  /** A key that does not open only means that of two manifests none is believed. */
  async #keys(): Promise<DataKey[]> {
    const ids = await this.#vault.keyIds();
    const opened = await Promise.allSettled(ids.map(async (id) => this.#vault.openKey(id, this.#ports.wrap)));
    return opened.flatMap((key) => (key.status === 'fulfilled' ? [key.value] : []));
  }

  async #result(findings: readonly ScrubFinding[]): Promise<{ readonly repaired: number; readonly violations: readonly Violation[] }> {
    const lost = [...new Set(findings.filter(({ outcome }) => outcome === 'lost').map(({ name }) => name))];
    const needing = lost.length === 0 ? undefined : await needingOf(this.#vault, lost);
    const violations = findings.flatMap(({ site, name, what, outcome, foundAtMs, because, note }): Violation[] => {
      if (outcome === 'repaired') return [];
      const { chains = [], points = 0 } = needing?.get(name) ?? {};
      const needed = outcome === 'lost' ? `; needed by ${points} points of ${chains.length === 0 ? 'no chain' : `chain ${chains.join(', ')}`}` : `; ${note}`;
      return [{ site, name, what, outcome, foundAtMs, because: `${because}${needed}`, chains: outcome === 'lost' ? chains : [] }];
    });
    return { repaired: findings.length - violations.length, violations };
  }
}

/** Once for each violation, and of each repair; the state knows what was told before. */
async function tell(ports: IntegrityPorts, before: ScrubState | null, after: ScrubState, findings: readonly ScrubFinding[]): Promise<boolean> {
  const { group } = ports.settings;
  const known = new Set((before === null || before.isUntold ? [] : before.standing).map(({ site, name, outcome }) => `${site} ${name} ${outcome}`));
  const news = after.standing.filter(({ site, name, outcome }) => !known.has(`${site} ${name} ${outcome}`));
  const repaired = findings.filter(({ outcome }) => outcome === 'repaired');
  if (news.length === 0 && repaired.length === 0) return true;
  const lost = news.filter(({ outcome }) => outcome === 'lost');
  const chains = [...new Set(lost.flatMap((violation) => violation.chains))];
  const health = healthOf(after.standingCount);
  return told(ports, {
    severity: lost.length > 0 || health === 'critical' ? 'critical' : 'warning',
    subject: `${group}: vault ${health}: ${lost.length} lost, ${news.length - lost.length} not repaired, ${repaired.length} repaired`,
    text: [
      ...listed(news.map(({ site, name, what, outcome, foundAtMs, because }) => `${time(foundAtMs)} ${name} in ${site}: ${what}, ${outcome} (${because})`)),
      ...listed(repaired.map(({ site, name, what, foundAtMs, from, because }) => `${time(foundAtMs)} ${name} in ${site}: ${what}, repaired from ${from ?? 'another site'} and read back (${because})`)),
      ...(chains.length === 0 ? [] : [`Not gone on with: chain ${chains.join(', ')}. The next backup begins a new one; 'holdfast backup --type full --wait' does it now.`]),
      'docs/runbooks/integrity.md (Damage) says what to do.',
    ].join('\n'),
  });
}

function listed(lines: readonly string[]): string[] {
  return lines.length <= namedMax ? [...lines] : [...lines.slice(0, namedMax), `and ${lines.length - namedMax} more: the row SCRUB of the region table has them`];
}
