// The invariants, judged after every change of a row. They say what *could* happen at this instant (a gate that read the row
// a moment ago, a write that is in flight), so that no sample has to hit it.
import type { FenceRow, LeaseRow } from '../../src/core/lease/lease-rows.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { Configuration } from '../../src/core/register/configuration.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Row, RowChange } from '../../src/core/rows/row.ts';
import type { ChangeAnswer } from '../../src/ports/row-store.ts';
import type { Product } from './product.ts';
import type { Invocation, Region } from './region.ts';
import { RegisterHistory, type Chosen } from './register-history.ts';
import type { World } from './world.ts';

type Gate = { row: LeaseRow; readonly couldUntilMs: number };
type Own = { gate: Gate; readonly fences: Map<string, FenceRow>; readonly openedEpochs: Set<number>; releasedEpoch: number; closedBelow: number; step: string };

export class Invariants {
  readonly register: RegisterHistory;
  clockAlarms = 0;
  writesAccepted = 0;
  gateAnswers = 0;
  newestAnswerAtMs = 0;
  readonly #world: World;
  readonly #product: Product;
  readonly #policy: Policy;
  readonly #own: Own[];
  #newestAnswer = { epoch: 0, region: '', atMs: 0 };
  /** What was chosen last, but for its renewal. */
  #told = '';
  /** Of those that were chosen, the one of the highest ballot. */
  #chosenBefore: Chosen | undefined;
  /** Told of each release of a planned switch-over. */
  handedOver: (value: RegisterValue) => void = () => undefined;
  /** Nobody has a reason to say that a holder fails (Plan.isHolderWell). */
  isHolderWell = false;
  /** Planned switch-overs, for the account of a history. */
  readonly switches = { asked: 0, released: 0, taken: 0, takenBack: 0 };
  /** Epochs in which some gate opened, for the account of a history. */
  readonly epochsOpened = new Set<number>();

