// What a hand-over goes by in a simulated region: the stream of its table, its log, and the successor's rows, all through the network.
import { marks, type Image } from '../../src/core/log/change-record.ts';
import { nextSegment } from '../../src/core/log/segment.ts';
import { MemoryChangeStream } from '../../src/drivers/memory/memory-change-stream.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import type { HandOverPorts } from '../../src/operations/governor.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import { cheapDigest, governorOf, type Ports } from './governor-ports.ts';
import type { Invocation, Region } from './region.ts';

type Table = { readonly stream: MemoryChangeStream; readonly set: (key: string, image: Image | null) => void; readonly log: LogStore };

export function handOverPorts(ports: Ports, invocation: Invocation, { stream, set, log }: Table): HandOverPorts {
  const { world } = ports;
  const { region } = invocation;
  const call = <T>(what: string, act: () => T | Promise<T>) => world.call({ from: invocation, to: region, what, act });
  return {
    stream: {
      ends: () => call('list stream', () => stream.ends()),
      read: (iterator) => call('read stream', () => stream.read(iterator)),
      // Whoever dies in between leaves the item.
      mark: async (key, epoch) => {
        await call('mark data', () => set(key, { id: { S: key }, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: region.name } }));
        await call('mark data', () => set(key, null));
      },
    },
    log,
    rowsOf: (name) => {
      const found = governorOf(ports, invocation).voters.find((v) => v.region === name);
      if (found === undefined) throw new RangeError(`There is no region ${name}.`);
      return found;
    },
  };
}

/** Where a history carries no data: a table that nobody writes, whose log is everywhere at once. */
export function emptyTables(ports: Ports): (invocation: Invocation) => HandOverPorts {
  const tables = new Map<Region, Table>();
  const tableOf = (region: Region): Table => {
    const [items, log] = [new Map<string, Image>(), new MemoryLogStore(region.name)];
    let changes = 0;
    const set = (key: string, image: Image | null): void => {
      const oldImage = items.get(key) ?? null;
      if (image === null) items.delete(key);
      else items.set(key, image);
      changes += 1;
      stream.add({ key, newImage: image, oldImage, atMs: 0, sequenceNumber: String(changes) });
      const record = { key, image, epoch: 0, atMs: 0, sequenceNumber: String(changes) };
      void log.head(region.name).then((head) => log.append(head, nextSegment(region.name, head, [record], cheapDigest)));
    };
    const stream = new MemoryChangeStream(region.name, 1, set);
    return { stream, set, log };
  };
  return (invocation) => {
    const { region } = invocation;
    const table = tables.get(region) ?? tableOf(region);
    tables.set(region, table);
    return { ...handOverPorts(ports, invocation, table), rowsOf: () => ({ get: async () => ({ sequence: Number.MAX_SAFE_INTEGER }) }) };
  };
}
