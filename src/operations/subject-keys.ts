// The keys of persons: one for each person and data key, in rows of every region, outside every lock. A key counts once a majority of the
// regions has it; it is gone once every region says so.
import { emptyKeys, eraseSubjectRow, holdKey, parseSubjectRow, subjectKey, type SubjectRow } from '../core/backup/subject-rows.ts';
import { toHex } from '../core/vault/bytes.ts';
import { KeyUnavailableError, TooFewSitesError } from '../core/vault/vault-errors.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { Random } from '../vault/pack-builder.ts';
import { describe } from '../vault/site-set.ts';
import { openItem, sealItem, subjectId, unwrapSubjectKey, wrapSubjectKey } from '../vault/subject-crypto.ts';

/** A worker keeps so many persons' keys, for as long as it writes or reads one part. */
const keysKept = 10_000;

export class SubjectKeys {
  readonly #rows: readonly RowStore[];
  readonly #random: Random;
  readonly #majority: number;

  /** @param rows of every region of the group */
  constructor(rows: readonly RowStore[], random: Random) {
    this.#rows = rows;
    this.#random = random;
    this.#majority = Math.floor(rows.length / 2) + 1;
  }

  get regions(): readonly string[] {
    return this.#rows.map((row) => row.region);
  }

  /** Seals items of one part. What is about an erased person is sealed under a key that nobody keeps: it is as erased as the rest. */
  sealer(key: DataKey): (name: string, item: string) => Promise<{ readonly subject: string; readonly sealed: string }> {
    const keys = new Map<string, Promise<Uint8Array>>();
    return async (name, item) => {
      const subject = subjectId(key, name);
      const bytes = await kept(keys, subject, async () => this.#keyToSeal(key, subject));
      return { subject, sealed: sealItem(bytes, subject, item, this.#random) };
    };
  }

  /** Opens items of one part; null: erased. @throws KeyUnavailableError for a key that is lost but was not erased, TooFewSitesError */
  opener(key: DataKey): (subject: string, sealed: string) => Promise<string | null> {
    const keys = new Map<string, Promise<SubjectRow>>();
    return async (subject, sealed) => {
      const { isErased, wrapped } = await kept(keys, subject, async () => this.#read(subject));
      if (isErased) return null;
      for (const each of Object.values(wrapped)) {
        const bytes = unwrapSubjectKey(key, subject, each);
        const item = bytes === null ? null : openItem(bytes, subject, sealed);
        if (item !== null) return item;
      }
      throw new KeyUnavailableError(`No key that is kept opens what is about the person ${subject}, and none was erased: rows SUBJECT#${subject} were lost or altered. Nothing of it was used.`);
    };
  }

  /** Repeating it is safe, and finishes what was begun. @returns the name under which the person was @throws TooFewSitesError unless every region says that the key is gone */
  async erase(key: DataKey, name: string, nowMs: number): Promise<string> {
    const subject = subjectId(key, name);
    const answers = await Promise.allSettled(this.#rows.map(async (rows) => eraseIn(rows, subject, nowMs)));
    const silent = answers.flatMap((answer, i) => (answer.status === 'rejected' ? [`${this.#rows[i]?.region}: ${describe(answer.reason)}`] : []));
    if (silent.length > 0)
      throw new TooFewSitesError(`The key of the person ${subject} is not known to be gone everywhere (${silent.join('; ')}). Nothing was certified; erase again when every region answers.`);
    return subject;
  }

  async #keyToSeal(key: DataKey, subject: string): Promise<Uint8Array> {
    const rows = await this.#ask(subject);
    if (rows.some(({ isErased }) => isErased)) return this.#random(32);
    const copies = new Map<string, { bytes: Uint8Array; regions: number }>();
    for (const { wrapped } of rows)
      for (const [name, text] of Object.entries(wrapped)) {
        const bytes = unwrapSubjectKey(key, subject, text);
        if (bytes !== null) copies.set(name, { bytes, regions: (copies.get(name)?.regions ?? 0) + 1 });
      }
    const counts = [...copies.values()].find(({ regions }) => regions >= this.#majority);
    return counts?.bytes ?? this.#newKey(key, subject);
  }

  async #newKey(key: DataKey, subject: string): Promise<Uint8Array> {
    const bytes = this.#random(32);
    const change = holdKey(subject, toHex(this.#random(8)), wrapSubjectKey(key, subject, bytes, this.#random));
    const answers = await Promise.allSettled(this.#rows.map(async (rows) => rows.change(change)));
    // Erased meanwhile: the key stays in no row for long, since that erasure empties each row after it is marked.
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value.kind === 'refused')) return this.#random(32);
    const stored = answers.filter((answer) => answer.status === 'fulfilled').length;
    if (stored >= this.#majority) return bytes;
    throw new TooFewSitesError(
      `A key of a person was stored in ${stored} of ${this.#rows.length} regions, and ${this.#majority} are needed. Nothing was written under it; try again when they answer.`,
    );
  }

  async #read(subject: string): Promise<SubjectRow> {
    const rows = await this.#ask(subject);
    return { isErased: rows.some(({ isErased }) => isErased), wrapped: Object.assign({}, ...rows.map(({ wrapped }) => wrapped)) };
  }

  /** What a majority of the regions says, or more. */
  async #ask(subject: string): Promise<SubjectRow[]> {
    const answers = await Promise.allSettled(this.#rows.map(async (rows) => parseSubjectRow(await rows.get(subjectKey(subject)))));
    const rows = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    if (rows.length >= this.#majority) return rows;
    throw new TooFewSitesError(`Only ${rows.length} of ${this.#rows.length} regions say what the key of a person is, and ${this.#majority} are needed. Try again when they answer.`);
  }
}

async function eraseIn(rows: RowStore, subject: string, nowMs: number): Promise<void> {
  if (!parseSubjectRow(await rows.get(subjectKey(subject))).isErased) await rows.change(eraseSubjectRow(subject, nowMs));
  const names = Object.keys(parseSubjectRow(await rows.get(subjectKey(subject))).wrapped);
  if (names.length > 0) await rows.change(emptyKeys(subject, names));
  const { isErased, wrapped } = parseSubjectRow(await rows.get(subjectKey(subject)));
  if (!isErased || Object.keys(wrapped).length > 0) throw new KeyUnavailableError(`the row SUBJECT#${subject} still has a key`);
}

async function kept<T>(cache: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const known = cache.get(name);
  if (known !== undefined) return known;
  if (cache.size >= keysKept) cache.clear();
  const made = make();
  cache.set(name, made);
  return made;
}
