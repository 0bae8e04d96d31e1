// The account of a long run: a line of JSON per stretch of seeds, written once the stretch is through, so that a run which is
// stopped at any moment is gone on with from there.
import { execFileSync } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';

export type Stretch = {
  readonly first: number;
  readonly histories: number;
  readonly regions: 3 | 5;
  /** The seeds that broke an invariant within the bound. */
  readonly violations: readonly number[];
  readonly beyond: number;
  readonly beyondBroken: number;
  readonly beyondAlarmed: number;
  readonly virtualMinutes: number;
  readonly events: number;
  readonly cpuSeconds: number;
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const counts = ['first', 'histories', 'beyond', 'beyondBroken', 'beyondAlarmed', 'virtualMinutes', 'events', 'cpuSeconds'] as const;

function isStretch(value: unknown): value is Stretch {
  return isObject(value) && counts.every((name) => typeof value[name] === 'number') && (value['regions'] === 3 || value['regions'] === 5) && Array.isArray(value['violations']);
}

/** What was run, so that figures of different code are not added up unseen. */
function commitNow(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--', '../../src', '.') === '' ? '' : ' and changes'}`;
  } catch {
    return 'unknown';
  }
}

export class Ledger {
  readonly #path: string;
  readonly #commit: string;
  /** The first seed of the whole run. */
  readonly first: number | undefined;
  readonly stretches: readonly Stretch[];

  private constructor(path: string, stretches: readonly Stretch[], first: number | undefined) {
    this.#path = path;
    this.#commit = commitNow();
    this.stretches = stretches;
    this.first = first;
  }

  /** @throws RangeError when the file is no ledger of such a run: going on would mix two. */
  static async open(path: string, regions: 3 | 5, seed: number | undefined): Promise<Ledger> {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw error;
    });
    // A line that the run was killed in the middle of goes: its stretch is run again.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const stretches = whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line, i) => {
        const stretch: unknown = JSON.parse(line);
        if (!isStretch(stretch)) throw new RangeError(`Line ${i + 1} of ${path} is not of a ledger: name another file.`);
        if (stretch.regions !== regions) throw new RangeError(`${path} is the ledger of a run with ${stretch.regions} regions: say --regions ${stretch.regions}, or name another file.`);
        return stretch;
      });
    const first = stretches[0]?.first;
    if (first !== undefined && seed !== undefined && first !== seed) throw new RangeError(`${path} begins at seed ${first}, not ${seed}: leave --seed out, or name another file.`);
    if (whole !== text) await writeFile(path, whole);
    return new Ledger(path, stretches, first ?? seed);
  }

  async add(stretch: Stretch): Promise<void> {
    await appendFile(this.#path, `${JSON.stringify({ ...stretch, commit: this.#commit, at: new Date().toISOString() })}\n`);
  }
}
