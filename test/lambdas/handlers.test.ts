// What every handler does with what it is handed: malformed events are refused with a sentence before anything is asked or changed.
import { describe, expect, test, vi } from 'vitest';
import type { Notice } from '../../src/ports/notifier.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { strongSample, strongTable } from '../config/strong-sample.ts';
import type { Answer, Asked } from '../contract/fake-dynamodb.ts';
import { coldStart, runtimeConfig, setNow } from './function-fixture.ts';

const silent = () => {
  throw new Error('nothing may be asked');
};
const step = { group: 'orders', epoch: 5, attempt: 1, target: 'us-east-1' };
const steps: Record<string, () => Promise<{ handler: (event: unknown) => Promise<unknown> }>> = {
  'take-lease': () => import('../../lambdas/take-lease.ts'),
  synchronise: () => import('../../lambdas/synchronise.ts'),
  'open-gate': () => import('../../lambdas/open-gate.ts'),
  'await-dns': () => import('../../lambdas/await-dns.ts'),
  'validate-service': () => import('../../lambdas/validate-service.ts'),
  report: () => import('../../lambdas/report.ts'),
  'abandon-attempt': () => import('../../lambdas/abandon-attempt.ts'),
  'await-approval': () => import('../../lambdas/await-approval.ts'),
  notify: () => import('../../lambdas/notify.ts'),
  fence: () => import('../../lambdas/fence.ts'),
};

describe.each(Object.keys(steps))('%s', (name) => {
  const load = steps[name] ?? (() => Promise.reject(new Error('unreachable')));
  test('refuses a malformed input by name, and asks nothing', async () => {
    const { module, asked } = await coldStart(load, silent);
    for (const event of [undefined, null, 'x', {}, { ...step, epoch: '5' }, { ...step, attempt: 0 }, { ...step, target: 7 }, { ...step, group: undefined }]) {
      const raw = event !== null && typeof event === 'object' ? { taskToken: 't', ...event } : event;
      await expect(module.handler(raw), JSON.stringify(event)).rejects.toMatchObject({ name: 'MalformedError', retryable: false });
    }
    expect(asked).toEqual([]);
  });
});

test('a step that was started in the wrong region is over, before anything is asked', async () => {
  for (const name of ['take-lease', 'open-gate', 'abandon-attempt', 'fence']) {
    const { module, asked } = await coldStart(steps[name] ?? (() => Promise.reject(new Error('unreachable'))), silent);
    await expect(module.handler({ ...step, target: 'us-west-2' })).rejects.toMatchObject({ name: 'SupersededError' });
    expect(asked).toEqual([]);
  }
});

describe('notify', () => {
  test.each([
    ['backup-failed', 'backup.md'],
    ['restore-failed', 'restore.md'],
    ['restore-test-failed', 'restore.md'],
  ])('tells of a %s what failed, and where it stands what to do', async (kind, page) => {
    const told: Notice[] = [];
    const { module } = await coldStart(async () => {
      const { SnsNotifier } = await import('../../src/drivers/aws/sns-notifier.ts');
      vi.spyOn(SnsNotifier.prototype, 'notify').mockImplementation(async (notice) => void told.push(notice));
      return import('../../lambdas/notify.ts');
    }, silent);
    await module.handler({ group: 'orders', execution: 'run-1', kind, failure: { step: 'DropTarget', error: 'TooFewSitesError', cause: 'x' } });
    expect(told).toEqual([
      { severity: 'critical', subject: `orders: ${kind} in us-east-1 (run-1)`, text: expect.stringMatching(new RegExp(`^run-1: DropTarget failed with TooFewSitesError: x\\. docs/runbooks/${page}`)) },
    ]);
  });
});

describe('await-approval', () => {
  test('without a token says what it is', async () => {
    const { module } = await coldStart(() => import('../../lambdas/await-approval.ts'), silent);
    await expect(module.handler(step)).rejects.toThrow(/without a task token: it is a step of the failover machine/);
  });
});

