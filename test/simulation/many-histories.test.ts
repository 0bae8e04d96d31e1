// The same as simulation.test.ts, for as long as `npm test` can bear: fresh seeds each run.
import { test } from 'vitest';
import { expectAllSound } from './expect-sound.ts';

test('2,000 fresh histories, 300 of them of five regions, break no invariant', { timeout: 900_000 }, async () => {
  await expectAllSound(1700, 300);
});
