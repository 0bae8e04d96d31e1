// Planted bugs in the rows of a region: in which order, and under which condition, they are written.
import { firstRowsAgain } from './first-rows-again.ts';
import type { Mutant } from './mutant.ts';
import { forgottenRegionPlan, lateOpenerPlan } from './plans.ts';

const keep = 'operations/keep-lease.ts';
const rows = 'core/lease/lease-rows.ts';

export const rowsMutants: readonly Mutant[] = [
  {
    name: 'a renewal extends a row closed for good',
    hole: 'C1',
    foundBy: ['one region acts'],
    edits: [
      {
        file: rows,
        from: "{ attribute: 'epoch', is: '=', value: epoch },\n      { attribute: 'closedEpoch', is: '<', value: epoch },\n      { attribute: 'untilAtMs', is: '<', value: untilAtMs },",
        to: "{ attribute: 'epoch', is: '=', value: epoch },\n      { attribute: 'untilAtMs', is: '<', value: untilAtMs },",
      },
      { file: rows, from: 'set: { closedEpoch: epoch }', to: 'set: { untilAtMs: 0 }' },
      { file: rows, from: "when: [{ attribute: 'closedEpoch', is: '<', value: epoch }], mayCreate: false };", to: "when: [{ attribute: 'epoch', is: '<=', value: epoch }], mayCreate: false };" },
    ],
  },
  {
    name: 'release without the wait',
    hole: 'C2',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: 'if (waitMs > 0) await clock.wait(waitMs);', to: 'if (waitMs < 0) await clock.wait(waitMs);' }],
  },
  {
    name: 'a hand-over closes the fence at its deadline only',
    hole: 'C3',
    foundBy: ['released means closed'],
    edits: [
      {
        file: rows,
        from: "set: { closedThroughMs: closedForGood }, when: [{ attribute: 'epoch', is: '=', value: epoch }]",
        to: "set: { closedThroughMs: untilAtMs }, when: [{ attribute: 'epoch', is: '=', value: epoch }]",
      },
      { file: rows, from: 'export function closeFenceOfEpoch(k: number, epoch: number)', to: 'export function closeFenceOfEpoch(k: number, epoch: number, untilAtMs: number)' },
      { file: keep, from: 'closeFenceOfEpoch(k, epoch)', to: "closeFenceOfEpoch(k, epoch, Number((await governor.own.get(fenceKey(k)))?.['untilAtMs']))" },
    ],
  },
  {
    name: 'a newer holder closes the fence at its deadline only',
    hole: 'C4',
    foundBy: ['closed for good stays closed', 'released means closed', 'no write of an old epoch'],
    edits: [
      {
        file: rows,
        from: "set: { closedThroughMs: closedForGood }, when: [{ attribute: 'epoch', is: '<', value: chosenEpoch }]",
        to: "set: { closedThroughMs: untilAtMs }, when: [{ attribute: 'epoch', is: '<', value: chosenEpoch }]",
      },
      { file: rows, from: 'export function closeFenceBelow(k: number, chosenEpoch: number)', to: 'export function closeFenceBelow(k: number, chosenEpoch: number, untilAtMs: number)' },
      { file: keep, from: 'closeFenceBelow(k, chosenEpoch)', to: 'closeFenceBelow(k, chosenEpoch, rows.fences[k]?.untilAtMs ?? 0)' },
    ],
  },
  {
    name: 'lease row before the fence rows',
    hole: 'C6',
    foundBy: ['fence rows before the lease row'],
    edits: [
      {
        file: keep,
        from: 'await Promise.all(shards(governor).map((k) => governor.own.change(raiseFence(k, epoch))));\n  await governor.own.change(raiseLease(epoch, untilAtMs));',
        to: 'await governor.own.change(raiseLease(epoch, untilAtMs));\n  await Promise.all(shards(governor).map((k) => governor.own.change(raiseFence(k, epoch))));',
      },
    ],
  },
  {
    name: 'a renewal opens the fence',
    hole: 'P1',
    foundBy: ['only OpenGate opens a fence'],
    edits: [{ file: rows, from: "{ attribute: 'untilAtMs', is: '>', value: 0 },\n", to: '' }],
  },
  {
    name: 'a returning region closes whatever epoch it finds',
    hole: 'R1',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: rows,
        from: "set: { closedThroughMs: closedForGood }, when: [{ attribute: 'epoch', is: '<', value: chosenEpoch }]",
        to: "set: { closedThroughMs: closedForGood }, when: [{ attribute: 'epoch', is: '<', value: chosenEpoch + 1000 }]",
      },
    ],
  },
  {
    name: 'a late opener opens a fence closed for good',
    hole: 'only a higher epoch opens again',
    plan: lateOpenerPlan,
    foundBy: ['released means closed', 'closed for good stays closed'],
    edits: [
      {
        file: rows,
        from: "set: { untilAtMs },\n    when: [\n      { attribute: 'epoch', is: '=', value: epoch },\n      { attribute: 'closedThroughMs', is: '<', value: untilAtMs },\n      { attribute: 'untilAtMs', is: '<', value: untilAtMs },\n    ],",
        to: "set: { untilAtMs, closedThroughMs: 0 },\n    when: [{ attribute: 'epoch', is: '=', value: epoch }],",
      },
    ],
  },
  {
    name: 'whoever sees a deadline pass closes for good, without looking',
    hole: 'close through exactly the deadline that was seen',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: rows,
        from: "set: { closedThroughMs: seen.untilAtMs },\n    when: [\n      { attribute: 'epoch', is: '=', value: seen.epoch },\n      { attribute: 'untilAtMs', is: '=', value: seen.untilAtMs },\n      { attribute: 'closedThroughMs', is: '<', value: seen.untilAtMs },\n    ],",
        to: 'set: { closedThroughMs: closedForGood },\n    when: [],',
      },
    ],
  },
  {
    name: 'whoever sees a deadline pass closes through it, without looking',
    hole: 'close through exactly the deadline that was seen',
    foundBy: ['released means closed', 'closed for good stays closed'],
    edits: [
      {
        file: rows,
        from: "set: { closedThroughMs: seen.untilAtMs },\n    when: [\n      { attribute: 'epoch', is: '=', value: seen.epoch },\n      { attribute: 'untilAtMs', is: '=', value: seen.untilAtMs },\n      { attribute: 'closedThroughMs', is: '<', value: seen.untilAtMs },\n    ],",
        to: 'set: { closedThroughMs: seen.untilAtMs },\n    when: [],',
      },
    ],
  },
  {
    name: 'TakeLease leaves the times of the older epoch',
    hole: 'a rise of the epoch resets both times',
    foundBy: ['only OpenGate opens a fence', 'somebody serves in the end'],
    edits: [{ file: rows, from: "set: { epoch, untilAtMs: 0, closedThroughMs: 0, movedTo: '' }", to: "set: { epoch, movedTo: '' }" }],
  },
  {
    name: 'TakeLease opens the gate',
    hole: 'only OpenGate opens',
    foundBy: ['only OpenGate opens the gate'],
    edits: [{ file: rows, from: 'set: { epoch, untilAtMs }, when:', to: 'set: { epoch, untilAtMs, openEpoch: epoch }, when:' }],
  },
  {
    name: 'released before it is closed',
    hole: 'release closes first (C1–C3)',
    foundBy: ['released means closed', 'one region acts'],
    edits: [
      {
        file: keep,
        from: '  const closedAtMs = await closeEpochForGood(governor, epoch);\n',
        to: '  const early = await registerOf(governor).change(sighting, (current) => release(current, governor.me, epoch));\n  const closedAtMs = await closeEpochForGood(governor, epoch);\n',
      },
      {
        file: keep,
        from: '  const outcome = await registerOf(governor).change(sighting, (current) => release(current, governor.me, epoch));\n',
        to: '  const outcome = early;\n',
      },
    ],
  },
  {
    name: 'a release leaves the gate to its deadline',
    hole: 'release closes the lease row for good',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: '  await governor.own.change(closeLeaseForGood(epoch));\n', to: '' }],
  },
  {
    name: 'a release leaves the fence to its deadline',
    hole: 'release closes all fence rows for good',
    foundBy: ['released means closed'],
    edits: [{ file: keep, from: 'await Promise.all(shards(governor).map((k) => closeShardOfEpoch(governor, k, epoch)));', to: 'void closeShardOfEpoch;' }],
  },
  {
    name: 'a region starts again at epoch 0',
    hole: 'epochs only rise, also over a restart (H3)',
    plan: forgottenRegionPlan,
    foundBy: ['row epochs only rise'],
    edits: firstRowsAgain('region', 'fence'),
  },
  {
    name: 'rows of an older epoch are written again at a late take-over',
    hole: 'epochs only rise',
    foundBy: ['row epochs only rise'],
    edits: [
      { file: rows, from: "movedTo: '' }, when: [{ attribute: 'epoch', is: '<', value: epoch }]", to: "movedTo: '' }, when: []" },
      { file: rows, from: "set: { epoch, untilAtMs }, when: [{ attribute: 'epoch', is: '<', value: epoch }]", to: 'set: { epoch, untilAtMs }, when: []' },
    ],
  },
];
