// Why: what S3 acknowledged must be there after a SIGKILL, whole and locked, whichever step the kill came before.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, localAccountId, type RunningRegion, startRegion } from '../../../local/engine/ministack.ts';
import { callsOf, compliance, hour, outcome, s3, soon } from './bucket-fixture.ts';
import { checkout, discard, install, newRegion } from './engine-fixture.ts';

const Bucket = 'holdfast-test-objects';
let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;
let client: S3Client;
let put: ReturnType<typeof callsOf>['put'];
let text: ReturnType<typeof callsOf>['text'];
let remove: ReturnType<typeof callsOf>['remove'];

beforeAll(async () => {
  engine = await install();
  region = await newRegion({ snapshotSeconds: 600 }); // no snapshot: the bucket too lives by its files and the write log
  running = await startRegion(engine, region);
  client = s3(region);
  ({ put, text, remove } = callsOf(client, Bucket));
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
}, 120_000);

afterAll(async () => {
  await discard(region, running);
});

describe('objects', () => {
  test('what was acknowledged survives a SIGKILL in the middle of writing, whole and locked', async () => {
    const acknowledged = new Map<string, { version: string; content: string }>();
    const leader = running;
    const until = soon(hour);
    const writer = async (number: number) => {
      for (let index = 0; ; index++) {
        const key = `packs/w${number}/${index % 5}`; // overwritten again and again: each version must keep its own bytes
        const content = `${number}-${index}-`.repeat(20_000);
        try {
          acknowledged.set(await put(key, content, compliance(until)), { version: key, content });
        } catch {
          return;
        }
        if (acknowledged.size >= 60) leader?.signal('SIGKILL');
      }
    };
    await Promise.all(Array.from({ length: 6 }, (_unused, number) => writer(number)));
    await leader?.stopped;
    running = await startRegion(engine, region);
    expect(acknowledged.size).toBeGreaterThanOrEqual(60);
    for (const [version, { version: key, content }] of acknowledged) {
      expect((await text(key, version)) === content).toBe(true);
      expect(await remove(key, version)).toMatch(/^AccessDenied/);
    }
    for (let number = 0; number < 6; number++) {
      for (let index = 0; index < 5; index++) {
        const key = `packs/w${number}/${index}`;
        const answer = await client.send(new GetObjectCommand({ Bucket, Key: key, ChecksumMode: 'ENABLED' })).catch(() => undefined);
        if (answer === undefined) continue; // never acknowledged
        const bytes = Buffer.from((await answer.Body?.transformToByteArray()) ?? new Uint8Array());
        expect([key, createHash('sha256').update(bytes).digest('base64'), answer.ObjectLockMode]).toEqual([key, answer.ChecksumSHA256, 'COMPLIANCE']);
      }
    }
  }, 90_000);

  test('a kill at any step of a put leaves what was acknowledged, and what is found is whole and locked', () => {
    type Found = { text: string; version: string; isWhole: boolean; isLocked: boolean } | null;
    type Finding = { diesIn: number; step: number; lived: boolean; acknowledged: Found[]; current: Found };
    const directory = mkdtempSync(path.join(os.tmpdir(), 'holdfast-crash-'));
    const run = spawnSync(engine.python, ['-B', path.join(checkout, 'test/local/engine/object_crash_check.py'), path.join(checkout, 'local/engine'), directory], { encoding: 'utf8', env: {} });
    rmSync(directory, { recursive: true, force: true });
    expect(run.status, run.stderr).toBe(0);
    const findings: Finding[] = JSON.parse(run.stdout);
    expect([findings.filter((f) => f.diesIn === 0).length, findings.filter((f) => f.diesIn === 1).length].map((steps) => steps > 4)).toEqual([true, true]);
    for (const { diesIn, step, lived, acknowledged, current } of findings) {
      const where = `died in put ${diesIn} before step ${step}`;
      expect([where, acknowledged.length]).toEqual([where, lived ? 2 : diesIn]);
      acknowledged.forEach((found, i) => expect([where, found]).toEqual([where, expect.objectContaining({ text: ['first', 'second, longer'][i], isWhole: true, isLocked: true })]));
      if (diesIn === 1) expect([where, current?.text]).toEqual([where, expect.stringMatching(lived ? /^second/ : /^(first|second, longer)$/)]);
      if (current !== null) expect([where, current]).toEqual([where, expect.objectContaining({ isWhole: true, isLocked: true, version: expect.stringMatching(/-/) })]);
    }
  }, 60_000);

  test('the bytes of versions are not held in memory', async () => {
    const memory = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${running?.pid}/status`, 'utf8'))?.[1]) / 1024;
    if (!existsSync('/proc/self/status')) return;
    const body = 'x'.repeat(4 * 1024 * 1024);
    await put('big/0', body);
    const before = memory();
    for (let index = 1; index <= 24; index++) await put(`big/${index}`, body);
    expect(memory() - before).toBeLessThan(60);
    expect(readdirSync(path.join(region.directory, 's3', localAccountId, Bucket, 'big')).length).toBe(50);
  }, 60_000);

  test('If-None-Match: one of many writers wins; a delete marker counts as nothing there', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, async (_unused, number) => outcome(put('race', String(number), { IfNoneMatch: '*' }))));
    expect([answers.filter((a) => a === 'done').length, answers.filter((a) => a.startsWith('PreconditionFailed')).length]).toEqual([1, 15]);
    expect(await text('race')).toBe(String(answers.indexOf('done')));
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'race' }));
    expect(await outcome(put('race', 'again', { IfNoneMatch: '*' }))).toBe('done');
    expect(await text('race')).toBe('again');
  });

  test('ranges of a named version are ranges', async () => {
    const version = await put('ranged', '0123456789');
    expect([await text('ranged', version, 'bytes=2-4'), await text('ranged', version, 'bytes=8-100'), await text('ranged', undefined, 'bytes=2-4')]).toEqual(['234', '89', '234']);
    expect(await outcome(text('ranged', version, 'bytes=10-12'))).toMatch(/^InvalidRange/);
  });
});
