// What may go on at once in a scenario: invocations of the real operations.
import type { Step } from '../../src/core/failover/runbook.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { Proposal } from '../../src/ports/register.ts';
import type { Product } from '../simulation/product.ts';
import type { Actor } from './process-tree.ts';

const genesis = `${'0'.repeat(16)}.genesis.${'0'.repeat(32)}`;

/** Who makes a transition, where nothing hangs on it. */
export const maker = { by: 'operator', atMs: 1, because: 'asked for', evidence: '', digest: () => '0'.repeat(64) };

type Options = Partial<Pick<Actor, 'after' | 'mayFreeze' | 'isMonotonicStanding' | 'offsetMs'>>;

/** A tick of the governor: it renews, repeats, releases or closes, and decides. */
export function ticks(name: string, region: number, options: Options = {}): Actor {
  return {
    name,
    kind: 'tick',
    region,
    ...options,
    run: async (governor, product) => {
      const row = await governor.own.get({ table: 'region', pk: 'TICK', sk: '#' });
      const slot = Math.max(Math.floor(governor.clock.nowMs() / governor.policy.timing.tickMs), Number(row?.['slot']) + 1);
      const report = await product.tick.tick(governor, slot, async () => null);
      if (report.kind !== 'ticked') return { label: report.kind };
      return { label: `${report.lease}${report.decision.kind === 'nothing' ? '' : `; ${report.decision.kind} → ${report.outcome}`}` };
    },
  };
}

/** A step of the failover runbook for (epoch, attempt). */
export function runs(step: Extract<Step, 'TakeLease' | 'OpenGate' | 'Report' | 'AbandonAttempt'>, name: string, region: number, epoch: number, attempt: number, options: Options = {}): Actor {
  return {
    name,
    kind: step,
    region,
    epoch,
    ...options,
    run: async (governor, product) => {
      const input = { group: governor.policy.group, epoch, attempt, target: governor.me };
      if (step === 'TakeLease') return { label: `took epoch ${(await product.takeLease.takeLeaseStep(governor, input)).epoch}` };
      if (step === 'OpenGate') return { label: `opened at ${(await product.openGate.openGateStep(governor, input)).openedAtMs}` };
      if (step === 'AbandonAttempt') return { label: (await product.abandonAttempt.abandonAttemptStep(governor, input, 'a test')).outcome };
      const nothing = { takenAtMs: null, openedAtMs: null, applied: null, loss: null, approval: null, dns: null, dnsFailure: null, failure: null };
      return { label: `reported ${(await product.report.reportStep(governor, input, { ...nothing, validation: {} })).isValidated}` };
    },
  };
}

/** A person, or anybody, who changes the register from a region, and is told what came of it. */
export function changes(name: string, region: number, propose: (product: Product, current: RegisterValue) => Proposal, options: Options & { readonly isLooking?: boolean } = {}): Actor {
  const { isLooking = true, ...rest } = options;
  return {
    name,
    kind: 'operator',
    region,
    isTelling: true,
    ...rest,
    run: async (governor, product) => {
      const { policy, me, voters, chance } = governor;
      const register = { group: policy.group, configId: policy.configId, region: me, acceptors: voters, chance };
      const seen = isLooking ? product.register.seenBallotOf(await product.register.lookAtRegister(register)) : genesis;
      const outcome = await product.register.changeRegister(register, seen, (current) => propose(product, current));
      if (outcome.kind === 'unknown') return { label: `unknown: ${outcome.because}` };
      if (outcome.kind === 'refused') return { label: `refused: ${outcome.because}`, told: product.registerValue.serializeRegisterValue(outcome.current) };
      return { label: 'chosen', told: product.registerValue.serializeRegisterValue(outcome.value) };
    },
  };
}

export function failsOver(name: string, region: number, target: string, options: Options = {}): Actor {
  const voters = [
    { region: 'east', role: 'candidate', registerTable: 'register-1' },
    { region: 'west', role: 'candidate', registerTable: 'register-1' },
    { region: 'north', role: 'witness', registerTable: 'register-1' },
  ] as const;
  return changes(name, region, (product, current) => product.registerChanges.operatorFailover(current, target, { voters }, maker), options);
}

/** Compare and set on a word of the value: `from` must stand there. */
export function replaces(name: string, region: number, from: string, to: string, options: Options = {}): Actor {
  return changes(
    name,
    region,
    (_product, current) => (current.evidence === from ? { kind: 'set', value: { ...current, evidence: to } } : { kind: 'refuse', because: `'${current.evidence}' stands there` }),
    { isLooking: false, ...options },
  );
}
