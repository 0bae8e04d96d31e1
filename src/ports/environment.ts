// Time, chance and hashing, as operations are given them.

export interface Clock {
  /** Wall time of this host, ms since the epoch. May jump; never compared with another region's. */
  nowMs(): number;
  /** Counts on while this host runs; may stand still while it is frozen (H5), so it serves inside one invocation only. */
  monotonicMs(): number;
  wait(ms: number): Promise<void>;
}

export interface Chance {
  /** 32 hex digits, never handed out before. */
  id(): string;
}

/** SHA-256 of a text, as 64 hex digits. */
export type Digest = (text: string) => string;

/** What one answer of the regional DynamoDB said about the time: its `Date` header, and our clock around it. */
export type ClockSample = { readonly dateMs: number; readonly sentAtMs: number; readonly receivedAtMs: number };

export interface ClockSamples {
  /** The last samples of this invocation's calls to its own region. */
  recent(): readonly ClockSample[];
}
