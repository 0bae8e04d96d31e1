// Planted bugs: the real modules of core, operations and the memory driver, copied with one sentence changed. A simulation
// is believed once it has found each of them.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plan } from './faults.ts';
import type { Product } from './product.ts';
import { soundGate, type GateRule } from './service.ts';

type Edit = { readonly file: string; readonly from: string; readonly to: string };

export type Mutant = {
  readonly name: string;
  /** The hole of DESIGN that the sentence closes. */
  readonly hole: string;
  readonly edits: readonly Edit[];
  /** The invariants that may find it; what else breaks on the way is not it. */
  readonly foundBy: readonly string[];
  readonly gate?: GateRule;
  /** The faults that it takes, where drawn ones meet them too rarely: the seeds then vary all the rest. */
  readonly plan?: Plan;
  /** Where to begin, for those that few histories find: spares `npm test` a minute. */
  readonly fromSeed?: number;
};

const keep = 'operations/keep-lease.ts';
const rows = 'core/lease/lease-rows.ts';

/** The challenger's hosts freeze in the middle of a look, which is answered late; as they thaw, the holder is cut off. */
const challengerAwayPlan: Plan = {
  regions: 3,
  fenceShards: 1,
  skewFactor: 1,
  lostForGood: null,
  calmFromMs: 106_000,
  faults: [
    { kind: 'pause', atMs: 60_000, forMs: 17_000, region: 1, withStore: false, when: { what: 'get register', phase: 'sent' } },
    {
      kind: 'cut',
      atMs: 75_500,
      forMs: 30_000,
      region: 0,
      when: null,
      shape: 'isolated',
      flapMs: 0,
      links: [
        [0, 1],
        [1, 0],
        [0, 2],
        [2, 0],
      ],
    },
  ],
};

export const mutants: readonly Mutant[] = [
  {
    name: 'lease counted from the answer',
    fromSeed: 9100,
    hole: 'lease dated when its question leaves',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: 'deadlineFrom(governor, clock.nowMs() - elapsedMs)', to: 'deadlineFrom(governor, clock.nowMs())' }],
  },
  {
    name: 'renewal trusts the monotonic clock alone',
    fromSeed: 9100,
    hole: 'H5',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: 'Math.max(clock.nowMs() - wallMs, clock.monotonicMs() - monotonicMs)', to: '(clock.monotonicMs() - monotonicMs + 0 * wallMs)' }],
  },
  {
    name: 'a renewal of unknown outcome extends',
    hole: 'unknown extends nothing',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: "if (outcome.kind === 'unknown') return { kind: 'unknown', because: `renewal of unknown outcome extends nothing: ${outcome.because}` } as const;", to: '' }],
  },
  {
    name: 'renewal ignores revocation',
    hole: 'H4',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: 'core/failover/register-changes.ts',
        from: 'if (!current.renewable) return refuse(`epoch ${epoch} was revoked: ${current.because}`);\n  if (current.released) return refuse(`epoch ${epoch} was released`);',
        to: '',
      },
      { file: 'core/lease/keep.ts', from: "if (!value.renewable) return { kind: 'release', epoch: value.epoch, because: value.because };", to: '' },
    ],
  },
  {
    name: 'a renewal extends a row closed for good',
    fromSeed: 9080,
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
    name: 'no attempt ever counts as dead',
    hole: 'C5',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: 'core/failover/decide.ts',
        from: 'if (seenForMs === undefined || seenForMs < limitMs || !isEligible) return nothing',
        to: 'if (seenForMs === undefined || seenForMs < limitMs || isEligible) return nothing',
      },
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
    name: 'renewals of an epoch share one id',
    hole: 'C7',
    foundBy: ['one region acts'],
    edits: [{ file: keep, from: 'const renewal = chance.id();', to: "const renewal = String(epoch).padStart(32, '0');\n  chance.id();" }],
  },
  {
    name: 'a failed compare is answered without settling',
    hole: 'C8',
    foundBy: ['answers fit what was chosen', 'only a chosen value closes for good'],
    edits: [{ file: 'operations/register.ts', from: 'if (alreadyChosen || (await accept(voters, set, ballot, settled)))', to: 'if (alreadyChosen || ballot !== "")' }],
  },
  {
    name: 'gate caches its verdict',
    hole: 'C9',
    foundBy: ['one region acts'],
    edits: [],
    gate: { ...soundGate, mayReuse: (ageMs) => ageMs <= 20_000, verdict: (_isActing, _row, _nowMs, verdictWhenRead) => verdictWhenRead },
  },
  {
    name: 'gate never re-reads an open row',
    hole: 'C9',
    foundBy: ['one region acts'],
    edits: [],
    gate: { mayReuse: (ageMs, cacheMs, row) => ageMs <= cacheMs || row.openEpoch > 0, verdict: (isActing, row, nowMs) => isActing({ ...row, untilAtMs: Number.MAX_SAFE_INTEGER }, nowMs) },
  },
  {
    name: 'a renewal opens the fence',
    hole: 'P1',
    foundBy: ['only OpenGate opens a fence'],
    edits: [{ file: rows, from: "{ attribute: 'untilAtMs', is: '>', value: 0 },\n", to: '' }],
  },
  {
    name: 'challenger counts from the question',
    plan: challengerAwayPlan,
    hole: 'a look is dated when its answers are in',
    foundBy: ['one region acts'],
    edits: [
      { file: 'operations/tick.ts', from: 'Math.ceil(governor.clock.nowMs())', to: 'Math.ceil(askedAtMs)' },
      {
        file: 'operations/tick.ts',
        from: 'async function keepLook(governor: Governor, look: Look, sighting: Sighting)',
        to: 'async function keepLook(governor: Governor, look: Look, sighting: Sighting, askedAtMs: number)',
      },
      { file: 'operations/tick.ts', from: 'await keepLook(governor, lookBefore, sighting)', to: 'await keepLook(governor, lookBefore, sighting, askedAtMs)' },
      { file: 'operations/tick.ts', from: 'await keepLook(governor, view.look, sighting)', to: 'await keepLook(governor, view.look, sighting, againAtMs)' },
      { file: 'operations/tick.ts', from: 'const watching = dataAgeMs()', to: 'const askedAtMs = clock.nowMs();\n  const watching = dataAgeMs()' },
      { file: 'operations/tick.ts', from: 'await governor.clock.wait(decision.inMs);\n', to: 'await governor.clock.wait(decision.inMs);\n    const againAtMs = governor.clock.nowMs();\n' },
    ],
  },
  {
    name: 'no challenger clock at all',
    hole: 'D + ε',
    foundBy: ['one region acts'],
    edits: [{ file: 'operations/take-lease.ts', from: 'if (!value.released) await waitForClock(governor, value, stopwatch.challengerNowMs);', to: 'void waitForClock; void stopwatch;' }],
  },
  {
    name: 'two invocations share a ballot',
    hole: 'H1',
    foundBy: ['one value a ballot'],
    edits: [{ file: 'operations/register.ts', from: 'nextBallot(highest, voters.region, voters.chance.id())', to: "nextBallot(highest, voters.region, '0'.repeat(32))" }],
  },
  {
    name: 'a returning region closes whatever epoch it finds',
    hole: 'R1',
    foundBy: ['somebody serves in the end'],
    edits: [
      {
        file: rows,
        from: "when: [{ attribute: 'epoch', is: '<', value: chosenEpoch }], mayCreate: false }",
        to: "when: [{ attribute: 'epoch', is: '<', value: chosenEpoch + 1000 }], mayCreate: false }",
      },
    ],
  },
  {
    name: 'a ballot left behind is never settled',
    fromSeed: 9200,
    hole: 'nobody reads a chosen value again',
    foundBy: ['somebody serves in the end'],
    edits: [{ file: 'operations/tick.ts', from: 'await settle(governor, sighting, lookBefore);', to: '' }],
  },
];

