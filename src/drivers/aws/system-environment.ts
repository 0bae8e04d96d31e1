// The real clock, chance and hash.
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Chance, Clock, Digest } from '../../ports/environment.ts';

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  wait: async (ms) => setTimeout(ms),
};

export const systemChance: Chance = { id: () => randomBytes(16).toString('hex') };

export const sha256: Digest = (text) => createHash('sha256').update(text).digest('hex');

export const sha256Bytes = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export const systemRandom = (bytes: number): Uint8Array => randomBytes(bytes);
