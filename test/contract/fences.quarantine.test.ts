// The quarantine fence keeps the contract against moto's server: a peer that nobody of us wrote. What it cannot show: that no packet passes, what becomes
// of flows that AWS had tracked, and answers in pages (docs/fences.md); the pages are cut here, from what moto answers.
import { DescribeNetworkInterfacesCommand, DescribeVpcsCommand, EC2Client, ModifyNetworkInterfaceAttributeCommand } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEc2 } from '../../src/drivers/aws/fences/fence-clients.ts';
import { quarantineFence } from '../../src/drivers/aws/fences/quarantine-fence.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { runFences } from '../../src/operations/run-fences.ts';
import { undoFences } from '../../src/operations/undo-fences.ts';
import { east, sightingOf, valueOf, west } from '../core/fixtures.ts';
import { credentials } from '../local/engine/engine-fixture.ts';
import { startMoto, type MotoServer } from './ec2/moto-server.ts';
import { Network } from './ec2/network.ts';
import { faultGateway, type FaultGateway } from './fault-gateway.ts';
import { fenceContract, permit } from './fence.ts';

const target = { region: east, epoch: 5 };
const soon = () => AbortSignal.timeout(20_000);
const gateways: FaultGateway[] = [];
let moto: MotoServer;

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  moto = await startMoto();
  // The first call has moto read its images and instance types, for longer than a fence waits for an answer.
  await patient().send(new DescribeVpcsCommand({}));
}, 120_000);
afterAll(async () => {
  for (const gateway of gateways) await gateway.close();
  await moto?.stop();
});

const ec2 = () => createEc2(east, moto.url.origin);
/** Not the driver's, so without its limits. */
const patient = () => new EC2Client({ region: east, endpoint: moto.url.origin });

/** Two instances with three interfaces, in two groups, three and one. */
async function newWorld() {
  const network = await Network.make(patient());
  const [a = '', b = '', c = ''] = await network.newGroups(3);
  const quarantine = await network.newQuarantine();
  const instances = [await network.newInstance([a, b]), await network.newInstance([c])];
  const added = await network.attach(instances[0] ?? '', 1, [a, b, c]);
  const state = async () => [...(await network.groupsOfEach())].map(([id, groups]) => `${id} ${groups.join(' ')}`).join('\n');
  const isStopped = async () => [...(await network.groupsOfEach()).values()].every((groups) => groups.join() === quarantine);
  return { network, instances, quarantine, added, groups: [a, b, c], state, isStopped };
}

fenceContract('security-group quarantine', ['unreachable', 'silent', 'answer-lost', 'ineffective'], async () => {
  const { network, instances, quarantine, added, state, isStopped } = await newWorld();
  const gateway = await faultGateway(
    moto.url,
    undefined,
    ({ body }) => body.includes('Action=ModifyNetworkInterfaceAttribute'),
    () => ({ status: 200, contentType: 'text/xml', body: '<ModifyNetworkInterfaceAttributeResponse/>' }),
  );
  gateways.push(gateway);
  return {
    fence: quarantineFence(createEc2(east, gateway.url.origin), instances, quarantine),
    isStopped,
    state,
    stopBeforehand: async () => network.move(added, [quarantine]),
    suffer: gateway.suffer,
  };
});

/** Counts what is changed; `refuse` says which change is not answered. */
function watched(client: EC2Client, refuse: (groupsBefore: number) => boolean = () => false) {
  const changes: string[] = [];
  client.middlewareStack.add(
    (next) => async (args) => {
      const { NetworkInterfaceId, Groups } = new ModifyNetworkInterfaceAttributeCommand(Object(args.input)).input;
      if (NetworkInterfaceId === undefined || Groups === undefined) return next(args);
      if (refuse(changes.length)) throw new Error('no answer');
      changes.push(`${NetworkInterfaceId} ${Groups.join(' ')}`);
      return next(args);
    },
    { step: 'initialize' },
  );
  return { client, changes };
}