describe('tick', () => {
  /** Of a region whose rows were just made; it takes every change. */
  const firstRowsOf = (config: ReturnType<typeof toRuntimeConfig>) => {
    const item = (row: object) => Object.fromEntries(Object.entries(row).map(([name, v]) => [name, typeof v === 'number' ? { N: String(v) } : { S: String(v) }]));
    const rows = firstRows(config, 'us-west-2', 'us-west-2');
    return ({ action, body }: Asked): Answer => {
      if (action === 'UpdateItem') return { body: { Attributes: {} } };
      const found = rows.find((r) => r.key.pk === (body['Key'] as { pk: { S: string } } | undefined)?.pk.S);
      return found === undefined ? { body: {} } : { body: { Item: item(found.row) } };
    };
  };
  const load = () => import('../../lambdas/tick.ts');
  test.each([[undefined], [{}], [{ slot: 'x' }], [{ Records: [{ body: '{"slot":1.5}' }] }], [{ Records: [{}] }]])('drops a malformed slot, and asks nothing: %j', async (event) => {
    const { module, asked } = await coldStart(load, silent);
    await expect(module.handler(event)).rejects.toMatchObject({ name: 'MalformedError' });
    expect(asked).toEqual([]);
  });

  test('with the register in one table, looks and votes at the own replica alone', async () => {
    vi.spyOn(console, 'debug').mockImplementation(() => undefined);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const config = toRuntimeConfig(strongSample);
    const answer = firstRowsOf(config);
    const environment = { AWS_REGION: 'us-west-2', HOLDFAST_CONFIG: JSON.stringify(config) };
    const { module, asked } = await coldStart(load, answer, environment);
    const { tickMs } = config.timing;
    await module.handler({ Records: [{ body: JSON.stringify({ slot: Math.floor(Date.now() / tickMs) }) }] });
    const ofRegister = asked.filter((a) => JSON.stringify(a.body['Key'] ?? '').includes('REGISTER#'));
    // It holds the first epoch, and renews it.
    expect(ofRegister.map((a) => a.action)).toEqual(['GetItem', 'GetItem', 'UpdateItem']);
    expect(ofRegister.map((a) => a.body['TableName'])).toEqual([strongTable, strongTable, strongTable]);
    expect(ofRegister.slice(0, 2).map((a) => a.body['ConsistentRead'])).toEqual([true, true]);
    expect(ofRegister[2]?.body['ConditionExpression']).toContain('attribute_exists');
    // What the regions saw of each other stays in tables of their own.
    expect(asked.filter((a) => a.body['TableName'] === strongTable)).toHaveLength(ofRegister.length);
  });

  test('writes down how far the log is shipped where there is a lag brake, and else not', async () => {
    vi.spyOn(console, 'debug').mockImplementation(() => undefined);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    for (const lagBrake of [undefined, { maxLagMs: 60_000 }]) {
      const config = { ...toRuntimeConfig(strongSample), isFenced: true, ...(lagBrake === undefined ? {} : { lagBrake }) };
      const { module, asked } = await coldStart(load, firstRowsOf(config), { AWS_REGION: 'us-west-2', HOLDFAST_CONFIG: JSON.stringify(config) });
      await module.handler({ Records: [{ body: JSON.stringify({ slot: Math.floor(Date.now() / config.timing.tickMs) }) }] });
      const noted = asked.filter((a) => a.action === 'UpdateItem' && JSON.stringify(a.body['Key']).includes('SHIPPED'));
      expect(noted.map((a) => a.body['TableName'])).toEqual(lagBrake === undefined ? [] : [config.tables.region]);
    }
  });

  test('drops a late slot without a call', async () => {
    vi.spyOn(console, 'debug').mockImplementation(() => undefined);
    const { module, asked } = await coldStart(load, silent);
    await module.handler({ Records: [{ body: '{"slot":1}' }] });
    expect(asked).toEqual([]);
  });
});

