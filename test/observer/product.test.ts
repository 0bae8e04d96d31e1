// The product's commands as the observer runs them: what it asks, and that neither a failure nor a silent command becomes a success.
import { expect, test } from 'vitest';
import { startClock } from './clock.ts';
import { Product, reasonOf } from './product.ts';

const node = (code: string) => new Product(startClock(), [process.execPath, '-e', code, '--'], new AbortController().signal);

test('asks in the words of the documentation, with the moment as ISO time', async () => {
  const product = node('console.log(JSON.stringify(process.argv.slice(1)))');
  expect((await product.backup('full')).answer).toEqual(['backup', '--type', 'full', '--wait', '--json']);
  const { answer, exitCode, startedAtMs, endedAtMs } = await product.restore({ atWallMs: Date.UTC(2026, 10, 28, 3, 4, 5, 999), into: 'orders-restored-1', region: 'us-west-2' });
  expect(answer).toEqual(['restore', '--at', '2026-11-28T03:04:05.999Z', '--into', 'orders-restored-1', '--region', 'us-west-2', '--wait', '--json']);
  expect(exitCode).toBe(0);
  expect(endedAtMs).toBeGreaterThan(startedAtMs);
});

test('a failure keeps its exit status and what was said; of JSON lines the last one is the answer', async () => {
  const run = await node('console.log("{}"); console.log(JSON.stringify({ last: 1 })); console.error("because"); process.exit(3)').backup('full');
  expect(run).toMatchObject({ exitCode: 3, answer: { last: 1 }, said: 'because' });
  expect(reasonOf(run)).toBe('because');
  expect(reasonOf({ ...run, said: '', answer: { error: { name: 'NotCoveredError', message: 'not covered' } } })).toBe('not covered');
  expect(reasonOf({ ...run, said: '', answer: null })).toBe('null');
});

test('a program that is not there, and one that is killed, have failed', async () => {
  const signal = new AbortController().signal;
  expect((await new Product(startClock(), ['/nonexistent'], signal).backup('full')).exitCode).toBe(127);
  expect((await node('process.kill(process.pid, "SIGKILL")').backup('full')).exitCode).toBe(128);
  const controller = new AbortController();
  const aborted = new Product(startClock(), [process.execPath, '-e', 'setTimeout(() => {}, 60000)'], controller.signal).backup('full');
  controller.abort();
  expect((await aborted).exitCode).not.toBe(0);
});
