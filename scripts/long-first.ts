// The longest test files start first: without a cache, as in a fresh clone, vitest goes by the size of a file, and the shortest of them, which
// runs 2,000 histories, would begin last and leave the other core idle.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What took 15 s or more of a run on two cores, the longest first. A file that is not listed only runs later. */
const longest = [
  'test/local/vault/least-privilege.test.ts',
  'test/simulation/many-histories.test.ts',
  'test/exhaustive/exhaustive.test.ts',
  'test/local/engine/locked-buckets.test.ts',
  'test/simulation/mutants.test.ts',
  'test/local/engine/corrections.test.ts',
  'test/contract/local-aws-vault.test.ts',
  'test/contract/local-aws-s3-source.test.ts',
  'test/vault/corruptions.test.ts',
  'test/local/engine/durability.test.ts',
  'test/local/harness/harness.test.ts',
  'test/files/round-trip.test.ts',
  'test/simulation/simulation.test.ts',
].map((path) => join(import.meta.dirname, '..', path));

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = longest.filter((path) => !existsSync(path));
    if (gone.length > 0) throw new Error(`There is no ${gone.join(', ')} any more: take it out of scripts/long-first.ts.`);
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = longest.indexOf(moduleId);
      return place < 0 ? longest.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
