// The client that people import: what `npx holdfast` does, as functions. Every change goes through the register, so it holds only
// if the value that stands allows it; a refusal has changed nothing.
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import { operatorFailover, pause, resume, type Maker, type Proposed } from '../core/failover/register-changes.ts';
import { executionName } from '../core/failover/runbook.ts';
import { majorityOf } from '../core/policy.ts';
import { reservedEpoch, type RegisterValue } from '../core/register/value.ts';
import { changeSurely } from './change-surely.ts';
import type { Connection } from './connection.ts';
import { concludeRows } from './group-register.ts';
import { groupStatus, pendingReading, type GroupStatus } from './group-status.ts';
import { readRegion, type ApprovalStatus } from './region-status.ts';

/** Who asks, and why: both are kept in the register. */
export type Asked = { readonly by: string; readonly reason: string };

export type FailoverAsked = { readonly from: string; readonly to: string; readonly epoch: number; readonly attempt: number; readonly execution: string };

export class HoldfastClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Reads every region, all at once; one that does not answer costs a second or two and is shown as unreachable. */
  async status(): Promise<GroupStatus> {
    return groupStatus(this.#connection.config, await this.#readings());
  }

  /** Revokes the lease in favour of `to`. Returns once that is certain; the runbook in `to` does the rest. @throws RefusedError, NoQuorumError */
  async failover(to: string, asked: Asked): Promise<FailoverAsked> {
    const { config, digest, clock } = this.#connection;
    requireTarget(config, to);
    const atMs = Math.max(0, Math.round(clock.nowMs()));
    const because = `${asked.by} asked for it: ${asked.reason}`;
    const maker: Maker = { by: asked.by, atMs, because, evidence: digest(JSON.stringify({ to, ...asked, atMs })), digest };
    const mine = (value: RegisterValue) => value.transitions.findLast((t) => t.on === 'operator-failover' && t.by === asked.by && t.atMs === atMs && t.because === because);
    let from = '';
    const value = await changeSurely(
      this.#connection,
      (current) => {
        from = current.holder;
        return refusalOfState(current) ?? operatorFailover(current, to, config, maker);
      },
      (current) => mine(current) !== undefined,
      'the failover',
    );
    const { epoch, attempt } = mine(value) ?? { epoch: reservedEpoch(value), attempt: value.attempt };
    return { from, to, epoch, attempt, execution: executionName(epoch, attempt) };
  }

  /** No transitions until `resume`; renewals go on, so that the active region stays active. */
  async pause(asked: Asked): Promise<void> {
    const atMs = Math.max(0, Math.round(this.#connection.clock.nowMs()));
    const isMine = (value: RegisterValue) => value.paused?.by === asked.by && value.paused.reason === asked.reason && value.paused.atMs === atMs;
    await changeSurely(this.#connection, (current) => pause(current, asked.by, asked.reason, atMs), isMine, 'the pause');
  }

  /** Also what starts a group after its first deployment. @returns what it was paused by */
  async resume(asked: { readonly by: string; readonly reason: string | undefined }): Promise<{ readonly wasPausedBy: string; readonly reason: string }> {
    const because = `resumed by ${asked.by}${asked.reason === undefined ? '' : `: ${asked.reason}`}`;
    let was = { wasPausedBy: '', reason: '' };
    const propose = (current: RegisterValue): Proposed => {
      const proposed = resume(current);
      if (proposed.kind === 'refuse') return proposed;
      was = { wasPausedBy: current.paused?.by ?? '', reason: current.paused?.reason ?? '' };
      return { kind: 'set', value: { ...proposed.value, because } };
    };
    await changeSurely(this.#connection, propose, (value) => value.paused === null && value.because === because && was.wasPausedBy !== '', 'the resumption');
    return was;
  }

  /** What waits for a person now, with what is known of the loss. @throws RefusedError when nothing does */
  async pendingApproval(): Promise<ApprovalStatus> {
    const { taskToken: _token, ...approval } = await this.#pending();
    return approval;
  }

  /** Answers exactly the approval that was shown. @throws RefusedError when another one, or none, waits by now */
  async answerApproval(shown: Pick<ApprovalStatus, 'region' | 'epoch' | 'attempt'>, answer: 'approve' | 'deny', asked: Asked): Promise<void> {
    const pending = await this.#pending();
    if (pending.region !== shown.region || pending.epoch !== shown.epoch || pending.attempt !== shown.attempt) {
      throw new RefusedError(
        `Epoch ${shown.epoch}, attempt ${shown.attempt} waits no more; ${executionName(pending.epoch, pending.attempt)} in ${pending.region} does. Look at its loss, then answer again. Nothing was answered.`,
      );
    }
    const region = this.#connection.regions.find((r) => r.region === pending.region);
    const atMs = Math.round(this.#connection.clock.nowMs());
    const outcome =
      answer === 'approve'
        ? await region?.approvals.approve(pending.taskToken, JSON.stringify({ ...asked, atMs }))
        : await region?.approvals.deny(pending.taskToken, `${asked.by} said no: ${asked.reason}`);
    if (outcome !== 'answered')
      throw new RefusedError(
        `The approval of ${executionName(pending.epoch, pending.attempt)} in ${pending.region} is over: it was answered before, or its time ran out. 'holdfast status' shows what came of it.`,
      );
  }

  async #readings() {
    return Promise.all(this.#connection.regions.map(async (region) => readRegion(this.#connection, region)));
  }

  async #pending() {
    const { config } = this.#connection;
    const readings = await this.#readings();
    const sighting = concludeRows(
      config,
      readings.flatMap((r) => r.acceptor ?? []),
    );
    if (sighting.kind !== 'chosen')
      throw new NoQuorumError(
        `The register cannot be read for certain (${sighting.because}), so nobody can say what would be approved. Try again when ${majorityOf(config)} regions answer. Nothing was answered.`,
      );
    const { value } = sighting;
    const pending = pendingReading(readings, value);
    if (pending !== null) return pending;
    const holder = readings.find((r) => r.status.region === value.holder);
    if (holder?.status.isReachable === false)
      throw new RefusedError(`${value.holder} does not answer (${holder.status.problems.join('; ')}): only there can its approval be given. Nothing was answered.`);
    throw new RefusedError(
      `Nothing waits for an approval: the state is '${value.state}', and the runbook of ${value.holder} is at ${holder?.status.runbook?.step ?? 'no step'}. Nothing was answered.`,
    );
  }
}

function requireTarget(config: Connection['config'], to: string): void {
  const voter = config.voters.find((v) => v.region === to);
  const candidates = config.voters.filter((v) => v.role === 'candidate').map((v) => v.region);
  if (voter === undefined) throw new RefusedError(`'${to}' is not a region of ${config.group}: it may be ${candidates.join(' or ')}. Nothing was changed.`);
  if (voter.role === 'witness') throw new RefusedError(`${to} is a witness: it votes and never becomes active. The target may be ${candidates.join(' or ')}. Nothing was changed.`);
}

/** A failover during one, in words; the register would refuse it all the same. */
function refusalOfState(current: RegisterValue): Proposed | undefined {
  const target = current.successor ?? current.holder;
  const name = executionName(reservedEpoch(current), current.attempt);
  if (current.state === 'failing-over' && current.paused === null)
    return { kind: 'refuse', because: `a failover to ${target} is under way (${name}): wait for it, 'holdfast status --watch' shows it` };
  return undefined;
}
