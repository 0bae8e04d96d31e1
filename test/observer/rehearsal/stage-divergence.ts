// `divergence` and `failover` of the product's command line, as the stage plays them: decisions are written in the region that is open, as new writes,
// and noted; what is not decided forbids the sign-off. Which mistakes it makes is the rehearsal's choice.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const EAST = 'us-east-1';
const WEST = 'us-west-2';

export interface DivergenceMistakes {
  /** A sign-off looks at nothing. */
  readonly signsOffBlindly?: boolean;
  /** 'ours' is noted and not written again, so that the other region never hears of it. */
  readonly keepsOurs?: boolean;
  /** All together, those that are written once are dropped: no decision says what became of them. */
  readonly dropsTheRest?: boolean;
}

export interface Asked {
  readonly key?: readonly string[] | undefined;
  readonly rule?: string | undefined;
  readonly undo?: string | undefined;
  readonly all?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly by?: string | undefined;
}

/** As a region keeps it. */
export interface StageDecision {
  readonly key: string;
  readonly rule: string;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  readonly before: string | null;
  readonly wrote: string | null;
}

type Attribute = { readonly S?: string; readonly N?: string };
type Row = Readonly<Record<string, Attribute>>;

export class StageDivergence {
  readonly #regionsPath: string;
  readonly #mistakes: DivergenceMistakes;

  constructor(directory: string, mistakes: DivergenceMistakes) {
    this.#regionsPath = join(directory, 'regions.json');
    this.#mistakes = mistakes;
  }

  /** @returns the exit status */
  async run(words: string, asked: Asked): Promise<number> {
    if (words === 'failover') return this.#failover();
    if (words === 'divergence show') return this.#show();
    if (words === 'divergence sign-off') return this.#signOff();
    return asked.undo === undefined ? this.#resolve(asked) : this.#undo(asked.undo, asked);
  }

  async #failover(): Promise<number> {
    if (this.#mistakes.signsOffBlindly === true) return say({ to: EAST }, 0);
    return say({ error: { name: 'RefusedError', message: `${EAST} is not reconciled` } }, 1);
  }

