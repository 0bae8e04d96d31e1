// What If-Match gives a service, kept by S3 in memory and by the local engine's.
import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import type { Fence } from '../../src/workload/fence.ts';
import { SameKeyObjects } from '../../src/workload/same-key-objects.ts';

export type BucketUnderTest = { readonly s3: S3Client; readonly bucket: string };

/** A region in this epoch, as far as its fence tells. */
const openIn = (epoch: () => number): Fence => ({ forget: () => {}, read: async () => ({ kind: 'open', epoch: epoch(), remainingMs: () => 10_000, checks: () => [], stamp: {} }) });
let names = 0;

export function sameKeyObjectsContract(name: string, subject: () => BucketUnderTest): void {
  describe(`objects that keep their key: ${name}`, () => {
    const of = (text: string) => Buffer.from(text);
    const objectsIn = (epoch: () => number) => new SameKeyObjects({ ...subject(), fence: openIn(epoch) });
    const textOf = async (objects: SameKeyObjects, key: string) => Buffer.from((await objects.read(key))?.body ?? []).toString();
    const newKey = () => `same-key/${(names += 1)}`;

    test('are created once, and overwritten only where they are what was read', async () => {
      const key = newKey();
      const objects = objectsIn(() => 3);
      expect(await objects.read(key)).toBeUndefined();
      const first = await objects.create(key, of('one'));
      await expect(objects.create(key, of('again'))).rejects.toMatchObject({ name: 'ObjectChangedError' });
      const second = await objects.overwrite(first, of('two'));
      await expect(objects.overwrite(first, of('late'))).rejects.toMatchObject({ name: 'ObjectChangedError', message: expect.stringContaining(key) });
      expect(await objects.read(key)).toMatchObject({ version: second });
      expect(await textOf(objects, key)).toBe('two');
      await expect(objects.overwrite({ ...second, key: newKey() }, of('nothing there'))).rejects.toMatchObject({ name: 'ObjectChangedError' });
    });

    test('a region that lost the lease cannot write over what the new one wrote', async () => {
      const key = newKey();
      const [old, next] = [objectsIn(() => 3), objectsIn(() => 4)];
      const read = await old.create(key, of('one'));
      const seen = await next.read(key);
      if (seen === undefined) throw new Error('unreachable');
      await next.overwrite(seen.version, of('of epoch 4'));
      // Its fence still says 3: it does not know yet.
      await expect(old.overwrite(read, of('stale'))).rejects.toMatchObject({ name: 'ObjectChangedError' });
      expect(await textOf(next, key)).toBe('of epoch 4');
    });

    test('what was read in an epoch that is over is not overwritten in the next one', async () => {
      const key = newKey();
      let epoch = 3;
      const objects = objectsIn(() => epoch);
      const read = await objects.create(key, of('one'));
      epoch = 4;
      await expect(objects.overwrite(read, of('two'))).rejects.toMatchObject({ name: 'StaleEpochError', epoch: 3 });
      expect(await textOf(objects, key)).toBe('one');
    });

    test('of many who read one version, one overwrites it', async () => {
      const key = newKey();
      const objects = objectsIn(() => 3);
      const read = await objects.create(key, of('one'));
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, async (_, n) =>
          objects.overwrite(read, of(`by ${n}`)).then(
            () => `by ${n}`,
            (error: unknown) => (error instanceof Error ? error.name : ''),
          ),
        ),
      );
      const [winner, ...more] = outcomes.filter((outcome) => outcome.startsWith('by'));
      expect(more).toEqual([]);
      expect(await textOf(objects, key)).toBe(winner);
      expect(outcomes.filter((outcome) => outcome === 'ObjectChangedError').length).toBe(7);
    });
  });
}