describe.concurrent('a quarantine that would be none', () => {
  test.each(['an inbound rule', 'an outbound rule'])('a group with %s: failed before anything is changed, also where everything is in it already', async (what) => {
    const { network, instances, state } = await newWorld();
    const group = await network.newGroup();
    if (what === 'an inbound rule') {
      await network.closeOut(group);
      await network.letIn(group);
    }
    const { client, changes } = watched(ec2());
    const fence = quarantineFence(client, instances, group);
    const before = await state();
    const because = expect.stringMatching(/is no quarantine: it has (1 inbound and 0|0 inbound and 1) outbound rules\. Take all of them out/u);
    await fence.remember(target, soon());
    expect(await fence.fence(target, soon())).toEqual({ kind: 'failed', because });
    expect(changes).toEqual([]);
    expect(await state()).toBe(before);
    for (const id of (await network.groupsOfEach()).keys()) await network.move(id, [group]);
    expect(await fence.fence(target, soon())).toEqual({ kind: 'failed', because });
  });

  test('undo asks nothing of the group: one that was given rules holds nobody back', async () => {
    const { network, instances, quarantine, state } = await newWorld();
    const fence = quarantineFence(ec2(), instances, quarantine);
    const before = await state();
    const memo = await fence.remember(target, soon());
    expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
    await network.letIn(quarantine);
    expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await state()).toBe(before);
  });

  test.each([
    ['an instance', (instances: readonly string[], quarantine: string) => ({ instances: [...instances, 'i-0123456789abcdef0'], quarantine }), /InvalidInstanceID\.NotFound/u],
    ['a group', (instances: readonly string[]) => ({ instances, quarantine: 'sg-0123456789abcdef0' }), /InvalidGroup\.NotFound/u],
  ])('%s that is not there: failed, and nothing is changed', async (_, wrong, because) => {
    const { instances, quarantine, state } = await newWorld();
    const before = await state();
    const given = wrong(instances, quarantine);
    expect(await quarantineFence(ec2(), given.instances, given.quarantine).fence(target, soon())).toEqual({ kind: 'failed', because: expect.stringMatching(because) });
    expect(await state()).toBe(before);
  });

  test('an instance that is terminated has no interface left to move', async () => {
    const { network, instances, quarantine, groups, isStopped } = await newWorld();
    const gone = await network.newInstance(groups);
    await network.terminate(gone);
    expect(await network.groupsOfEach()).toHaveProperty('size', 3);
    const fence = quarantineFence(ec2(), [...instances, gone], quarantine);
    expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await isStopped()).toBe(true);
  });

  test('an instance that runs, and of which no interface is shown, is not confirmed', async () => {
    const { instances, quarantine } = await newWorld();
    const client = ec2();
    const limit = new AbortController();
    let looks = 0;
    answering(client, (all) => {
      if ((looks += 1) === 2) limit.abort();
      return { shown: all.filter(({ Attachment }) => Attachment?.InstanceId === instances[0]), next: undefined };
    });
    const outcome = await quarantineFence(client, instances, quarantine).fence(target, limit.signal);
    expect(outcome).toEqual({ kind: 'unknown', because: expect.stringContaining(`${instances[1]} is running, and none of its network interfaces is shown`) });
  });
});

type Shown = NonNullable<Awaited<ReturnType<typeof describeAll>>['NetworkInterfaces']>;
const describeAll = async (client: EC2Client) => client.send(new DescribeNetworkInterfacesCommand({}));

/** What moto shows of interfaces, as `change` cuts it. */
function answering(client: EC2Client, change: (all: Shown, token: string | undefined) => { readonly shown: Shown; readonly next: string | undefined }): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName !== 'DescribeNetworkInterfacesCommand') return next(args);
        const { NextToken, ...input } = new DescribeNetworkInterfacesCommand(Object(args.input)).input;
        const result = await next({ ...args, input: Object(input) });
        const { shown, next: token } = change(Object(result.output).NetworkInterfaces, NextToken);
        return { ...result, output: Object.assign(result.output, { NetworkInterfaces: shown, NextToken: token }) };
      },
    { step: 'initialize' },
  );
}