const repository = join(import.meta.dirname, '..', '..');

/** Modules of the mutant, and the folder to remove when done with it. */
export async function plant(mutant: Mutant): Promise<{ product: Product; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    // Without core's tsconfig: it extends one that is not copied.
    await cp(join(repository, 'src'), folder, { recursive: true, filter: (path) => !path.endsWith('tsconfig.json') });
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const edit of mutant.edits) await apply(folder, mutant.name, edit);
    return { product: await load(folder), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A sentence that is not there exactly once would plant nothing, or something else: then the mutant must be written anew. */
async function apply(folder: string, name: string, edit: Edit): Promise<void> {
  const path = join(folder, edit.file);
  const text = await readFile(path, 'utf8');
  const parts = text.split(edit.from);
  if (parts.length !== 2) throw new Error(`Mutant '${name}': src/${edit.file} has ${parts.length - 1} times '${edit.from}', it must be once. Change the mutant along with the source.`);
  await writeFile(path, parts.join(edit.to));
}

async function load(folder: string): Promise<Product> {
  const at = (file: string) => pathToFileURL(join(folder, file)).href;
  const product: Product = {
    registerChanges: await import(/* @vite-ignore */ at('core/failover/register-changes.ts')),
    runbook: await import(/* @vite-ignore */ at('core/failover/runbook.ts')),
    leaseRows: await import(/* @vite-ignore */ at('core/lease/lease-rows.ts')),
    registerValue: await import(/* @vite-ignore */ at('core/register/value.ts')),
    firstRows: await import(/* @vite-ignore */ at('core/rows/first-rows.ts')),
    rows: await import(/* @vite-ignore */ at('drivers/memory/memory-row-store.ts')),
    abandonAttempt: await import(/* @vite-ignore */ at('operations/abandon-attempt.ts')),
    changeVoters: await import(/* @vite-ignore */ at('operations/change-voters.ts')),
    currentLease: await import(/* @vite-ignore */ at('operations/current-lease.ts')),
    openGate: await import(/* @vite-ignore */ at('operations/open-gate.ts')),
    register: await import(/* @vite-ignore */ at('operations/register.ts')),
    report: await import(/* @vite-ignore */ at('operations/report.ts')),
    takeLease: await import(/* @vite-ignore */ at('operations/take-lease.ts')),
    tick: await import(/* @vite-ignore */ at('operations/tick.ts')),
    validateService: await import(/* @vite-ignore */ at('operations/validate-service.ts')),
    changeRecord: await import(/* @vite-ignore */ at('core/log/change-record.ts')),
    dataStore: await import(/* @vite-ignore */ at('drivers/memory/memory-data-store.ts')),
    divergenceStore: await import(/* @vite-ignore */ at('drivers/memory/memory-divergence-store.ts')),
    logStore: await import(/* @vite-ignore */ at('drivers/memory/memory-log-store.ts')),
    applyLog: await import(/* @vite-ignore */ at('operations/apply-log.ts')),
    shipLog: await import(/* @vite-ignore */ at('operations/ship-log.ts')),
    synchronise: await import(/* @vite-ignore */ at('operations/synchronise.ts')),
  };
  return product;
}
