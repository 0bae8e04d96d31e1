// The prober on a clock of its own, and one real probe against servers that are well, unwell, silent and gone.
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { networkProbe } from '../../../local/dns/probe.ts';
import { afterProbe, startProber, verdict, type Clock, type HealthChange } from '../../../local/dns/prober.ts';
import { healthCheckOf, type HealthCheck } from '../../../local/dns/zone.ts';
import { closeServer, listen } from '../../../local/proxy/listen.ts';

const check: HealthCheck = {
  id: 'gate',
  protocol: 'https',
  host: 'abc.lambda-url.us-east-1.on.aws',
  port: 443,
  path: '/gate/token',
  intervalSeconds: 10,
  failureThreshold: 1,
  inverted: false,
  disabled: false,
  regions: ['eu-west-1', 'us-west-1', 'sa-east-1'],
};

/** Time goes on only when told, and everything due is called in order; promises are let through in between. */
class ManualClock implements Clock {
  #nowMs = 0;
  #due: { atMs: number; call: () => void }[] = [];
  now(): number {
    return this.#nowMs;
  }
  after(ms: number, call: () => void): () => void {
    const entry = { atMs: this.#nowMs + ms, call };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }
  async advanceTo(atMs: number): Promise<void> {
    for (;;) {
      const next = this.#due.filter((entry) => entry.atMs <= atMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((entry) => entry !== next);
      this.#nowMs = next.atMs;
      next.call();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#nowMs = atMs;
  }
}

function start(options: { checks?: HealthCheck[]; phases?: number[]; ok: (atMs: number) => boolean }) {
  const clock = new ManualClock();
  const changes: HealthChange[] = [];
  const probedAtMs: number[] = [];
  const phases = [...(options.phases ?? [0.1, 0.5, 0.9])];
  const prober = startProber({
    checks: options.checks ?? [check],
    clock,
    random: () => phases.shift() ?? 0,
    onChange: (change) => changes.push(change),
    probe: () => {
      probedAtMs.push(clock.now());
      return Promise.resolve({ ok: options.ok(clock.now()), because: 'told so' });
    },
  });
  return { clock, changes, probedAtMs, prober };
}

describe('the rhythm', () => {
  test('each checker has its own phase and the interval of the check', async () => {
    const { clock, probedAtMs } = start({ ok: () => true });
    await clock.advanceTo(20_000);
    expect(probedAtMs).toEqual([1_000, 5_000, 9_000, 11_000, 15_000, 19_000]);
  });

  test('a new check is healthy before anything was asked, and unhealthy once the last of three says so', async () => {
    const { clock, changes, prober } = start({ ok: () => false });
    expect(prober.health()).toEqual({ gate: true });
    await clock.advanceTo(8_999);
    expect(prober.health()).toEqual({ gate: true });
    await clock.advanceTo(9_000);
    expect(changes).toEqual([{ checkId: 'gate', healthy: false, atMs: 9_000, because: 'told so' }]);
  });

  test('one checker of three is more than 18 %: it is healthy again at the first success', async () => {
    const { clock, changes } = start({ ok: (atMs) => atMs >= 11_000 });
    await clock.advanceTo(30_000);
    expect(changes.map(({ healthy, atMs }) => [healthy, atMs])).toEqual([
      [false, 9_000],
      [true, 11_000],
    ]);
  });

  test('a failure threshold of two wants two in a row of each', async () => {
    const { clock, changes } = start({ checks: [{ ...check, failureThreshold: 2 }], ok: () => false });
    await clock.advanceTo(30_000);
    expect(changes.map(({ atMs }) => atMs)).toEqual([19_000]);
  });

  test('after stop nothing is probed', async () => {
    const { clock, probedAtMs, prober } = start({ ok: () => true });
    await clock.advanceTo(1_000);
    prober.stop();
    await clock.advanceTo(60_000);
    expect(probedAtMs).toEqual([1_000]);
  });

  test('a check that names more regions has more checkers, and never fewer than three', async () => {
    for (const [regions, probes] of [
      [['a', 'b', 'c', 'd', 'e'], 5],
      [['a'], 3],
    ] as const) {
      const { clock, probedAtMs } = start({ checks: [{ ...check, regions }], ok: () => true });
      await clock.advanceTo(9_999);
      expect(probedAtMs).toHaveLength(probes);
    }
  });

  test('a disabled check is healthy and not probed', async () => {
    const { clock, probedAtMs, prober } = start({ checks: [{ ...check, disabled: true }], ok: () => false });
    await clock.advanceTo(60_000);
    expect([probedAtMs, prober.health()]).toEqual([[], { gate: true }]);
  });
});

describe('the rules', () => {
  test.each([
    [16, 2, false],
    [16, 3, true],
    [3, 0, false],
    [3, 1, true],
    [100, 18, false],
    [100, 19, true],
  ])('of %i checkers %i healthy: %s; inverted, the opposite', (checkers, healthy, expected) => {
    expect(verdict({ disabled: false, inverted: false }, healthy, checkers)).toBe(expected);
    expect(verdict({ disabled: false, inverted: true }, healthy, checkers)).toBe(!expected);
  });

  test('a checker changes its mind exactly when the last `threshold` answers all disagree with it', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), (answers, threshold) => {
        let checker = { healthy: true, streak: 0 };
        let expected = true;
        answers.forEach((ok, index) => {
          checker = afterProbe(checker, ok, threshold);
          const last = answers.slice(Math.max(0, index + 1 - threshold), index + 1);
          if (last.length === threshold && last.every((one) => one !== expected)) expected = !expected;
          expect(checker.healthy).toBe(expected);
        });
      }),
    );
  });

