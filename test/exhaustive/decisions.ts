// Every decision over a small alphabet of views: what the regions of a group may be told by one value of the register, whatever each
// of them sees. Clocks stand at the limit − 1, the limit, the limit + 1, at another renewal, and in the future.
import { decide, type Decision, type View } from '../../src/core/failover/decide.ts';
import { declareLapse, healthChanged, nextAttempt, revoke, type Maker, type Proposed } from '../../src/core/failover/register-changes.ts';
import type { CandidateVerdict, Judgement } from '../../src/core/health/verdict.ts';
import type { Look } from '../../src/core/lease/look.ts';
import { attemptLimitMs, takeOverAfterMs, type Policy } from '../../src/core/policy.ts';
import { genesisBallot } from '../../src/core/register/ballot.ts';
import { genesisValue } from '../../src/core/register/genesis.ts';
import { reservedEpoch, type GroupState, type RegisterValue } from '../../src/core/register/value.ts';
import { policyOf } from './scenario.ts';

export const policy: Policy = policyOf(1);
const nowMs = 1e9;
const states: readonly GroupState[] = ['normal', 'degraded', 'failing-over', 'recovery', 'failed'];
const regions = ['east', 'west'] as const;
const everybody = ['east', 'west', 'north'] as const;
const booleans = [true, false] as const;
const maker: Maker = { by: 'a region', atMs: 1, because: 'a test', evidence: '', digest: () => '' };

type Intent = { readonly me: string; readonly decision: Exclude<Decision, { kind: 'nothing' | 'look-again' }> };
export type Told = { readonly views: number; readonly intents: number; readonly kinds: ReadonlySet<string>; readonly wrong: readonly string[] };

/** Well-formed values: not renewable is the same as having a successor. */
export function* values(): Generator<RegisterValue> {
  const first = genesisValue(policy, 'east');
  for (const state of states)
    for (const holder of regions)
      for (const epoch of [1, 2])
        for (const successor of [null, ...regions])
          for (const released of successor === null ? [false] : booleans)
            for (const [attempt, attemptsSpent] of [
              [1, 1],
              [2, policy.policy.attemptsMax],
            ] as const)
              for (const paused of [null, { by: 'a person', reason: 'a look', atMs: 1 }])
                for (const east of booleans)
                  for (const west of booleans)
                    yield {
                      ...first,
                      state,
                      holder,
                      epoch,
                      successor,
                      renewable: successor === null,
                      released,
                      attempt,
                      attemptsSpent,
                      paused,
                      regions: { east: { reconciled: east }, west: { reconciled: west } },
                    };
}

function* looks(value: RegisterValue): Generator<Look> {
  const dueMs = takeOverAfterMs(policy.timing);
  const limitMs = attemptLimitMs(policy);
  const around = (ms: number) => [nowMs - ms + 1, nowMs - ms, nowMs - ms - 1, nowMs + 1];
  const base = { version: 1, ballot: genesisBallot, epoch: value.epoch, renewal: value.renewal, attemptEpoch: reservedEpoch(value), attempt: value.attempt };
  for (const sinceMs of around(dueMs))
    for (const attemptSinceMs of around(limitMs)) {
      yield { ...base, sinceMs, attemptSinceMs };
    }
  yield { ...base, renewal: 'another', attempt: value.attempt + 1, sinceMs: 0, attemptSinceMs: 0 };
}

const judged = (kind: Judgement['kind']): Judgement => ({ kind, because: kind });

function* verdicts(): Generator<readonly CandidateVerdict[]> {
  const one = regions.map((region) =>
    (['healthy', 'failing', 'unknown'] as const).flatMap((liveness) =>
      (['healthy', 'failing'] as const).map((readiness) => ({
        region,
        liveness: judged(liveness),
        readiness: judged(readiness),
        failingAt: liveness === 'failing' || readiness === 'failing' ? everybody : [],
        steadyAt: liveness === 'healthy' && readiness === 'healthy' ? everybody : [],
        health: liveness === 'failing' ? 0.01 : 0.9,
        latencyMs: 1,
        dataAgeMs: 0,
        priority: null,
      })),
    ),
  );
  for (const east of one[0] ?? []) for (const west of one[1] ?? []) yield [east, west];
}

