// `holdfast divergence` as functions: what a region that returned had written and nobody else had, what is decided about it, and the sign-off that
// makes the region eligible again. Decisions are written where the group is open.
import { divergencePk, originPrefix, parseDivergenceRow, type Decision, type DivergentKey, type DivergentWrite } from '../core/divergence/divergence-rows.ts';
import type { DivergenceRule } from '../core/divergence/rules.ts';
import { whyNotClosed } from '../core/divergence/sign-off.ts';
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import { signOff, type Maker } from '../core/failover/register-changes.ts';
import { fenceKey, leaseKey, parseFenceRow, parseLeaseRow } from '../core/lease/lease-rows.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { mapAtOnce } from '../operations/at-once.ts';
import { collectElsewhere, collectKey, mergedKeys, type ListOfRegion, type MergedKey, type Unread } from '../operations/divergence-elsewhere.ts';
import { callsAtOnce } from '../operations/divergence-list.ts';
import {
  findDivergentKey,
  readDecision,
  resolveAll,
  resolveKey,
  undoDecision,
  viewDivergentKey,
  type DivergenceHome,
  type DivergentKeyView,
  type Resolved,
  type ResolvedAll,
} from '../operations/resolve-divergence.ts';
import { examineReturned, listDifferences, type Examined, type SignOffPorts } from '../operations/sign-off.ts';
import { changeSurely } from './change-surely.ts';
import type { Connection, RegionConnection } from './connection.ts';
import { groupRegister } from './group-register.ts';
import type { Asked } from './holdfast-client.ts';
import { describe, regionNowMs } from './region-status.ts';

export type DivergencePage = {
  /** Whose writes, and where they are listed. */
  readonly origin: string;
  readonly home: string;
  readonly isReconciled: boolean;
  /** `listedIn`: where its last late write is listed. */
  readonly keys: readonly ListedKey[];
  /** Lists that did not answer: what they alone have is missing. */
  readonly unread: readonly Unread[];
  /** From where the next page goes on; null: there is none. */
  readonly next: string | null;
};

export type ListedKey = DivergentKeyView & { readonly listedIn: string };

export type DivergenceHistory = {
  readonly view: DivergentKeyView;
  /** All late writes of the key, in their order: the last stands there. */
  readonly writes: readonly DivergentWrite[];
  readonly decisions: readonly Decision[];
};

export type SignedOff = Examined & { readonly region: string; readonly holder: string; readonly epoch: number; readonly isSignedOff: boolean };

type Place = { readonly origin: string; readonly value: RegisterValue; readonly holder: RegionConnection; readonly home: DivergenceHome; readonly others: readonly ListOfRegion[] };

const pageRows = 100;

export class DivergenceClient {
  readonly #connection: Connection;
  readonly #wait: (ms: number) => Promise<void>;

  constructor(connection: Connection, wait: (ms: number) => Promise<void>) {
    this.#connection = connection;
    this.#wait = wait;
  }

  /**
   * Every reachable candidate's list as one: late writes are listed in the region that found them.
   * @param origin whose writes; undefined: of the one region that is not reconciled. @param everything also what is decided
   */
  async list(origin: string | undefined, everything: boolean, keysMax: number, after: string | null = null): Promise<DivergencePage> {
    const { home, holder, others, ...place } = await this.#place(origin);
    const unread: Unread[] = [];
    const found: MergedKey[] = [];
    let next: string | null = null;
    for await (const merged of mergedKeys(listOf(holder), others, place.origin, after, (one) => unread.push(one))) {
      if (!everything && !merged.isOpen) continue;
      if (found.length === keysMax) {
        next = found.at(-1)?.sk ?? null;
        break;
      }
      found.push(merged);
    }
    const keys = await mapAtOnce(found, callsAtOnce, async ({ key, list }): Promise<ListedKey> => ({ ...(await viewDivergentKey(home, key, list.own)), listedIn: list.region }));
    return { origin: place.origin, home: home.region, isReconciled: place.value.regions[place.origin]?.reconciled === true, keys, unread, next };
  }

  /** Reads the whole report for the key's earlier writes. */
  async show(origin: string | undefined, key: string): Promise<DivergenceHistory> {
    const { home, origin: from } = await this.#decidable(await this.#place(origin), [key]);
    const found = await findDivergentKey(home, from, key);
    const writes: DivergentWrite[] = [];
    for (let after: string | null = null; ; ) {
      const page: Awaited<ReturnType<typeof home.pages.page>> = await home.pages.page(divergencePk, originPrefix(from), after, pageRows);
      writes.push(...page.rows.map(parseDivergenceRow).filter((write) => write.key === key));
      if (page.next === null) break;
      after = page.next;
    }
    const decisions = await Promise.all(Array.from({ length: found.turn }, async (_, i) => readDecision(home, { ...found, turn: i + 1 })));
    return { view: await viewDivergentKey(home, found), writes: writes.toSorted((a, b) => a.epoch - b.epoch || (a.sequenceNumber < b.sequenceNumber ? -1 : 1)), decisions };
  }