  constructor(world: World, product: Product, policy: Policy, genesisText: string) {
    this.#world = world;
    this.#product = product;
    this.#policy = policy;
    this.#own = world.regions.map(() => ({
      gate: { row: product.leaseRows.firstLeaseRow, couldUntilMs: 0 },
      fences: new Map(Array.from({ length: policy.fenceShards }, (_, k) => [product.leaseRows.fenceKey(k).pk, product.leaseRows.firstFenceRow])),
      openedEpochs: new Set<number>(),
      releasedEpoch: 0,
      closedBelow: 0,
      step: 'no step yet',
    }));
    this.register = new RegisterHistory({
      genesis: `${'0'.repeat(16)}.genesis.${'0'.repeat(32)}`,
      genesisText,
      parse: product.registerValue.parseRegisterValue,
      violate: (invariant, what) => world.violate(invariant, what),
    });
  }

  /** A proposer was answered: its promises are what its value is built on. */
  answered(change: RowChange, answer: ChangeAnswer): void {
    const promised = change.set['promised'];
    if (change.key.table !== 'register' || typeof promised !== 'string' || 'acceptedBallot' in change.set) return;
    const accepted = answer.row?.['acceptedBallot'];
    const asked = change.when.find((c) => c.attribute === 'config');
    // An acceptor that votes in another set promised nothing.
    if (asked !== undefined && 'value' in asked && answer.row?.['config'] !== asked.value) return;
    if (typeof accepted === 'string' && (answer.kind === 'done' || answer.row?.['promised'] === promised)) this.register.promised(promised, accepted);
  }

  /** A change was carried out in `region`'s store; `row` is the row after it. */
  rowChanged(region: Region, change: RowChange, row: Row, by: Invocation, registerTable = region.registerTable): void {
    const { key } = change;
    if (by.isOverAlready && (key.table === 'fence' || key.pk === 'LEASE'))
      this.#world.violate('an old execution does nothing', `${by.kind} of an execution that was over before it began changed ${key.pk} of ${region.name}: ${JSON.stringify(change.set)}`);
    if (key.table === 'fence') {
      this.#fenceChanged(region, key.pk, this.#product.leaseRows.parseFenceRow(row), by);
      this.#sendsOn(region, key.pk, row);
    } else if (key.table === 'region' && key.pk === 'LEASE') this.#leaseChanged(region, this.#product.leaseRows.parseLeaseRow(row), by);
    else if (key.table === 'region' && key.pk === 'FAILOVER') this.#ownOf(region).step = `${row['step']} of epoch ${row['epoch']}`;
    else if (key.table === 'register') this.#acceptorChanged(`${region.name}/${registerTable}`, change, row, by);
  }

  #acceptorChanged(acceptor: string, change: RowChange, row: Row, by: Invocation): void {
    const { acceptedBallot, acceptedValue } = change.set;
    if (typeof acceptedBallot === 'string' && typeof acceptedValue === 'string') this.#isChosen(this.register.accepted(acceptor, acceptedBallot, acceptedValue), by);
    // Only where voters change does a row spell its set out.
    const { voters } = row;
    if (typeof voters !== 'string') return;
    const { id, acceptors }: Configuration = JSON.parse(voters);
    this.#isChosen(
      this.register.stands(
        acceptor,
        id,
        acceptors.map((a) => `${a.region}/${a.table}`),
        String(row['acceptedBallot']),
      ),
      by,
    );
  }

  #isChosen(chosen: Chosen | undefined, by: Invocation): void {
    if (chosen === undefined) return;
    const { value } = chosen;
    const before = this.#told;
    this.#told = `${value.state} ${value.holder} ${value.epoch} ${value.renewable} ${value.released} ${value.successor}`;
    this.#world.note(
      by.region,
      () =>
        `chosen: ${value.state}, ${value.holder} epoch ${value.epoch}${value.renewable ? '' : ` REVOKED → ${value.successor ?? 'nobody'} attempt ${value.attempt}`}${value.released ? ' RELEASED' : ''} …${value.renewal.slice(-4)} (${by.kind})`,
      before === this.#told,
    );
    if (value.released) this.#isReleased(value.holder, value.epoch);
    // An old ballot may get its last acceptance long after newer ones were chosen: it says nothing about what came after those.
    if (this.#chosenBefore !== undefined && chosen.ballot < this.#chosenBefore.ballot) return;
    let last = this.#chosenBefore?.value ?? value;
    for (const next of this.register.path(this.#chosenBefore?.ballot ?? chosen.ballot, chosen)) {
      this.#judgeSwitch(last, next);
      last = next;
    }
    this.#chosenBefore = chosen;
  }

  /** What a planned switch-over may do to the register, each value beside the one that it was built upon: a take-over that a minority held may be built upon as well. */
  #judgeSwitch(before: RegisterValue, value: RegisterValue): void {
    const { violate } = { violate: (invariant: string, what: string) => this.#world.violate(invariant, what) };
    if (value.planned === true && before.planned !== true) this.switches.asked += 1;
    if (value.planned === true && value.released && !before.released) {
      this.switches.released += 1;
      this.handedOver(value);
    }
    if (value.epoch !== before.epoch + 1) return;
    if (value.holder !== before.holder) {
      const isHandedOver = before.planned === true && before.released;
      if (isHandedOver) this.switches.taken += 1;
      if (value.regions[before.holder]?.reconciled !== (isHandedOver && before.regions[before.holder]?.reconciled))
        violate('only who handed over stays reconciled', `${value.holder} took epoch ${value.epoch} from ${before.holder}, which is ${isHandedOver ? 'not ' : ''}reconciled after it`);
      if (before.planned === true && !isHandedOver && this.isHolderWell)
        violate('a planned switch-over waits for its release', `${value.holder} took epoch ${value.epoch} from ${before.holder} by its clock, and nobody could say that it fails`);
    } else if (before.planned === true && before.successor !== before.holder && value.transitions.at(-1)?.on === 'handed-back') {
      this.switches.takenBack += 1;
      if (before.released) violate('what was released is not taken back', `${value.holder} took epoch ${before.epoch} back, which it had released to ${before.successor}`);
      const own = this.#world.regions.filter((r) => r.name === value.holder).map((r) => this.#ownOf(r))[0];
      const isClosed = own !== undefined && own.gate.row.closedEpoch >= before.epoch && [...own.fences.values()].every((f) => f.epoch === before.epoch && f.closedThroughMs >= 9e15);
      if (!isClosed)
        violate('taken back only once closed', `${value.holder} took epoch ${before.epoch} back, and some row of it was not closed for good: what was begun in it may open or write beside the next`);
    }
  }

  #ownOf(region: Region): Own {
    const own = this.#own[region.index];
    if (own === undefined) throw new RangeError(`There is no region ${region.index}.`);
    return own;
  }

  #isReleased(holder: string, epoch: number): void {
    const region = this.#world.regions.find((r) => r.name === holder);
    if (region === undefined) return;
    const own = this.#ownOf(region);
    own.releasedEpoch = Math.max(own.releasedEpoch, epoch);
    this.#checkFences(region, own);
  }

  /** The region says that it has closed everything older for good: from here on what it accepted is being collected. */
  closedBelow(region: Region, epoch: number): void {
    const own = this.#ownOf(region);
    own.closedBelow = Math.max(own.closedBelow, epoch);
    if (epoch > this.register.newest.value.epoch)
      this.#world.violate('only a chosen value closes for good', `${region.name} closed everything below epoch ${epoch}, but only ${this.register.newest.value.epoch} was ever chosen`);
    this.#checkFences(region, own);
  }

  /** The newest epoch in which the region's gate was opened: from there on a history went on without what came later. */
  openedEpoch(region: Region): number {
    return this.#ownOf(region).gate.row.openEpoch;
  }

  isClosedBelow(region: Region, epoch: number): boolean {
    return this.#ownOf(region).closedBelow >= epoch;
  }

  #fenceChanged(region: Region, pk: string, row: FenceRow, by: Invocation): void {
    const own = this.#ownOf(region);
    const before = own.fences.get(pk);
    own.fences.set(pk, row);
    const isOpen = this.#product.leaseRows.isFenceOpen(row);
    if (before === undefined || before.epoch !== row.epoch || this.#product.leaseRows.isFenceOpen(before) !== isOpen) {
      this.#world.note(region, () => `${pk} epoch ${row.epoch} ${isOpen ? 'OPEN' : row.closedThroughMs >= 9e15 ? 'closed for good' : 'closed'} (${by.kind})`);
    }
    if (isOpen && by.kind === 'OpenGate') own.openedEpochs.add(row.epoch);
    const wasOpen = before !== undefined && before.epoch === row.epoch && this.#product.leaseRows.isFenceOpen(before);
    if (isOpen && !wasOpen && by.kind === 'OpenGate') this.#requireCurrentStep(region, own, row.epoch, pk);
    if (isOpen && !own.openedEpochs.has(row.epoch))
      this.#world.violate('only OpenGate opens a fence', `${pk} of ${region.name} was opened in epoch ${row.epoch} by ${by.kind}: the log may still be applied there`);
    if (before !== undefined && row.epoch < before.epoch) this.#world.violate('row epochs only rise', `${pk} of ${region.name} went from epoch ${before.epoch} to ${row.epoch}`);
    this.#checkFences(region, own);
  }

  /** Whether the register said where an epoch begins that then never opened: others went by it meanwhile (docs/decisions/0020, What remains). */
  hasUnopenedBeginning(): boolean {
    const opened = new Set([...this.#own.values()].flatMap((own) => [...own.openedEpochs]));
    return [...this.register.chosenTexts].some((text) => {
      const { begun } = this.#product.registerValue.parseRegisterValue(text);
      return begun !== undefined && !opened.has(begun.epoch);
    });
  }

  /** Where the row sends clients on to, once the region itself serves them or before anybody else does. */
  #sendsOn(region: Region, pk: string, row: Row): void {
    const movedTo = String(row['movedTo'] ?? '');
    if (movedTo === '') return;
    const fence = this.#product.leaseRows.parseFenceRow(row);
    const { value } = this.register.newest;
    if (this.#product.leaseRows.isFenceOpen(fence))
      this.#world.violate('clients are sent on to who serves', `${pk} of ${region.name} is open in epoch ${fence.epoch}, and sends clients on to ${movedTo}`);
    const isUnreleased = value.holder === region.name && value.epoch === fence.epoch && !value.released;
    if (isUnreleased) this.#world.violate('clients are sent on to who serves', `${pk} of ${region.name} sends clients on to ${movedTo} in epoch ${fence.epoch}, which is not released`);
  }

  /** Checking first and acting later is the bug (H8): the step's own write must have found its step current. */
  #requireCurrentStep(region: Region, own: Own, epoch: number, what: string): void {
    if (own.step !== `OpenGate of epoch ${epoch}`)
      this.#world.violate('only the current step writes', `${what} of ${region.name} was opened in epoch ${epoch} by an OpenGate while the runbook stands at ${own.step}`);
  }

  #checkFences(region: Region, own: Own): void {
    for (const [pk, row] of own.fences) {
      if (!this.#product.leaseRows.isFenceOpen(row)) continue;
      if (row.epoch <= own.releasedEpoch)
        this.#world.violate('released means closed', `${pk} of ${region.name} is open in epoch ${row.epoch}, which was released: a write in flight would land after the log was shipped`);
      if (row.epoch < own.closedBelow)
        this.#world.violate(
          'closed for good stays closed',
          `${pk} of ${region.name} is open in epoch ${row.epoch} after everything below ${own.closedBelow} was closed for good: a write would miss the divergence report`,
        );
    }
  }

  #leaseChanged(region: Region, row: LeaseRow, by: Invocation): void {
    const own = this.#ownOf(region);
    const { row: before, couldUntilMs } = own.gate;
    const nowMs = this.#world.nowMs;
    const { gateCacheMs, effectMs } = this.#policy.timing;
    // Whoever read the row just before this change may go by it for the cache's time, and be heard `effect` later.
    const oldUntilMs = this.#couldActUntil(region, before);
    const couldStillMs = oldUntilMs === 0 ? 0 : Math.min(nowMs + gateCacheMs, oldUntilMs) + effectMs;
    own.gate = { row, couldUntilMs: Math.max(couldUntilMs, couldStillMs) };
    const isOpen = this.#product.leaseRows.isLeaseOpen(row);
    if (isOpen !== this.#product.leaseRows.isLeaseOpen(before) || row.epoch !== before.epoch)
      this.#world.note(
        region,
        () => `LEASE epoch ${row.epoch} ${isOpen ? 'OPEN' : 'shut'}, ${row.untilAtMs === 0 ? 'no deadline yet' : `${((region.trueAt(row.untilAtMs) - nowMs) / 1000).toFixed(1)} s left`} (${by.kind})`,
      );
    if (row.openEpoch > before.openEpoch) {
      if (!this.register.held.has(`${row.openEpoch} of ${region.name}`))
        this.#world.violate('who acts was chosen', `the gate of ${region.name} was opened in epoch ${row.openEpoch}, which the register never gave it`);
      if (by.kind === 'OpenGate') this.#requireCurrentStep(region, own, row.openEpoch, 'the lease row');
      else this.#world.violate('only OpenGate opens the gate', `the lease row of ${region.name} was opened in epoch ${row.openEpoch} by ${by.kind}: the log may still be applied there`);
    }
    if (row.epoch < before.epoch || row.openEpoch < before.openEpoch || row.closedEpoch < before.closedEpoch)
      this.#world.violate('row epochs only rise', `the lease row of ${region.name} went from ${JSON.stringify(before)} to ${JSON.stringify(row)}`);
    const { value } = this.register.newest;
    if (row.closedEpoch > before.closedEpoch && row.closedEpoch >= value.epoch && (value.renewable || row.closedEpoch > value.epoch)) {
      this.#world.violate(
        'only a chosen value closes for good',
        `the lease row of ${region.name} was closed for epoch ${row.closedEpoch}, while epoch ${value.epoch} of ${value.holder} is held and not revoked`,
      );
    }
    for (const [pk, fence] of own.fences) {
      if (fence.epoch < row.epoch)
        this.#world.violate(
          'fence rows before the lease row',
          `the lease row of ${region.name} carries epoch ${row.epoch} while ${pk} carries ${fence.epoch}: an old write could enter the surviving history`,
        );
    }
    if (this.#couldActUntil(region, row) <= nowMs) return;
    this.epochsOpened.add(row.epoch);
    for (const other of this.#world.regions) {
      if (other !== region && this.couldAnswerUntil(other) > nowMs) {
        this.#world.violate(
          'one region acts',
          `the gate of ${region.name} (epoch ${row.epoch}) and that of ${other.name} (epoch ${this.#ownOf(other).gate.row.epoch}) could both answer 200; ${other.name}'s for ${Math.round(this.couldAnswerUntil(other) - nowMs)} ms more`,
        );
      }
    }
  }

  /** True time until which some host of the region, its clock as wrong as allowed, holds this row for open; 0 if not at all. */
  #couldActUntil(region: Region, row: LeaseRow): number {
    return this.#product.leaseRows.isLeaseOpen(row) ? region.trueAt(row.untilAtMs + this.#policy.timing.clockSkewMs / 2) : 0;
  }

  couldAnswerUntil(region: Region): number {
    const { row, couldUntilMs } = this.#ownOf(region).gate;
    const untilMs = this.#couldActUntil(region, row);
    return Math.max(couldUntilMs, untilMs === 0 ? 0 : untilMs + this.#policy.timing.effectMs);
  }

  /** A gate's 200 left its region now. */
  answeredOk(region: Region, epoch: number): void {
    this.gateAnswers += 1;
    this.newestAnswerAtMs = this.#world.nowMs;
    const newest = this.#newestAnswer;
    if (epoch < newest.epoch) {
      this.#world.violate(
        'one region acts',
        `the gate of ${region.name} answered 200 in epoch ${epoch}, ${Math.round(this.#world.nowMs - newest.atMs)} ms after that of ${newest.region} had in epoch ${newest.epoch}`,
      );
    }
    if (epoch > newest.epoch) this.#newestAnswer = { epoch, region: region.name, atMs: this.#world.nowMs };
  }

  writeAccepted(region: Region, epoch: number): void {
    this.writesAccepted += 1;
    const own = this.#ownOf(region);
    if (epoch < own.gate.row.epoch) this.#world.violate('no write of an old epoch', `${region.name} accepted a write of epoch ${epoch} while its lease row carries ${own.gate.row.epoch}`);
    if (epoch <= own.releasedEpoch) this.#world.violate('no write of an old epoch', `${region.name} accepted a write of epoch ${epoch} after releasing ${own.releasedEpoch}`);
    if (epoch < own.closedBelow) this.#world.violate('no write of an old epoch', `${region.name} accepted a write of epoch ${epoch} after closing everything below ${own.closedBelow} for good`);
  }

  tickEnded(region: Region, calls: number, callsMax: number): void {
    if (calls > callsMax) this.#world.violate('constant work', `a tick of ${region.name} made ${calls} calls, more than ${callsMax}`);
  }

  isEveryFenceOpen(region: Region): boolean {
    const { row } = this.#ownOf(region).gate;
    return [...this.#ownOf(region).fences.values()].every((fence) => fence.epoch === row.epoch && this.#product.leaseRows.isFenceOpen(fence));
  }

  gateRow(region: Region): LeaseRow {
    return this.#ownOf(region).gate.row;
  }

  /** What the region goes by now, in words: the register as it saw it last, its lease row, its fence rows. */
  beliefs(region: Region): string[] {
    const nowMs = this.#world.nowMs;
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
    const look = region.store.snapshot().get('region|LOOK|#');
    const seen =
      look === undefined ? 'its rows are gone' : `sees epoch ${look['epoch']} …${String(look['renewal']).slice(-4)} for ${seconds(Math.max(0, region.wallAt(nowMs) - Number(look['sinceMs'])))} now`;
    if (!region.isCandidate || look === undefined) return [seen];
    const { row } = this.#ownOf(region).gate;
    const leftMs = region.trueAt(row.untilAtMs) - nowMs;
    const isOpen = this.#product.leaseRows.isLeaseOpen(row);
    const fences = [...this.#ownOf(region).fences.values()].map((f) => `${f.epoch} ${this.#product.leaseRows.isFenceOpen(f) ? 'open' : 'closed'}`);
    return [seen, `gate ${row.epoch} ${isOpen && leftMs > 0 ? `open for ${seconds(leftMs)}` : isOpen ? 'past its deadline' : 'shut'}`, `fence ${[...new Set(fences)].join(' and ')}`];
  }
}
