// What every operation of a region's governor is given: who it is, by which policy, and the ports.
import type { Policy } from '../core/policy.ts';
import type { Maker } from '../core/failover/register-changes.ts';
import type { ChangeStream } from '../ports/change-stream.ts';
import type { Chance, Clock, ClockSamples, Digest } from '../ports/environment.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { Notice, Notifier } from '../ports/notifier.ts';
import type { Register } from '../ports/register.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { RunbookStarter } from '../ports/runbook-starter.ts';
import type { ServiceProbe } from '../ports/service-probe.ts';
import type { Acceptor } from '../core/register/configuration.ts';
import { tablesRegister } from './tables-register.ts';
import type { RegisterVoters } from './voting-set.ts';

export type Governor = {
  readonly me: string;
  readonly policy: Policy;
  readonly own: RowStore;
  /** One a voter, in the policy's order, the own one included. */
  readonly voters: readonly RowStore[];
  /** An acceptor that the register names elsewhere than this deployment does. */
  readonly reach?: (acceptor: Acceptor) => RowStore | undefined;
  /** Where the register is not in the tables of the voters. */
  readonly register?: Register | undefined;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly digest: Digest;
  readonly clockSamples: ClockSamples;
  readonly probe: ServiceProbe;
  readonly runbook: RunbookStarter;
  readonly notifier: Notifier;
  /** This region's own service endpoint; null in a witness. */
  readonly serviceUrl: string | null;
  /** What the tick of a candidate needs to find where its log ends; where it is missing, a planned switch-over is handed back, and a lost epoch is never drained. */
  readonly handOver?: HandOverPorts;
};

export type HandOverPorts = {
  /** Of the data table in this region. */
  readonly stream: ChangeStream;
  /** The logs that this region keeps, its own among them. */
  readonly log: LogStore;
  /** The rows of another candidate: how far it has applied this region's log. */
  readonly rowsOf: (region: string) => Pick<RowStore, 'get'>;
};

type Proposer = Pick<Governor, 'me' | 'policy' | 'voters' | 'chance' | 'reach'>;

export function registerOf(governor: Proposer & Pick<Governor, 'register'>): Register {
  return governor.register ?? tablesRegister(votersOf(governor));
}

export function votersOf(governor: Proposer): RegisterVoters {
  return { group: governor.policy.group, configId: governor.policy.configId, region: governor.me, acceptors: governor.voters, chance: governor.chance, reach: governor.reach };
}

export function isCandidate(governor: Pick<Governor, 'me' | 'policy'>): boolean {
  return governor.policy.voters.some((v) => v.region === governor.me && v.role === 'candidate');
}

export function makerOf(governor: Governor, because: string, evidence: unknown): Maker {
  return { by: governor.me, atMs: Math.max(0, Math.round(governor.clock.nowMs())), because, evidence: governor.digest(JSON.stringify(evidence)), digest: governor.digest };
}

/** Tells people, and never fails because they could not be told. */
export async function tell(governor: Pick<Governor, 'notifier'>, notice: Notice): Promise<void> {
  try {
    await governor.notifier.notify(notice);
  } catch {
    // The notice is in the tick's own log line as well; recovery does not wait for a message.
  }
}

/** Time that passed inside this invocation: the holder counts the larger, a challenger the smaller (H5). */
export type Stopwatch = { readonly holderNowMs: () => number; readonly challengerNowMs: () => number };

export function startStopwatch(clock: Clock): Stopwatch {
  const wall = clock.nowMs();
  const monotonic = clock.monotonicMs();
  const elapsed = (pick: (a: number, b: number) => number) => wall + pick(clock.nowMs() - wall, clock.monotonicMs() - monotonic);
  return { holderNowMs: () => elapsed(Math.max), challengerNowMs: () => elapsed(Math.min) };
}