  /** @param rule the configuration's where it is left out. @param seen as `list` and `show` print it: refuses to decide upon anything else */
  async resolve(origin: string | undefined, keys: readonly string[], asked: Asked & { readonly rule?: DivergenceRule | undefined; readonly seen?: string | undefined }): Promise<Resolved[]> {
    const place = await this.#decidable(await this.#undecidable(origin), keys);
    const ruling = this.#ruling(asked);
    const found: DivergentKey[] = [];
    for (const key of keys) found.push(await findDivergentKey(place.home, place.origin, key));
    const resolved: Resolved[] = [];
    for (const key of found) resolved.push(await resolveKey(place.home, key, asked.seen === undefined ? ruling : { ...ruling, seen: asked.seen }));
    return resolved;
  }

  /** Every key that is not decided yet, in whichever list it is. Where it was cut off, it goes on when it is asked again. */
  async resolveAll(
    origin: string | undefined,
    asked: Asked & { readonly rule?: DivergenceRule | undefined },
    onPage?: (soFar: ResolvedAll) => void,
  ): Promise<ResolvedAll & { readonly unread: readonly Unread[] }> {
    const { home, others, origin: from } = await this.#undecidable(origin);
    const unread = await collectElsewhere(home, others, from);
    return { ...(await resolveAll(home, from, this.#ruling(asked), onPage)), unread };
  }

  async undo(origin: string | undefined, key: string, asked: Asked): Promise<Resolved> {
    const { home, origin: from } = await this.#undecidable(origin);
    return undoDecision(home, await findDivergentKey(home, from, key), asked);
  }

  /** What only another region lists of these keys is listed where it can be decided. A list that does not answer keeps no key from being decided; a sign-off waits for it. */
  async #decidable(place: Place, keys: readonly string[]): Promise<Place> {
    for (const key of keys) await collectKey(place.home, place.others, place.origin, key);
    return place;
  }

  /** Adds what differs though no log told of it. */
  async compare(origin: string | undefined): ReturnType<typeof listDifferences> {
    return listDifferences(this.#signOffPorts(await this.#undecidable(origin)));
  }

  /** Makes the region eligible, or says everything that is missing. @throws NoQuorumError, RefusedError */
  async signOff(origin: string | undefined, asked: Asked): Promise<SignedOff> {
    const place = await this.#undecidable(origin);
    const { value } = place;
    const examined = await examineReturned(this.#signOffPorts(place));
    const answer = { ...examined, region: place.origin, holder: value.holder, epoch: value.epoch };
    if (examined.missing.length > 0) return { ...answer, isSignedOff: false };
    await this.#signOff(
      place,
      `${asked.by} signed ${place.origin} off: ${asked.reason} (${examined.decidedKeys} divergent keys decided, ${examined.comparedItems} items compared with ${value.holder})`,
      asked.by,
    );
    return { ...answer, isSignedOff: true };
  }

  /**
   * Where the region that holds the lease is lost for good: nobody can be compared with, and to serve with what is there is the person's choice.
   * @throws RefusedError where that region answers, or the other may still accept writes
   */
  async signOffWithout(lost: string, origin: string | undefined, asked: Asked): Promise<SignedOff> {
    const place = await this.#undecidable(origin);
    const { value, holder } = place;
    if (lost !== value.holder) throw new RefusedError(`${lost} does not hold the lease, ${value.holder} does: only of that one it may be said that it is lost. Nothing was changed.`);
    const row = await holder.rows.get(leaseKey).catch((error: unknown) => describe(error));
    if (typeof row === 'object') throw new RefusedError(`${lost} answers: ${place.origin} is compared with it, or loses what it wrote. Sign off without --without. Nothing was changed.`);
    const returned = this.#region(place.origin);
    const [lease, ...fences] = await Promise.all([returned.rows.get(leaseKey), ...Array.from({ length: this.#connection.config.fenceShards }, async (_, k) => returned.rows.get(fenceKey(k)))]);
    const missing = whyNotClosed({ region: place.origin, epoch: value.epoch, lease: parseLeaseRow(lease), fences: fences.map((fence) => parseFenceRow(fence)) });
    const answer = { missing, decidedKeys: 0, comparedItems: null, region: place.origin, holder: value.holder, epoch: value.epoch };
    if (missing.length > 0) return { ...answer, isSignedOff: false };
    await this.#signOff(
      place,
      `${asked.by} signed ${place.origin} off WITHOUT ${lost}, which is lost (${row ?? 'its lease row is gone'}): ${asked.reason}. What ${lost} alone had is missing, what ${place.origin} alone had stands`,
      asked.by,
    );
    return { ...answer, isSignedOff: true };
  }

  async #signOff({ origin, value }: Place, because: string, by: string): Promise<void> {
    const { clock, digest } = this.#connection;
    const atMs = Math.max(0, Math.round(clock.nowMs()));
    const maker: Maker = { by, atMs, because, evidence: digest(JSON.stringify({ origin, because, atMs })), digest };
    const isMine = (current: RegisterValue) => current.transitions.some((t) => t.on === 'signed-off' && t.by === by && t.atMs === atMs && t.because === because);
    await changeSurely(this.#connection, (current) => signOff(current, { region: origin, holder: value.holder, epoch: value.epoch }, maker), isMine, `the sign-off of ${origin}`);
  }

  /** Decisions, and their undoing, are over once the region is signed off. */
  async #undecidable(origin: string | undefined): Promise<Place> {
    const place = await this.#place(origin);
    if (place.value.regions[place.origin]?.reconciled === true)
      throw new RefusedError(`${place.origin} is reconciled: what was decided is signed off, and a change from here on is a write of the service. Nothing was changed.`);
    if (place.origin === place.value.holder) throw new RefusedError(`${place.origin} holds the lease: it is the others that are reconciled with it. Nothing was changed.`);
    return place;
  }

  async #place(asked: string | undefined): Promise<Place> {
    const sighting = await groupRegister(this.#connection).look();
    if (sighting.kind !== 'chosen')
      throw new NoQuorumError(
        `The register cannot be read for certain (${sighting.because}), so nobody can say which region is open. Try again when a majority of regions answers. Nothing was changed.`,
      );
    const { value } = sighting;
    const origin = asked ?? onlyUnreconciled(value);
    if (value.regions[origin] === undefined) throw new RefusedError(`'${origin}' is not a candidate of ${value.group}: it may be ${Object.keys(value.regions).join(' or ')}. Nothing was changed.`);
    const holder = this.#region(value.holder);
    const others = this.#connection.regions.filter((r) => r.role === 'candidate' && r.region !== origin && r.region !== holder.region).map(listOf);
    return { origin, value, holder, home: this.#homeOf(holder), others };
  }

  #homeOf({ region, report, live, clockSamples }: RegionConnection): DivergenceHome {
    const { config, clock, digest } = this.#connection;
    return { region, own: report.rows, pages: report.pages, live, keyName: config.dataKey, nowMs: () => regionNowMs(clockSamples.recent(), clock.nowMs()), digest };
  }

  #signOffPorts({ origin, value, holder, home, others }: Place): SignOffPorts {
    const returned = this.#region(origin);
    return {
      home: { ...home, log: holder.report.log, table: holder.table },
      returned: { region: origin, own: returned.report.rows, log: returned.report.log, table: returned.table },
      others,
      fenceShards: this.#connection.config.fenceShards,
      epoch: value.epoch,
      begunEpoch: value.begun?.epoch,
      wait: this.#wait,
    };
  }

  #ruling({ rule, by, reason }: Asked & { readonly rule?: DivergenceRule | undefined }) {
    const { divergence } = this.#connection;
    return { by, reason, rule: rule ?? divergence.rule, merge: divergence.merge };
  }

  #region(name: string): RegionConnection {
    const found = this.#connection.regions.find((r) => r.region === name);
    if (found === undefined) throw new RefusedError(`The configuration has no region ${name}: list it again. Nothing was changed.`);
    return found;
  }
}

function listOf({ region, report }: RegionConnection): ListOfRegion {
  return { region, own: report.rows, pages: report.pages };
}

function onlyUnreconciled(value: RegisterValue): string {
  const open = Object.entries(value.regions).flatMap(([region, { reconciled }]) => (reconciled || region === value.holder ? [] : [region]));
  const [only, ...more] = open;
  if (only === undefined)
    throw new RefusedError('Every region is reconciled: nothing is divergent that was not signed off. With --region REGION you see what was decided about one. Nothing was changed.');
  if (more.length > 0) throw new RefusedError(`${open.join(' and ')} are not reconciled: say which by --region. Nothing was changed.`);
  return only;
}