export function proposalOf({ me, decision }: Intent, current: RegisterValue, seen: RegisterValue): Proposed {
  switch (decision.kind) {
    case 'declare-lapse':
      return declareLapse(current, seen, decision.target, maker);
    case 'revoke':
      return revoke(current, seen, 'region-sick', decision.target, maker);
    case 'next-attempt':
      return nextAttempt(current, seen, me, policy.policy.attemptsMax, maker);
    case 'health-dropped':
    case 'health-restored':
      return healthChanged(current, decision.kind, maker);
  }
}

export function decideAll(): Told {
  const told = { views: 0, intents: 0, kinds: new Set<string>(), wrong: new Set<string>() };
  const seenVerdicts = [...verdicts()];
  for (const value of values()) {
    const intents = new Map<string, Intent>();
    for (const look of looks(value)) {
      for (const of of seenVerdicts) {
        for (const me of everybody) {
          told.views += 1;
          const view: View = {
            me,
            nowMs,
            look,
            verdicts: of,
            clock: { kind: 'agree', because: '' },
            sighting: { kind: 'chosen', value, ballot: genesisBallot, highestPromise: genesisBallot, because: '' },
          };
          const decision = decide(view, policy);
          if (decision.kind === 'nothing' || decision.kind === 'look-again') continue;
          told.intents += 1;
          told.kinds.add(decision.kind);
          const wrong = wrongWith({ me, decision }, view, value);
          if (wrong !== undefined) told.wrong.add(wrong);
          intents.set(`${me} ${decision.kind} ${'target' in decision ? decision.target : ''}`, { me, decision });
        }
      }
    }
    for (const wrong of clashes(value, [...intents.values()])) told.wrong.add(wrong);
  }
  return { ...told, wrong: [...told.wrong] };
}

/** Why this intent should not have been, from what the view says alone. */
function wrongWith({ me, decision }: Intent, view: View, value: RegisterValue): string | undefined {
  const what = `${decision.kind} in state ${value.state} (${value.renewable ? 'renewable' : 'revoked'})`;
  if (value.paused !== null) return `${what}, although the group is paused`;
  if (proposalOf({ me, decision }, value, value).kind !== 'set') return `${what} is refused by the very value that it was decided on`;
  if ('target' in decision) {
    const verdict = view.verdicts.find((v) => v.region === decision.target);
    if (verdict === undefined || decision.target === value.holder) return `${what}: ${decision.target} may not be the target`;
    if (value.regions[decision.target]?.reconciled !== true || verdict.liveness.kind !== 'healthy' || verdict.readiness.kind === 'failing') return `${what}: the target is not fit`;
  }
  const { look } = view;
  const isOfRenewal = look.renewal === value.renewal && look.sinceMs <= nowMs;
  if (decision.kind === 'declare-lapse' && (me === value.holder || !value.renewable || !isOfRenewal || nowMs - look.sinceMs < takeOverAfterMs(policy.timing))) return `${what} before D + ε`;
  const isOfAttempt = look.attempt === value.attempt && look.attemptSinceMs <= nowMs;
  if (decision.kind === 'next-attempt' && (me === 'north' || !isOfAttempt || nowMs - look.attemptSinceMs < attemptLimitMs(policy))) return `${what} before 2(D + ε), or by a witness`;
  const holder = view.verdicts.find((v) => v.region === value.holder);
  if (decision.kind === 'revoke' && (!value.renewable || (holder?.liveness.kind !== 'failing' && holder?.readiness.kind !== 'failing'))) return `${what} of a holder that nobody sees fail`;
  return undefined;
}

/** Two regions that decided on one value: whoever's change comes second must be refused, so that one (epoch, attempt) has one target. */
function* clashes(value: RegisterValue, intents: readonly Intent[]): Generator<string> {
  const reserving = intents.filter(({ decision }) => decision.kind === 'declare-lapse' || decision.kind === 'revoke' || decision.kind === 'next-attempt');
  for (const first of reserving) {
    const changed = proposalOf(first, value, value);
    if (changed.kind !== 'set') continue;
    for (const second of reserving) {
      const again = proposalOf(second, changed.value, value);
      if (again.kind === 'set')
        yield `after ${first.decision.kind} for (${reservedEpoch(changed.value)}, ${changed.value.attempt}) by ${first.me}, ${second.decision.kind} by ${second.me}, decided on the value before, is carried out too: (${reservedEpoch(again.value)}, ${again.value.attempt})`;
    }
  }
}