  test("Route 53's own defaults where the check does not say", () => {
    expect(healthCheckOf({ Id: 'x', CallerReference: 'r', HealthCheckVersion: 1, HealthCheckConfig: { Type: 'HTTPS', FullyQualifiedDomainName: 'A.test' } })).toMatchObject({
      host: 'a.test',
      port: 443,
      path: '/',
      intervalSeconds: 30,
      failureThreshold: 3,
      regions: { length: 8 },
    });
    expect(() => healthCheckOf({ Id: 'x', CallerReference: 'r', HealthCheckVersion: 1, HealthCheckConfig: { Type: 'CALCULATED' } })).toThrow(/does not run/);
  });
});

describe('one probe', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map(closeServer));
  });
  const limits = { connectMs: 500, statusMs: 150, tcpConnectMs: 500 };

  async function probeOf(status: number | null): Promise<{ ok: boolean; because: string; seen: string[] }> {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.headers.host ?? ''}${request.url ?? ''}`);
      if (status !== null) response.writeHead(status).end('x');
    });
    servers.push(server);
    const port = await listen(server, '127.0.0.1', 0);
    const outcome = await networkProbe(() => ({ address: '127.0.0.1', port }), limits)(check);
    server.closeAllConnections();
    return { ...outcome, seen };
  }

  test.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [503, false],
  ])('status %i: %s', async (status, ok) => {
    expect(await probeOf(status)).toEqual({ ok, because: `status ${status}`, seen: ['abc.lambda-url.us-east-1.on.aws/gate/token'] });
  });

  test('accepted and then silent, as a stopped region is', async () => {
    expect(await probeOf(null)).toMatchObject({ ok: false, because: 'no status within 150 ms' });
  });

  test('refused, as a dead region is; and a name that nobody has', async () => {
    const server = createTcpServer();
    const port = await listen(server, '127.0.0.1', 0);
    const tcp = networkProbe(() => ({ address: '127.0.0.1', port }), limits);
    expect(await tcp({ ...check, protocol: 'tcp' })).toEqual({ ok: true, because: 'connected' });
    await closeServer(server);
    expect(await tcp(check)).toMatchObject({ ok: false, because: expect.stringContaining('ECONNREFUSED') });
    expect(await networkProbe(() => null, limits)(check)).toMatchObject({ ok: false });
  });
});
