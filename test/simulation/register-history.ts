// What was ever chosen in the register, reconstructed from what the acceptors accepted: the order that every answer must fit.
import type { RegisterValue } from '../../src/core/register/value.ts';
import { lostFields } from './newer-version.ts';

/** `members`: the acceptors of the voter set under which it was proposed, as its value says. */
type Proposal = { readonly text: string; readonly members: readonly string[]; acceptors: number; parent: string | undefined; isChosen: boolean };
export type Chosen = { readonly ballot: string; readonly value: RegisterValue };

export class RegisterHistory {
  readonly #genesis: string;
  readonly #parse: (json: string) => RegisterValue;
  readonly #violate: (invariant: string, what: string) => void;
  readonly #proposals = new Map<string, Proposal>();
  /** The accepted ballots in the promises that a proposer was given, in the order in which it got them. */
  readonly #promises = new Map<string, string[]>();
  readonly #standing = new Map<string, { readonly config: string; readonly ballot: string }>();
  /** By ballot, ascending. */
  readonly chosen: Chosen[] = [];
  readonly chosenTexts = new Set<string>();
  /** Who ever held which epoch, as `epoch of region`. */
  readonly held = new Set<string>();

  constructor(options: { genesis: string; genesisText: string; parse: (json: string) => RegisterValue; violate: (invariant: string, what: string) => void }) {
    this.#genesis = options.genesis;
    this.#parse = options.parse;
    this.#violate = options.violate;
    this.chosen.push({ ballot: options.genesis, value: options.parse(options.genesisText) });
    this.chosenTexts.add(options.genesisText);
    this.#holds(options.parse(options.genesisText));
  }

  get newest(): Chosen {
    const last = this.chosen.at(-1);
    if (last === undefined) throw new RangeError('The genesis value is always there.');
    return last;
  }

  #holds(value: RegisterValue): void {
    this.held.add(`${value.epoch} of ${value.holder}`);
  }

  promised(ballot: string, acceptedBallot: string): void {
    const promises = this.#promises.get(ballot) ?? [];
    promises.push(acceptedBallot);
    this.#promises.set(ballot, promises);
  }

  /** What was proposed under this ballot, as far as some acceptor has accepted it. */
  textOf(ballot: string): string | undefined {
    return this.#proposals.get(ballot)?.text;
  }

  /** What was built upon what between two chosen values, the latter included; most of it no majority ever held. */
  path(after: string, { ballot, value }: Chosen): RegisterValue[] {
    const values = [value];
    for (let at = this.#proposals.get(ballot)?.parent; at !== undefined && at > after; at = this.#proposals.get(at)?.parent) {
      const text = this.#proposals.get(at)?.text;
      if (text !== undefined) values.unshift(this.#parse(text));
    }
    return values;
  }

  /** @param acceptor region/table. @returns the value, when this acceptance made it chosen. */
  accepted(acceptor: string, ballot: string, text: string): Chosen | undefined {
    const known = this.#proposals.get(ballot);
    const proposal = known ?? this.#propose(ballot, text);
    if (known === undefined) this.#proposals.set(ballot, proposal);
    if (proposal.text !== text) this.#violate('one value a ballot', `ballot ${ballot} carries two values: ${difference(proposal.text, text)}`);
    // Who was given a chosen value to begin with does not vote in the set that chose it.
    const index = proposal.members.indexOf(acceptor);
    if (index >= 0) proposal.acceptors |= 1 << index;
    if (proposal.isChosen || bits(proposal.acceptors) < majorityOf(proposal.members)) return undefined;
    return this.#choose(ballot, proposal);
  }

  #choose(ballot: string, proposal: Proposal): Chosen {
    proposal.isChosen = true;
    const chosen = { ballot, value: this.#parse(proposal.text) };
    this.chosenTexts.add(proposal.text);
    this.#holds(chosen.value);
    this.#place(chosen);
    return chosen;
  }

  /**
   * An acceptor's row is now this. Acceptors that stand in one set of voters and hold one ballot, at a majority of that set, have
   * chosen it, also where they accepted it in the set before: nobody can pass them by any more.
   */
  stands(acceptor: string, config: string, members: readonly string[], ballot: string): Chosen | undefined {
    this.#standing.set(acceptor, { config, ballot });
    const proposal = this.#proposals.get(ballot);
    if (proposal === undefined || proposal.isChosen) return undefined;
    const count = members.filter((m) => this.#standing.get(m)?.config === config && this.#standing.get(m)?.ballot === ballot).length;
    return count < majorityOf(members) ? undefined : this.#choose(ballot, proposal);
  }

  #propose(ballot: string, text: string): Proposal {
    const members = this.#parse(text).config.acceptors.map((a) => `${a.region}/${a.table}`);
    const used = this.#promises.get(ballot)?.slice(0, majorityOf(members)) ?? [];
    this.#promises.delete(ballot);
    const parent = used.length < majorityOf(members) ? undefined : used.reduce((a, b) => (b > a ? b : a));
    return { text, members, acceptors: 0, parent, isChosen: false };
  }

  #place(chosen: Chosen): void {
    let index = this.chosen.length;
    while (index > 0 && (this.chosen[index - 1]?.ballot ?? '') > chosen.ballot) index -= 1;
    this.chosen.splice(index, 0, chosen);
    const before = this.chosen[index - 1];
    const after = this.chosen[index + 1];
    if (before !== undefined) this.#check(before, chosen);
    if (after !== undefined) this.#check(chosen, after);
  }

  #check(before: Chosen, after: Chosen): void {
    let at: string | undefined = after.ballot;
    do at = this.#proposals.get(at)?.parent;
    while (at !== undefined && at > before.ballot);
    if (at !== before.ballot)
      this.#violate(
        'the chosen values are a chain',
        `${after.ballot} was chosen without building on ${before.ballot}, chosen before it (it builds on ${at ?? 'nothing known'}, genesis ${this.#genesis})`,
      );
    const wrong = notFollowing(before.value, after.value);
    const lost = lostFields(before.value, after.value);
    if (lost !== undefined) this.#violate('unknown fields are kept', `${lost}, written by a later version, was lost: ${before.ballot} → ${after.ballot}`);
    if (wrong !== undefined) this.#violate('epochs only rise', `${wrong}: ${before.ballot} → ${after.ballot}`);
  }
}

function notFollowing(a: RegisterValue, b: RegisterValue): string | undefined {
  if (b.epoch < a.epoch || b.epoch > a.epoch + 1) return `epoch ${a.epoch} was followed by ${b.epoch}`;
  if (b.epoch > a.epoch) return undefined;
  if (b.holder !== a.holder) return `epoch ${a.epoch} changed hands from ${a.holder} to ${b.holder}`;
  if (!a.renewable && b.renewable) return `epoch ${a.epoch} became renewable again`;
  if (a.released && !b.released) return `epoch ${a.epoch} was released and is no longer`;
  return undefined;
}

function majorityOf(members: readonly string[]): number {
  return Math.floor(members.length / 2) + 1;
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

function difference(a: string, b: string): string {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i += 1;
  return `…${a.slice(Math.max(0, i - 30), i + 50)}… and …${b.slice(Math.max(0, i - 30), i + 50)}…`;
}