describe.concurrent('what is moved, and what comes back', () => {
  test('every page of interfaces', async () => {
    const { instances, quarantine, state, isStopped } = await newWorld();
    const client = ec2();
    const tokens: (string | undefined)[] = [];
    answering(client, (all, token) => {
      tokens.push(token);
      const at = Number(token ?? 0);
      return { shown: all.slice(at, at + 1), next: at + 1 < all.length ? String(at + 1) : undefined };
    });
    const fence = quarantineFence(client, instances, quarantine);
    const before = await state();
    const memo = await fence.remember(target, soon());
    expect(tokens).toEqual([undefined, '1', '2']);
    expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await isStopped()).toBe(true);
    expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await state()).toBe(before);
  });

  test('sixteen groups, and one beside the quarantine; nothing is moved twice', async () => {
    const { network, instances, quarantine, added, groups, state } = await newWorld();
    const many = await network.newGroups(16);
    await network.move(added, many);
    const [first = ''] = (await network.groupsOfEach()).keys();
    await network.move(first, [quarantine, ...groups]);
    const before = await state();
    const { client, changes } = watched(ec2());
    const fence = quarantineFence(client, instances, quarantine);
    const memo = await fence.remember(target, soon());
    expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await state()).toBe(before);
    expect(changes).toHaveLength(6);
    expect(changes).toContain(`${added} ${many.toSorted().join(' ')}`);
  });

  test('a run that got half way and a second one: undo brings back what stood before the first', async () => {
    const { instances, quarantine, state, isStopped } = await newWorld();
    const limit = new AbortController();
    let refused = 0;
    // Of three changes two are not answered, and of the next two the first: by then the one that was is carried out.
    const { client } = watched(ec2(), (count) => {
      if (limit.signal.aborted || count === 0) return false;
      if ((refused += 1) === 3) limit.abort();
      return true;
    });
    const before = await state();
    const value = valueOf({ holder: west, epoch: 5, regions: { [east]: { reconciled: false }, [west]: { reconciled: true } } });
    const own = new MemoryRowStore(west);
    let ids = 0;
    const ports = {
      own,
      pages: new MemoryRowPages(own),
      register: { look: async () => sightingOf(value) },
      fences: [{ name: 'vms', kind: 'security-group-quarantine' as const, region: east, required: true, order: 1, timeoutMs: 20_000, driver: quarantineFence(client, instances, quarantine) }],
      clock: { nowMs: () => Date.now() },
      chance: { id: () => String((ids += 1)) },
      timeLimit: (ms: number) => (limit.signal.aborted ? AbortSignal.timeout(ms) : limit.signal),
    };
    expect(await runFences(ports, 5)).toMatchObject([{ results: [{ outcome: { kind: 'unknown' } }] }]);
    expect(await isStopped()).toBe(false);
    expect(await state()).not.toBe(before);
    expect(await runFences(ports, 5)).toMatchObject([{ results: [{ outcome: { kind: 'confirmed' } }] }]);
    expect(await isStopped()).toBe(true);
    const signedOff = { ...value, regions: { ...value.regions, [east]: { reconciled: true } } };
    expect(await undoFences(ports, signedOff, east, { by: 'anna', reason: 'it is back' })).toMatchObject([{ outcome: { kind: 'confirmed' } }]);
    expect(await state()).toBe(before);
  });

  test('an interface that is attached after it was written down is moved too; undo, which knows nothing of it, leaves it there', async () => {
    const { network, instances, quarantine, groups, state, isStopped } = await newWorld();
    const fence = quarantineFence(ec2(), instances, quarantine);
    const before = await state();
    const memo = await fence.remember(target, soon());
    const late = await network.attach(instances[1] ?? '', 1, groups);
    expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await isStopped()).toBe(true);
    expect(await fence.undo(permit, memo, soon())).toMatchObject({ kind: 'confirmed' });
    expect(await state()).toBe(`${before}\n${late} ${quarantine}`);
  });

  test('one that somebody moved out of quarantine is left as it is, and said; the others come back', async () => {
    const { network, instances, quarantine, added, groups, state } = await newWorld();
    const [, , c = ''] = groups;
    const fence = quarantineFence(ec2(), instances, quarantine);
    const before = await state();
    const memo = await fence.remember(target, soon());
    expect(await fence.fence(target, soon())).toMatchObject({ kind: 'confirmed' });
    await network.move(added, [c]);
    const because = `RefusedError: ${added} is out of quarantine already, in ${c}; before the fence it was in ${groups.toSorted().join(', ')}.`;
    expect(await fence.undo(permit, memo, soon())).toEqual({ kind: 'failed', because: expect.stringContaining(because) });
    expect((await network.groupsOfEach()).get(added)).toEqual([c]);
    await network.move(added, groups);
    expect(await state()).toBe(before);
  });
});
