// Reads the register in all regions' tables, four times a second each, and notes when it first saw each ballot in each table. It does
// not take part: plain reads, one outstanding a region, no region waits for another.
import type { Clock } from './clock.ts';
import { chosenReadings } from './figures.ts';
import type { RegisterReading } from './journal.ts';
import type { RegisterRow } from './tables.ts';

export const REGISTER_READ_INTERVAL_MS = 250;

export interface Acceptor {
  readonly region: string;
  readonly read: () => Promise<RegisterRow | null>;
}

export class RegisterReader {
  readonly readings: RegisterReading[] = [];
  readonly failures = new Map<string, number>();
  readonly acceptors: readonly Acceptor[];
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #seen = new Set<string>();
  readonly #busy = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock, acceptors: readonly Acceptor[], intervalMs: number = REGISTER_READ_INTERVAL_MS) {
    this.#clock = clock;
    this.acceptors = acceptors;
    this.#intervalMs = intervalMs;
  }

  start(): void {
    const lookAtAll = () => {
      for (const acceptor of this.acceptors) void this.#look(acceptor);
    };
    lookAtAll();
    this.#timer = setInterval(lookAtAll, this.#intervalMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** The newest value that the observer knows to be chosen. */
  chosen(): RegisterReading | null {
    return chosenReadings(this.readings, this.acceptors.length).reduce<RegisterReading | null>((newest, reading) => (newest === null || reading.ballot > newest.ballot ? reading : newest), null);
  }

  highestBallot(): string {
    return this.readings.reduce((highest, reading) => (reading.ballot > highest ? reading.ballot : highest), '');
  }

  async #look(acceptor: Acceptor): Promise<void> {
    if (this.#busy.has(acceptor.region)) return;
    this.#busy.add(acceptor.region);
    try {
      const row = await acceptor.read();
      const sighting = `${acceptor.region} ${row?.ballot}`;
      if (row !== null && !this.#seen.has(sighting)) {
        this.#seen.add(sighting);
        this.readings.push({ region: acceptor.region, atMs: this.#clock.nowMs(), ...row });
      }
    } catch {
      this.failures.set(acceptor.region, (this.failures.get(acceptor.region) ?? 0) + 1);
    } finally {
      this.#busy.delete(acceptor.region);
    }
  }
}
