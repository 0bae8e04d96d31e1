// Planted bugs in the planned switch-over. (The page of mutants.ts is of what every history does.)
import type { Mutant } from './mutant.ts';
import { calmSwitchPlan, holderDiesPlan, laggingSwitchPlan, silentHolderPlan, stuckSwitchPlan, swiftSwitchPlan } from './plans-switch.ts';

const handing = 'operations/hand-over.ts';
const drain = 'operations/drain-log.ts';
const changes = 'core/failover/register-changes.ts';
const rules = 'core/failover/hand-over.ts';
const rows = 'core/lease/lease-rows.ts';
const leftBehind = ['a planned switch-over leaves nothing behind'] as const;
const sentOn = ['clients are sent on to who serves'] as const;

export const switchMutants: readonly Mutant[] = [
  {
    name: 'released before the log is drained',
    hole: 'the log is at its end',
    plan: laggingSwitchPlan,
    foundBy: leftBehind,
    edits: [{ file: handing, from: "if (typeof end === 'string') end = await drain.advance();", to: 'end = drain === undefined ? end : 0;' }],
  },
  {
    name: 'a marker in one shard speaks for all',
    hole: 'the log is at its end',
    plan: laggingSwitchPlan,
    foundBy: leftBehind,
    edits: [
      { file: drain, from: 'if (this.#open.size > 0 || this.#mustList)', to: 'if (this.#shown.size === 0 || this.#mustList)' },
      { file: rules, from: 'return Math.min(markersMax, ', to: 'return Math.min(markersMax / markersMax, ' },
    ],
  },
  {
    name: 'a shard that split is forgotten',
    hole: 'the log is at its end',
    plan: laggingSwitchPlan,
    foundBy: leftBehind,
    edits: [{ file: drain, from: '        this.#mustList = true;\n        this.#open.delete(shard);', to: '        this.#open.delete(shard);' }],
  },
  {
    name: 'released once the markers are in the stream, and not in the log',
    hole: 'the log is at its end',
    plan: laggingSwitchPlan,
    foundBy: leftBehind,
    edits: [{ file: drain, from: 'return missing > 0 || found.length === 0', to: 'return missing > found.length || found.length === 0' }],
  },
  {
    name: 'released before the successor has applied the log',
    hole: 'the log is applied',
    plan: laggingSwitchPlan,
    foundBy: leftBehind,
    edits: [{ file: handing, from: 'return applied >= end ?', to: 'return applied >= 0 ?' }],
  },
  {
    name: 'markers before the rows are closed',
    hole: 'nothing is accepted behind the markers',
    plan: laggingSwitchPlan,
    foundBy: leftBehind,
    edits: [
      {
        file: handing,
        from: 'const closedAtMs = await closeEpochForGood(governor, sighting.value.epoch);\n  const until = await untilHandedOver(pass);',
        to: 'const until = await untilHandedOver(pass);\n  const closedAtMs = await closeEpochForGood(governor, sighting.value.epoch);',
      },
    ],
  },
  {
    name: 'taken back without a row closed',
    hole: 'nothing of the old epoch opens or writes beside the next',
    plan: stuckSwitchPlan,
    foundBy: ['taken back only once closed'],
    edits: [
      { file: handing, from: 'const closedAtMs = await closeEpochForGood(governor, sighting.value.epoch);', to: 'const closedAtMs = governor.clock.monotonicMs();' },
      { file: handing, from: '  await requireClosed(governor, value.epoch);\n', to: '' },
    ],
  },
  {
    name: 'the next attempt is planned as well',
    hole: 'planned is one attempt',
    plan: silentHolderPlan,
    foundBy: ['somebody serves in the end'],
    edits: [{ file: changes, from: "on === 'gate-opened' || on === 'operator-switch'", to: "on === 'gate-opened' || on === 'operator-switch' || on === 'attempt-dead'" }],
  },
  {
    name: 'a planned one is taken by the clock',
    hole: 'a planned switch-over waits for its release',
    plan: silentHolderPlan,
    foundBy: ['a planned switch-over waits for its release'],
    edits: [{ file: rules, from: 'whyFailing(value.holder, verdicts) !== undefined;', to: "whyFailing(value.holder, verdicts) !== 'never';" }],
  },
  {
    name: 'who is taken from by the clock stays reconciled',
    hole: 'only what was released left nothing behind',
    plan: holderDiesPlan,
    foundBy: ['only who handed over stays reconciled', ...leftBehind],
    edits: [{ file: changes, from: 'const isHandedOver = current.planned === true && current.released;', to: 'const isHandedOver = current.planned === true;' }],
  },
  {
    name: 'who handed over is not reconciled',
    hole: 'there and back',
    plan: calmSwitchPlan,
    foundBy: ['only who handed over stays reconciled', 'a calm switch-over comes off'],
    edits: [{ file: changes, from: 'current.holder === me || isHandedOver ? {} :', to: 'current.holder === me ? {} :' }],
  },
  {
    name: 'released before gates have forgotten',
    hole: 'C2',
    plan: swiftSwitchPlan,
    foundBy: ['one region acts'],
    edits: [{ file: handing, from: '  await waitForReaders(governor, closedAtMs);\n', to: '  void waitForReaders;\n  void closedAtMs;\n' }],
  },
  {
    name: 'a region that takes over sends its clients on',
    hole: 'clients go where the service is',
    plan: calmSwitchPlan,
    foundBy: sentOn,
    edits: [{ file: rows, from: "closedThroughMs: 0, movedTo: '' }", to: 'closedThroughMs: 0 }' }],
  },
  {
    name: 'clients are sent on before the release',
    hole: 'clients go where the service is',
    plan: calmSwitchPlan,
    foundBy: sentOn,
    edits: [
      {
        file: handing,
        from: '  const until = await untilHandedOver(pass);',
        to: '  await sendClientsTo(governor, sighting.value).catch(() => undefined);\n  const until = await untilHandedOver(pass);',
      },
    ],
  },
];