describe('ship-log', () => {
  const load = () => import('../../lambdas/ship-log.ts');
  test('refuses records whose key it cannot read, and says which setting names it', async () => {
    const { module, asked } = await coldStart(load, silent);
    for (const dynamodb of [undefined, {}, { Keys: { other: { S: 'x' } }, SequenceNumber: '1' }, { Keys: { id: { N: '1' } }, SequenceNumber: '1' }, { Keys: { id: { S: 'x' } } }]) {
      await expect(module.handler({ Records: [dynamodb === undefined ? {} : ({ dynamodb } as object)] })).rejects.toMatchObject({
        name: 'MalformedError',
        message: expect.stringContaining('table.partitionKey'),
      });
    }
    expect(asked).toEqual([]);
  });

  test('ships no echo, and asks nothing for a batch of echoes', async () => {
    const { module, asked } = await coldStart(load, silent);
    await module.handler({ Records: [{ dynamodb: { Keys: { id: { S: 'x' } }, SequenceNumber: '1', NewImage: { id: { S: 'x' }, holdfastOrigin: { S: 'us-west-2' } } } }] });
    expect(asked).toEqual([]);
  });

  test('ships its own writes to every other region, with the time and number of the stream', async () => {
    const { module, asked } = await coldStart(load, (a) => (a.action === 'Query' ? { body: { Items: [] } } : {}));
    await module.handler({
      Records: [
        {
          dynamodb: {
            Keys: { id: { S: 'x' } },
            SequenceNumber: '77',
            ApproximateCreationDateTime: 1_700_000_000.5,
            NewImage: { id: { S: 'x' }, holdfastEpoch: { N: '3' }, holdfastOrigin: { S: 'us-east-1' } },
          },
        },
      ],
    });
    const first = asked.find((a) => a.action === 'TransactWriteItems')?.body['TransactItems'];
    const records = JSON.parse((first as [{ Put: { Item: { records: { S: string } } } }])[0].Put.Item.records.S);
    expect(records).toEqual([
      { key: 'x', image: { id: { S: 'x' }, holdfastEpoch: { N: '3' }, holdfastOrigin: { S: 'us-east-1' } }, epoch: 3, atMs: 1_700_000_000_500, sequenceNumber: '77'.padStart(40, '0') },
    ]);
  });
});

describe('schedule-slots', () => {
  test('puts each slot of a little over the next two minutes on the queue once, due at its time (H6)', async () => {
    const { tickMs } = runtimeConfig.timing;
    const now = Date.parse('2026-11-28T00:00:02Z');
    setNow(now);
    const { module, asked } = await coldStart(
      () => import('../../lambdas/schedule-slots.ts'),
      (a) => ({ body: { Successful: [], Failed: [], ...(a.action === 'SendMessageBatch' ? {} : { wrong: a.action }) } }),
    );
    // The SDK checks a digest of each message that was taken; an answer that names none has none to check.
    await module.handler();
    const entries = asked.flatMap((a) => a.body['Entries'] as { MessageBody: string; DelaySeconds: number }[]);
    const slots = entries.map((e) => JSON.parse(e.MessageBody).slot as number);
    expect(asked.every((a) => (a.body['Entries'] as unknown[]).length <= 10)).toBe(true);
    expect(slots.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 130_000 / tickMs }, (_, i) => Math.floor(now / tickMs) + 1 + i));
    expect(Math.max(...slots) * tickMs - now).toBeGreaterThan(119_000);
    for (const e of entries) expect(Math.abs(now + e.DelaySeconds * 1000 - JSON.parse(e.MessageBody).slot * tickMs)).toBeLessThanOrEqual(500);
  });

  test('says how many were not taken', async () => {
    const { module } = await coldStart(
      () => import('../../lambdas/schedule-slots.ts'),
      () => ({ body: { Successful: [], Failed: [{ Id: '1', Message: 'full', SenderFault: false, Code: 'x' }] } }),
    );
    await expect(module.handler()).rejects.toThrow(/3 of 26 slots were not put on the queue \(full\)/);
  });
});

describe('maintenance', () => {
  test('says 503 and when to come again', async () => {
    const { handler } = await import('../../lambdas/maintenance.ts');
    expect(await handler()).toMatchObject({ statusCode: 503, headers: { 'retry-after': '15', 'cache-control': 'no-store' } });
  });
});

test('a function whose environment is not whole names the variable, before anything is done', async () => {
  await expect(coldStart(() => import('../../lambdas/gate.ts'), silent, { HOLDFAST_GATE_TOKEN: '' })).rejects.toMatchObject({
    name: 'InvalidConfigError',
    message: expect.stringContaining('HOLDFAST_GATE_TOKEN'),
  });
  await expect(coldStart(() => import('../../lambdas/tick.ts'), silent, { AWS_REGION: 'eu-north-1' })).rejects.toMatchObject({
    name: 'InvalidConfigError',
    message: expect.stringContaining('eu-north-1'),
  });
});
