// One client process: a few workers that read and change registers through the product's driver, as fast as they are answered,
// and write down each call. It is killed and stopped at any moment.
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { genesisRenewal } from '../../src/core/register/genesis.ts';
import { genesisBallot } from '../../src/core/register/ballot.ts';
import { createDynamoDb } from '../../src/drivers/aws/dynamodb-client.ts';
import { DynamoDbRowStore } from '../../src/drivers/aws/dynamodb-row-store.ts';
import { systemChance } from '../../src/drivers/aws/system-environment.ts';
import { Random } from '../simulation/random.ts';
import type { ClientOptions, FromClient, ToClient } from './messages.ts';
import { Recorder, type Answer } from './recording.ts';

type Register = typeof import('../../src/operations/register.ts');

/** A region that is down refuses within microseconds: do not spin on it. */
const afterUnknownMs = 40;
const idleMs = 20;

/** What a client last saw of a register: the ballot spares it a refused prepare. */
type Memory = { value: string; ballot: string };

class Client {
  readonly #options: ClientOptions;
  readonly #register: Register;
  readonly #recorder: Recorder;
  readonly #random: Random;
  readonly #acceptors: readonly DynamoDbRowStore[];
  readonly #memories = new Map<string, Memory>();
  #keys: readonly string[] = [];
  #isEnding = false;
  #values = 0;

  constructor(options: ClientOptions, register: Register) {
    this.#options = options;
    this.#register = register;
    const originNs = BigInt(options.originNs);
    this.#recorder = new Recorder(options.recording, () => Number(process.hrtime.bigint() - originNs));
    this.#random = new Random(options.seed);
    const tables = { register: options.registerTable, region: 'none', fence: 'none' };
    this.#acceptors = Object.entries(options.endpoints).map(([region, endpoint]) => new DynamoDbRowStore(region, createDynamoDb(region, endpoint), tables));
  }

  hear(message: ToClient): void {
    if (message.kind === 'end') this.#isEnding = true;
    else this.#keys = message.keys;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.workers }, (_, i) => this.#work(`${this.#options.name}.${i}`)));
    this.#recorder.close();
  }

  async #work(worker: string): Promise<void> {
    while (!this.#isEnding) {
      if (this.#keys.length === 0) {
        await delay(idleMs);
        continue;
      }
      const key = this.#random.pick(this.#keys);
      const kind = this.#random.next();
      // Mostly what a governor does, look and then change; else one of them alone: a change then often expects an old value.
      if (kind < 0.92) await this.#read(worker, key);
      if (kind > 0.45) await this.#cas(worker, key);
    }
  }

  async #read(worker: string, key: string): Promise<void> {
    await this.#call(key, { process: worker, key, op: 'read' }, async () => {
      const sighting = await this.#register.lookAtRegister(this.#voters(key));
      if (/RowMissingError|MalformedError/.test(sighting.because)) tell({ kind: 'defect', what: `${key}: ${sighting.because}` });
      if (sighting.kind === 'nothing') return { result: 'unknown', because: sighting.because };
      this.#memories.set(key, { value: sighting.value.renewal, ballot: this.#register.seenBallotOf(sighting) });
      // One ballot at a majority is chosen and current; anything else proves nothing.
      return sighting.kind === 'chosen' ? { result: 'ok', value: sighting.value.renewal } : { result: 'unknown', because: sighting.because };
    });
  }

  async #cas(worker: string, key: string): Promise<void> {
    const memory = this.#memories.get(key) ?? { value: genesisRenewal, ballot: genesisBallot };
    const value = `${worker}#${(this.#values += 1)}`;
    await this.#call(key, { process: worker, key, op: 'cas', expect: memory.value, value }, async () => {
      const outcome = await this.#register.changeRegister(this.#voters(key), memory.ballot, (current) =>
        current.renewal === memory.value ? { kind: 'set', value: { ...current, renewal: value } } : { kind: 'refuse', because: `it is ${current.renewal}` },
      );
      if (outcome.kind === 'unknown') return { result: 'unknown', because: outcome.because };
      const now = outcome.kind === 'chosen' ? outcome.value.renewal : outcome.current.renewal;
      this.#memories.set(key, { value: now, ballot: memory.ballot });
      return outcome.kind === 'chosen' ? { result: 'ok' } : { result: 'fail', seen: now };
    });
  }

  async #call(key: string, invocation: Parameters<Recorder['record']>[0], call: () => Promise<Answer>): Promise<void> {
    const answer = await this.#recorder.record(invocation, call);
    tell({ kind: 'called', key, result: answer.result });
    if (answer.result === 'unknown') await delay(afterUnknownMs);
  }

  #voters(group: string) {
    return { group, configId: this.#options.configId, region: this.#options.region, acceptors: this.#acceptors, chance: systemChance };
  }
}

function tell(message: FromClient): void {
  process.send?.(message);
}

const options: ClientOptions = JSON.parse(process.argv[2] ?? '');
const register: Register = await import(pathToFileURL(join(options.source, 'operations', 'register.ts')).href);
const client = new Client(options, register);
process.on('message', (message: ToClient) => client.hear(message));
// The run is gone: nobody reads what this client would still do.
process.on('disconnect', () => process.exit(1));
tell({ kind: 'ready', atNs: String(process.hrtime.bigint()) });
// What was compiled so far, for the next process: this one may not live to its end.
flushCompileCache();
await client.run();
// Calls to a region that hangs may still be open, and the channel to the run is: neither is waited for.
process.exit(0);
