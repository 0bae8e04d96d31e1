// The invariants, judged at every state. What they need to remember beside the rows (what was chosen, until when a gate may still
// answer by a row that it read) is part of the state, so that no two different pasts are taken for one.
import type { FenceRow, LeaseRow } from '../../src/core/lease/lease-rows.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { Product } from '../simulation/product.ts';
import { Interned } from './interned.ts';
import { unitMs, wallBaseMs, type Actor } from './process-tree.ts';
import { phaseOf } from './quorum.ts';
import type { Changed, Stores } from './stores.ts';

/** `text`: the number of the value's text; `mask`: which acceptors accepted it, all of them once it is chosen. */
type Accepted = { readonly ballot: string; readonly text: number; readonly mask: number; readonly parent: string };
type Own = { readonly couldUntilMs: number; readonly opened: readonly number[]; readonly released: number; readonly closedBelow: number };
export type Past = {
  /** By ballot. */
  readonly accepted: readonly Accepted[];
  readonly own: readonly Own[];
  /** For each actor that says what it read: the newest chosen ballot as it began. */
  readonly since: Readonly<Record<number, string>>;
};
export type Broken = { readonly invariant: string; readonly what: string };
export type Judged = { readonly past: Past; readonly broken: Broken | undefined };

type Moment = { readonly time: number; readonly contents: readonly number[] };

export class Judge {
  readonly #product: Product;
  readonly #stores: Stores;
  readonly #policy: Policy;
  readonly #all: number;
  readonly #texts = new Interned<string>();
  readonly #votes = new Interned<Accepted>();
  readonly #pasts = new Interned<Past>();
  readonly #idsOfPasts = new WeakMap<Past, number>();
  readonly #values = new Map<number, RegisterValue>();

  constructor(product: Product, stores: Stores, policy: Policy) {
    this.#product = product;
    this.#stores = stores;
    this.#policy = policy;
    this.#all = 2 ** policy.voters.length - 1;
  }

