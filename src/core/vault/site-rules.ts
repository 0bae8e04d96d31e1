// What every site refuses before it does anything, whatever it is made of: names that another kind of site could not hold
// (a vault is copied from one to the other), and locks that would become weaker.
import { RefusedError } from '../errors.ts';

/** As in the port. */
type Lock = { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly untilMs: number };

const nameCharactersMax = 512;
/** Segments of letters, digits, dot, underscore and minus, none of which begins with a dot: nothing leaves the vault's folder, nothing meets a site's own files. */
const storable = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const prefix = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\/?)?$/;

export function refuseBadName(name: string): void {
  if (name.length > nameCharactersMax || !storable.test(name)) {
    throw new RefusedError(
      `${JSON.stringify(name.slice(0, 80))} cannot be the name of an object in a vault: use segments of A-Z a-z 0-9 . _ - that begin with no dot, joined by /, at most ${nameCharactersMax} characters`,
    );
  }
}

export function refuseBadPrefix(text: string): void {
  if (text.length > nameCharactersMax || !prefix.test(text)) throw new RefusedError(`${JSON.stringify(text.slice(0, 80))} cannot be the beginning of an object's name in a vault: nothing was listed`);
}

/** Nothing is given up while somebody wants it kept. */
export function refuseWhileKept(site: string, name: string, { lock, isHeld }: { readonly lock: Lock | null; readonly isHeld: boolean }, nowMs: number): void {
  if (isHeld) throw new RefusedError(`${name} in ${site} is under a legal hold: it stays until the hold is taken off. Nothing was changed`);
  if (lock !== null && lock.untilMs > nowMs)
    throw new RefusedError(`${name} in ${site} is locked (${lock.mode}) until ${lock.untilMs} ms, and it is ${Math.round(nowMs)} ms: it stays. Nothing was changed`);
}

/** A lock only becomes longer, and COMPLIANCE never GOVERNANCE. */
export function refuseWeakerLock(site: string, name: string, present: Lock | null, wanted: Lock): void {
  if (present === null) return;
  const isShorter = wanted.untilMs < present.untilMs;
  if (!isShorter && !(present.mode === 'COMPLIANCE' && wanted.mode === 'GOVERNANCE')) return;
  throw new RefusedError(`${name} in ${site} is locked (${present.mode}) until ${present.untilMs} ms; a lock (${wanted.mode}) until ${wanted.untilMs} ms would be weaker. Nothing was changed`);
}
