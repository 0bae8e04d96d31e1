// Whatever the interleaving of writes, closes, hand-overs and a network that loses and delays: nothing is sent at or after the deadline, nothing
// enters behind a closed row, and what is called refused is never written. Planted bugs must be found by it.
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withEpoch } from '../../src/workload/with-epoch.ts';
import { alwaysAsync } from '../core/property.ts';
import { plantedSource, productSource, type Edit } from '../planted-source.ts';
import { histories, playHistory } from './history.ts';

test('no history breaks the fence', async () => {
  await alwaysAsync(
    fc.asyncProperty(histories, async (history) => {
      expect(await playHistory(history, withEpoch)).toEqual([]);
    }),
    200,
  );
});

type Planted = { readonly bug: string; readonly edits: readonly Edit[]; readonly found: RegExp };

const attempts = 'workload/attempts.ts';
const planted: readonly Planted[] = [
  {
    bug: 'a transaction asks the first of its fence rows only',
    edits: [{ file: 'workload/with-epoch.ts', from: 'return [...byRow.values()];', to: 'return [...byRow.values()].slice(0, 1);' }],
    found: /behind a closed fence row/,
  },
  {
    bug: 'the lease is looked at before the first attempt only',
    edits: [
      { file: attempts, from: '    await this.#admit();\n', to: '    if (this.#remainingMs() === 0) await this.#admit();\n' },
      { file: attempts, from: '    if (limitMs <= 0) throw this.#over();\n', to: '' },
      { file: attempts, from: '    if (this.#remainingMs() <= 0) throw this.#over();\n', to: '' },
    ],
    found: /at its deadline or/,
  },
  {
    bug: 'an attempt may take longer than the lease',
    edits: [{ file: attempts, from: 'Math.min(this.#remainingMs(), this.#rules.attemptTimeoutMs)', to: 'this.#rules.attemptTimeoutMs' }],
    found: /still waited for after the lease/,
  },
  {
    bug: 'an aborted attempt is called refused',
    edits: [{ file: attempts, from: 'throw this.#conclusion(error);', to: 'void this.#conclusion; throw this.#unanswered > 0 ? this.#over() : error;' }],
    found: /surely not written, and it is written/,
  },
  {
    bug: "the caller's own condition is dropped",
    edits: [{ file: 'workload/fenced-write.ts', from: 'return { ConditionExpression, ExpressionAttributeNames', to: 'void ConditionExpression; return { ExpressionAttributeNames' }],
    found: /written over by a put/,
  },
  {
    bug: "another key's fence row judges the write",
    edits: [{ file: 'workload/with-epoch.ts', from: 'permit.checks(key)', to: "permit.checks(key + '.')" }],
    found: /behind a closed fence row|under a fence row of epoch/,
  },
  {
    bug: 'the fence is not asked',
    edits: [{ file: 'workload/with-epoch.ts', from: '[...own, ...open.checks]', to: '[...own, ...open.checks.slice(1)]' }],
    found: /behind a closed fence row|under a fence row of epoch/,
  },
  { bug: 'an update is not stamped', edits: [{ file: 'workload/fenced-write.ts', from: '{ Update: stampedUpdate(action.Update, stamp) }', to: 'action' }], found: /changed by epoch/ },
  {
    bug: 'what is removed is not stamped first',
    edits: [{ file: 'workload/with-epoch.ts', from: 'await stampFirst(stampsBefore(actions, permit.stamp)', to: 'await stampFirst(stampsBefore([], permit.stamp)' }],
    found: /changed by epoch/,
  },
];

describe('a planted bug is found', () => {
  test.each(planted)('$bug', async ({ bug, edits, found }) => {
    const { directory, remove } = await plantedSource(bug, edits);
    try {
      // The copy stands elsewhere: it finds the SDK where the source does.
      await symlink(join(productSource, '../node_modules'), join(directory, 'node_modules'));
      const broken: { readonly withEpoch: typeof withEpoch } = await import(/* @vite-ignore */ pathToFileURL(join(directory, 'workload/with-epoch.ts')).href);
      const wrong: string[] = [];
      const result = await fc.check(
        fc.asyncProperty(histories, async (history) => {
          wrong.push(...(await playHistory(history, broken.withEpoch)));
          return !wrong.some((what) => found.test(what));
        }),
        { seed: 20261128, numRuns: 400, endOnFailure: true },
      );
      expect({ failed: result.failed, wrong: [...new Set(wrong)].filter((what) => found.test(what)).length > 0 }).toEqual({ failed: true, wrong: true });
    } finally {
      await remove();
    }
  });
});