  first(genesisBallot: string, genesisText: string): Past {
    return {
      accepted: [{ ballot: genesisBallot, text: this.#texts.idOf(genesisText, genesisText), mask: this.#all, parent: '' }],
      own: this.#policy.voters.map(() => ({ couldUntilMs: 0, opened: [], released: 0, closedBelow: 0 })),
      since: {},
    };
  }

  idOf(past: Past): number {
    const known = this.#idsOfPasts.get(past);
    if (known !== undefined) return known;
    const accepted = past.accepted.map((a) => this.#votes.idOf(a, `${a.ballot} ${a.text} ${a.mask} ${a.parent}`)).join();
    const own = past.own.map((o) => `${o.couldUntilMs} ${o.opened.join()} ${o.released} ${o.closedBelow}`).join(';');
    const since = Object.entries(past.since).join(';');
    const id = this.#pasts.idOf(past, `${accepted}|${own}|${since}`);
    this.#idsOfPasts.set(past, id);
    return id;
  }

  pastOf(id: number): Past {
    return this.#pasts.at(id);
  }

  valueOf(text: number): RegisterValue {
    const known = this.#values.get(text);
    if (known !== undefined) return known;
    const value = this.#product.registerValue.parseRegisterValue(this.#texts.at(text));
    this.#values.set(text, value);
    return value;
  }

  chosen(past: Past): Accepted[] {
    return past.accepted.filter((a) => a.mask === this.#all);
  }

  newest(past: Past): RegisterValue {
    return this.valueOf(this.chosen(past).at(-1)?.text ?? 0);
  }

  /** An operation that will say what it read begins. */
  began(past: Past, actor: number): Past {
    return { ...past, since: { ...past.since, [actor]: this.chosen(past).at(-1)?.ballot ?? '' } };
  }

  /** Time has passed: what may be forgotten is, and two gates may be open now that were not. */
  passed(past: Past, moment: Moment): Judged {
    const nowMs = moment.time * unitMs;
    const isPast = (o: Own) => o.couldUntilMs > 0 && o.couldUntilMs <= nowMs;
    const own = past.own.some(isPast) ? past.own.map((o) => (isPast(o) ? { ...o, couldUntilMs: 0 } : o)) : past.own;
    return { past: own === past.own ? past : { ...past, own }, broken: this.#twoActing(own, moment) };
  }

  /** @param leaseBefore of the region whose row was changed. */
  changed(past: Past, moment: Moment, region: number, change: Changed, leaseBefore: LeaseRow | undefined, actor: Actor, parent: string): Judged {
    const { table, pk } = change.change.key;
    if (table === 'register') return phaseOf({ kind: 'change', change: change.change }) === 'accept' ? this.#accepted(past, moment, region, change, actor, parent) : { past, broken: undefined };
    if (table === 'fence') return this.#fenceChanged(past, moment, region, this.#product.leaseRows.parseFenceRow(change.row), actor);
    if (pk === 'LEASE' && leaseBefore !== undefined) return this.#leaseChanged(past, moment, region, leaseBefore, this.#product.leaseRows.parseLeaseRow(change.row), actor);
    return { past, broken: undefined };
  }

  #accepted(past: Past, moment: Moment, region: number, { change }: Changed, actor: Actor, parent: string): Judged {
    const ballot = String(change.set['acceptedBallot']);
    const written = String(change.set['acceptedValue']);
    const text = this.#texts.idOf(written, written);
    const known = past.accepted.find((a) => a.ballot === ballot);
    if (known !== undefined && known.text !== text) return { past, broken: { invariant: 'one value a ballot', what: `ballot ${ballot} carries two values` } };
    const voted = (known?.mask ?? 0) | (1 << region);
    const isChosen = bits(voted) * 2 > this.#policy.voters.length;
    const entry: Accepted = { ballot, text, mask: isChosen ? this.#all : voted, parent: known?.parent ?? parent };
    const accepted = [...past.accepted.filter((a) => a.ballot !== ballot), entry].toSorted((a, b) => (a.ballot < b.ballot ? -1 : 1));
    const next = { ...past, accepted };
    const isSettling = past.accepted.some((a) => a.text === text);
    const value = this.valueOf(text);
    if (actor.epoch !== undefined && !isSettling && value.holder === this.#nameOf(actor.region) && value.epoch > actor.epoch)
      return { past: next, broken: { invariant: 'a runbook takes its own epoch', what: `${actor.name}, of epoch ${actor.epoch}, proposes epoch ${value.epoch}` } };
    if (!isChosen || known?.mask === this.#all) return { past: next, broken: undefined };
    const broken = this.#misplaced(next, entry);
    const holder = this.#policy.voters.findIndex((v) => v.region === value.holder);
    if (broken !== undefined || !value.released) return { past: next, broken };
    const own = next.own.map((o, i) => (i === holder ? { ...o, released: Math.max(o.released, value.epoch) } : o));
    return { past: { ...next, own }, broken: this.#openFences(own, moment, holder) };
  }

  #misplaced(past: Past, entry: Accepted): Broken | undefined {
    const chosen = this.chosen(past);
    const at = chosen.indexOf(entry);
    for (const [before, after] of [
      [chosen[at - 1], entry],
      [entry, chosen[at + 1]],
    ]) {
      if (before === undefined || after === undefined) continue;
      let ballot: string | undefined = after.ballot;
      do ballot = past.accepted.find((a) => a.ballot === ballot)?.parent;
      while (ballot !== undefined && ballot > before.ballot);
      if (ballot !== before.ballot) return { invariant: 'the chosen values are a chain', what: `${after.ballot} was chosen without building on ${before.ballot}, chosen before it` };
      const wrong = notFollowing(this.valueOf(before.text), this.valueOf(after.text));
      if (wrong !== undefined) return { invariant: 'the chosen values follow each other', what: `${wrong}: ${before.ballot} → ${after.ballot}` };
    }
    return undefined;
  }

  #fenceChanged(past: Past, moment: Moment, region: number, row: FenceRow, actor: Actor): Judged {
    const isOpen = this.#product.leaseRows.isFenceOpen(row);
    const name = this.#nameOf(region);
    const before = past.own[region];
    const own = past.own.map((o, i) => (i === region && isOpen && actor.kind === 'OpenGate' && !o.opened.includes(row.epoch) ? { ...o, opened: [...o.opened, row.epoch] } : o));
    const next = { ...past, own };
    if (isOpen && actor.kind !== 'OpenGate' && before?.opened.includes(row.epoch) !== true)
      return { past: next, broken: { invariant: 'only OpenGate opens a fence', what: `a fence row of ${name} was opened in epoch ${row.epoch} by ${actor.name}` } };
    if (row.closedThroughMs >= this.#product.leaseRows.closedForGood) {
      const value = this.newest(past);
      if (row.epoch > value.epoch || (row.epoch === value.epoch && value.renewable))
        return {
          past: next,
          broken: { invariant: 'only a chosen value closes for good', what: `a fence row of ${name} was closed for good in epoch ${row.epoch}, which ${value.holder} holds or may take` },
        };
    }
    return { past: next, broken: this.#openFences(own, moment, region) };
  }

  #openFences(owns: readonly Own[], moment: Moment, region: number): Broken | undefined {
    const own = owns[region];
    if (own === undefined || this.#policy.voters[region]?.role !== 'candidate') return undefined;
    const lease = this.lease(moment.contents, region);
    if (lease.epoch <= own.released && this.#openUntilMs(region, lease) > moment.time * unitMs)
      return { invariant: 'released means closed', what: `the gate of ${this.#nameOf(region)} is open in epoch ${lease.epoch}, which was released` };
    for (const row of this.fences(moment.contents, region)) {
      const where = `a fence row of ${this.#nameOf(region)} of epoch ${row.epoch}`;
      if (row.epoch < lease.epoch)
        return { invariant: 'fence rows before the lease row', what: `the lease row carries epoch ${lease.epoch} beside ${where}: an old write could enter the surviving history` };
      if (!this.#product.leaseRows.isFenceOpen(row)) continue;
      if (row.epoch <= own.released) return { invariant: 'released means closed', what: `${where} is open, which was released` };
      if (row.epoch < own.closedBelow) return { invariant: 'closed for good stays closed', what: `${where} is open after everything below ${own.closedBelow} was closed for good` };
    }
    return undefined;
  }

  #leaseChanged(past: Past, moment: Moment, region: number, before: LeaseRow, row: LeaseRow, actor: Actor): Judged {
    const nowMs = moment.time * unitMs;
    const { gateCacheMs, effectMs } = this.#policy.timing;
    const oldUntilMs = this.#openUntilMs(region, before);
    const couldStillMs = oldUntilMs <= nowMs ? 0 : Math.min(nowMs + gateCacheMs, oldUntilMs) + effectMs;
    const own = past.own.map((o, i) => (i === region ? { ...o, couldUntilMs: Math.max(o.couldUntilMs, couldStillMs) } : o));
    const next = { ...past, own };
    const name = this.#nameOf(region);
    if (row.epoch < before.epoch || row.openEpoch < before.openEpoch || row.closedEpoch < before.closedEpoch)
      return { past: next, broken: { invariant: 'row epochs only rise', what: `the lease row of ${name} went from ${JSON.stringify(before)} to ${JSON.stringify(row)}` } };
    if (row.openEpoch > before.openEpoch && actor.kind !== 'OpenGate')
      return { past: next, broken: { invariant: 'only OpenGate opens the gate', what: `the gate of ${name} was opened by ${actor.name}` } };
    const value = this.newest(past);
    if (row.closedEpoch > before.closedEpoch && (row.closedEpoch > value.epoch || (row.closedEpoch === value.epoch && value.renewable)))
      return {
        past: next,
        broken: { invariant: 'only a chosen value closes for good', what: `the lease row of ${name} was closed for epoch ${row.closedEpoch}, while epoch ${value.epoch} is held and not revoked` },
      };
    return { past: next, broken: this.#openFences(own, moment, region) ?? this.#twoActing(own, moment) };
  }

  /** True time until which a host of the region goes by this row as open; 0 if not at all. */
  #openUntilMs(region: number, row: LeaseRow): number {
    return this.#product.leaseRows.isLeaseOpen(row) ? row.untilAtMs - wallBaseMs(region) + this.#policy.timing.clockSkewMs / 2 : 0;
  }

  #twoActing(own: readonly Own[], moment: Moment): Broken | undefined {
    const nowMs = moment.time * unitMs;
    const candidates = this.#policy.voters.flatMap((v, i) => (v.role === 'candidate' ? [i] : []));
    const could = candidates.map((region) => {
      const openMs = this.#openUntilMs(region, this.lease(moment.contents, region));
      return { region, isActing: openMs > nowMs, untilMs: Math.max(own[region]?.couldUntilMs ?? 0, openMs === 0 ? 0 : openMs + this.#policy.timing.effectMs) };
    });
    const acting = could.find((c) => c.isActing);
    const other = could.find((c) => c.region !== acting?.region && c.untilMs > nowMs);
    if (acting === undefined || other === undefined) return undefined;
    return {
      invariant: 'one region acts',
      what: `the gates of ${this.#nameOf(acting.region)} and ${this.#nameOf(other.region)} could both answer 200, the latter for ${other.untilMs - nowMs} ms more`,
    };
  }

  /** An operation has ended and says something about the world. */
  ended(past: Past, moment: Moment, actor: Actor, index: number, outcome: { readonly label: string; readonly told?: string }): Judged {
    const below = /^closed below epoch (\d+)/.exec(outcome.label)?.[1];
    if (below !== undefined) {
      const own = past.own.map((o, i) => (i === actor.region ? { ...o, closedBelow: Math.max(o.closedBelow, Number(below)) } : o));
      return { past: { ...past, own }, broken: this.#openFences(own, moment, actor.region) };
    }
    const since = past.since[index];
    const next: Past = { ...past, since: Object.fromEntries(Object.entries(past.since).filter(([i]) => Number(i) !== index)) };
    if (outcome.told === undefined || since === undefined) return { past: next, broken: undefined };
    const told = this.#texts.idOf(outcome.told, outcome.told);
    if (this.chosen(past).some((c) => c.text === told && c.ballot >= since)) return { past: next, broken: undefined };
    return { past: next, broken: { invariant: 'answers fit what was chosen', what: `${actor.name} was answered with a value that was not chosen at any moment since it asked: ${outcome.label}` } };
  }

  lease(contents: readonly number[], region: number): LeaseRow {
    return this.#product.leaseRows.parseLeaseRow(this.#stores.row(contents[region] ?? 0, this.#product.leaseRows.leaseKey));
  }

  fences(contents: readonly number[], region: number): FenceRow[] {
    return Array.from({ length: this.#policy.fenceShards }, (_, k) => this.#product.leaseRows.parseFenceRow(this.#stores.row(contents[region] ?? 0, this.#product.leaseRows.fenceKey(k))));
  }

  #nameOf(region: number): string {
    return this.#policy.voters[region]?.region ?? '?';
  }
}

function notFollowing(a: RegisterValue, b: RegisterValue): string | undefined {
  if (b.epoch < a.epoch || b.epoch > a.epoch + 1) return `epoch ${a.epoch} was followed by ${b.epoch}`;
  if (b.epoch > a.epoch) return b.holder === a.successor ? undefined : `epoch ${b.epoch} was taken by ${b.holder}, which epoch ${a.epoch} does not name as its successor`;
  if (b.holder !== a.holder) return `epoch ${a.epoch} changed hands from ${a.holder} to ${b.holder}`;
  if (!a.renewable && b.renewable) return `epoch ${a.epoch} became renewable again`;
  if (!a.renewable && b.renewal !== a.renewal) return `epoch ${a.epoch} was renewed after its revocation`;
  if (a.released && !b.released) return `epoch ${a.epoch} was released and is no longer`;
  return undefined;
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
