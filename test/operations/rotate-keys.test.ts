// Rotation of data keys: who acts, which keys are due, and that every key opens all the time.
import { describe, expect, test } from 'vitest';
import { TablePoints } from '../../src/operations/backup-facts.ts';
import type { BackupPorts } from '../../src/operations/backup-ports.ts';
import { rotateBySchedule, rotationMs } from '../../src/operations/rotate-keys.ts';
import type { KeyWrap } from '../../src/ports/key-wrap.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { createWorld, east, openWrap, west, type World } from './backup-fixture.ts';

async function begun(sites: readonly MemorySite[] = ['us-east-1', 'us-west-2', 'eu-west-1'].map((name) => new MemorySite(name))) {
  const world = await createWorld({ sites });
  await world.region(east).setLease(1, Number.MAX_SAFE_INTEGER);
  await world.region(east).put('k1', 1, 1);
  await world.backup(east, 'full');
  return { world, sites };
}

const rotate = async (world: World, region: string, override: Partial<BackupPorts> = {}) => {
  const ports = world.portsIn(region, override);
  return rotateBySchedule(ports, new TablePoints(ports));
};

async function filesOf(sites: readonly MemorySite[]): Promise<string[]> {
  const names: string[] = [];
  for (const site of sites) for await (const { name } of site.list('keys/')) names.push(`${site.name} ${name}`);
  return names;
}

describe('RotateKeys', () => {
  test('wraps a key anew at 90 days and not before, locked as long as anything may be; what was encrypted opens still', async () => {
    const { world, sites } = await begun();
    world.clock.advance(rotationMs - 1);
    expect(await rotate(world, east)).toMatchObject({ acts: true, rotated: [], fresh: 1 });
    expect(await filesOf(sites)).toHaveLength(3);
    world.clock.advance(1);
    const { rotated } = await rotate(world, east);
    expect(rotated).toEqual([{ key: expect.stringMatching(/^[0-9a-f]{16}$/), generation: 2 }]);
    for (const site of sites) expect(await site.head(`keys/${rotated[0]?.key}/00000002`)).toMatchObject({ lock: { mode: 'COMPLIANCE', untilMs: world.clock.nowMs() + 86_400_000 } });
    expect(await rotate(world, east)).toMatchObject({ rotated: [], fresh: 1 });
    const [point] = await world.coldIn(east).list();
    expect(point).toBeDefined();
    if (point !== undefined) expect(await world.coldIn(east).facts(point)).toMatchObject({ chain: point.chain });
  });

  test('acts in the open region only', async () => {
    const { world, sites } = await begun();
    world.clock.advance(rotationMs);
    expect(await rotate(world, west)).toMatchObject({ acts: false, because: expect.stringContaining('not open'), rotated: [] });
    expect(await filesOf(sites)).toHaveLength(3);
  });

  test('a wrap that only a minority has does not count', async () => {
    const { world, sites } = await begun();
    const [site] = sites;
    const [name = ''] = (await filesOf(sites)).map((each) => each.split(' ')[1] ?? '');
    const file: Record<string, unknown> = JSON.parse(Buffer.from((await site?.get(name)) ?? []).toString());
    const bytes = Buffer.from(JSON.stringify({ ...file, generation: 2, wrappedAtMs: world.clock.nowMs() }));
    await site?.put(name.replace(/1$/, '2'), bytes, { sha256: world.portsIn(east).digest(bytes.toString()), lock: null });
    expect(await rotate(world, east)).toMatchObject({ rotated: [{ generation: 3 }] });
  });

  test('a key that does not open stands in no other one’s way, and the run fails by its name', async () => {
    const { world, sites } = await begun();
    world.clock.advance(1000);
    await world.backup(east, 'full');
    const keys = [...new Set((await filesOf(sites)).map((name) => name.split('/')[1] ?? ''))];
    expect(keys).toHaveLength(2);
    world.clock.advance(rotationMs);
    const wrap: KeyWrap = { ...openWrap, unwrap: async (vault, keyId, one) => (keyId === keys[0] ? null : openWrap.unwrap(vault, keyId, one)) };
    await expect(rotate(world, east, { wrap })).rejects.toMatchObject({
      name: 'KeyUnavailableError',
      message: expect.stringMatching(new RegExp(`^1 data keys got no new wrap \\(${keys[0]}: .*1 did`)),
    });
    expect((await filesOf(sites)).filter((name) => name.includes(`${keys[1]}/00000002`))).toHaveLength(3);
  });
});