  #show(): number {
    return say({ view: { seen: 'seen' } }, 0);
  }

  async #resolve({ key, all, rule = '', ...asked }: Asked): Promise<number> {
    const [divergent, isDecided] = [await this.#divergent(), await this.#decided()];
    const due = all === true ? [...divergent.keys()].filter((one) => !isDecided(one)) : (key ?? []);
    const decided = all === true && this.#mistakes.dropsTheRest === true && rule === 'theirs' ? due.filter((one) => !one.startsWith('obs-')) : due;
    let left = 0;
    for (const one of decided) {
      const ours = (await this.#items()).get(one) ?? null;
      if (rule === 'last-writer' && ours === null) {
        left += 1;
        continue;
      }
      const wrote = rule === 'theirs' ? (divergent.get(one) ?? null) : ours;
      const isWritten = (rule !== 'theirs' && this.#mistakes.keepsOurs === true) || (await this.#write(one, wrote, ours));
      if (!isWritten) left += 1;
      else await this.#note({ ...asked, key: one, rule, before: ours, wrote });
    }
    return say({ decided: decided.length - left, asked: left }, left === 0 ? 0 : 1);
  }

  async #undo(key: string, asked: Asked): Promise<number> {
    const last = (await this.#decisions()).findLast((decision) => decision.key === key);
    if (last === undefined) return say({ error: { message: 'nothing to undo' } }, 1);
    if (!(await this.#write(key, last.before, last.wrote))) return say({ kind: 'overtaken', key }, 1);
    await this.#note({ ...asked, key, rule: 'undo', before: last.wrote, wrote: last.before });
    return say({ kind: 'decided', key }, 0);
  }

  async #signOff(): Promise<number> {
    const isDecided = await this.#decided();
    const left = [...(await this.#divergent()).keys()].filter((key) => !isDecided(key));
    if (left.length > 0 && this.#mistakes.signsOffBlindly !== true) return say({ isSignedOff: false, missing: [`${left.length} keys are not decided`] }, 1);
    const { Item: item } = await this.#ask<{ Item: Row }>(WEST, 'GetItem', {});
    const value = JSON.parse(item['acceptedValue']?.S ?? '{}');
    const ballot = String(Number(item['acceptedBallot']?.S) + 1).padStart(16, '0');
    const register = { ballot, value: { ...value, regions: { ...value.regions, [EAST]: { reconciled: true } } } };
    await Promise.all(Object.keys(this.#endpoints()).map((region) => this.#tell(region, { register })));
    return say({ isSignedOff: true }, 0);
  }

  /** The last version that the lost region had of each. */
  async #divergent(): Promise<Map<string, string | null>> {
    const rows = await this.#rows('DIVERGENCE');
    return new Map(rows.map((row) => [row['itemKey']?.S ?? '', textOf(row['theirs'])]));
  }

  async #items(): Promise<Map<string, string>> {
    const { Items: items } = await this.#ask<{ Items: readonly Row[] }>(WEST, 'Scan', { TotalSegments: 1, Segment: 0 });
    return new Map(items.map((item) => [item['id']?.S ?? '', item['text']?.S ?? '']));
  }

  /** As a write of the service: it is in the log, and so reaches the other region. @returns false where something else stands by now */
  async #write(id: string, text: string | null, expected: string | null): Promise<boolean> {
    return (await this.#tell(WEST, { items: [{ id, text, epoch: 2 }], isLogged: true, expected })).ok;
  }

  async #note({ key, rule, by = '', reason = '', before, wrote }: Pick<StageDecision, 'key' | 'rule' | 'before' | 'wrote'> & Pick<Asked, 'by' | 'reason'>): Promise<void> {
    await this.#tell(WEST, { decision: { key, rule, by, reason, atMs: Date.now(), before, wrote } satisfies StageDecision });
  }

  async #decisions(): Promise<Pick<StageDecision, 'key' | 'rule' | 'before' | 'wrote'>[]> {
    const [rows, wrote] = await Promise.all([this.#rows('DECISION'), this.#rows('DECISION_WROTE')]);
    return rows.map((row, i) => ({ key: row['itemKey']?.S ?? '', rule: row['rule']?.S ?? '', before: textOf(row['before']), wrote: textOf(wrote[i]?.['wrote']) }));
  }

  async #decided(): Promise<(key: string) => boolean> {
    const last = new Map((await this.#decisions()).map(({ key, rule }) => [key, rule]));
    return (key) => last.has(key) && last.get(key) !== 'undo';
  }

  async #rows(pk: string): Promise<readonly Row[]> {
    return (await this.#ask<{ Items: readonly Row[] }>(WEST, 'Query', { ExpressionAttributeValues: { ':pk': { S: pk } } })).Items;
  }

  #endpoints(): Record<string, { endpoint: string }> {
    return JSON.parse(readFileSync(this.#regionsPath, 'utf8')).regions;
  }

  async #ask<T>(region: string, action: string, input: object): Promise<T> {
    const response = await fetch(this.#endpoints()[region]?.endpoint ?? '', { method: 'POST', headers: { 'x-amz-target': `DynamoDB_20120810.${action}` }, body: JSON.stringify(input) });
    return (await response.json()) as T;
  }

  async #tell(region: string, changes: object): Promise<Response> {
    return fetch(`${this.#endpoints()[region]?.endpoint}/_stage`, { method: 'POST', body: JSON.stringify(changes) });
  }
}

/** Of an item in a row; null: there is none. */
function textOf(attribute: Attribute | undefined): string | null {
  return attribute?.S === undefined ? null : JSON.parse(attribute.S).text.S;
}

function say(answer: object, exitCode: number): number {
  console.log(JSON.stringify(answer));
  return exitCode;
}
