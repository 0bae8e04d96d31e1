// The judge is judged: histories that are known to be good or bad, and small random ones against a search through every order.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { genesisRenewal } from '../../src/core/register/genesis.ts';
import { Random } from '../simulation/random.ts';
import { buildChecker, CheckerMissingError, type Checker, type Verdict } from './checker.ts';
import { joinLines, type Call } from './recording.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-checker-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function buildIfPossible(): Checker | undefined {
  try {
    return buildChecker(directory);
  } catch (error) {
    if (!(error instanceof CheckerMissingError)) throw error;
    console.warn(`The tests of the linearizability checker are left out. ${error.message}`);
    return undefined;
  }
}

const checker = buildIfPossible();

/** One line of a test's history; `from` and `to` are times, `to` null where it never returned. */
type Line = { readonly from: number; readonly to: number | null } & (
  | { readonly read: string }
  | { readonly cas: readonly [expect: string, value: string]; readonly result?: 'unknown' }
  | { readonly cas: readonly [expect: string, value: string]; readonly seen: string | undefined }
);

const at = (from: number, to: number | null) => ({ from, to });
const first = genesisRenewal;

function toCall(key: string, line: Line, index: number): object {
  const common = { process: `p${index}`, key, invokedAtNs: line.from, returnedAtNs: line.to };
  if ('read' in line) return { ...common, op: 'read', value: line.read, result: 'ok' };
  const [expected, value] = line.cas;
  const cas = { ...common, op: 'cas', expect: expected, value };
  if ('seen' in line) return { ...cas, result: 'fail', ...(line.seen === undefined ? {} : { seen: line.seen }) };
  return { ...cas, result: line.result ?? 'ok' };
}

function judge(histories: Readonly<Record<string, readonly Line[]>>, ...flags: readonly string[]): Map<string, Verdict> {
  if (checker === undefined) throw new Error('There is no checker.');
  const file = join(directory, 'calls.jsonl');
  const lines = Object.entries(histories).flatMap(([key, history]) => history.map((line, i) => JSON.stringify(toCall(key, line, i))));
  writeFileSync(file, `${lines.join('\n')}\n`);
  return new Map(checker(file, ...flags).map((verdict) => [verdict.key, verdict]));
}

const good: Readonly<Record<string, readonly Line[]>> = {
  'one after the other': [
    { cas: [first, 'a'], ...at(1, 2) },
    { read: 'a', ...at(3, 4) },
    { cas: ['a', 'b'], ...at(5, 6) },
    { cas: ['a', 'c'], seen: 'b', ...at(7, 8) },
  ],
  'overlapping calls in whichever order explains them': [
    { cas: [first, 'a'], ...at(1, 9) },
    { read: first, ...at(2, 8) },
    { read: 'a', ...at(3, 7) },
  ],
  'a call of unknown outcome that took effect long after': [
    { cas: [first, 'a'], result: 'unknown', ...at(1, null) },
    { read: first, ...at(10, 11) },
    { read: 'a', ...at(12, 13) },
  ],
  'a call of unknown outcome that never took effect': [
    { cas: [first, 'a'], result: 'unknown', ...at(1, null) },
    { cas: [first, 'b'], ...at(10, 11) },
  ],
  'a value that two calls write, one of them of unknown outcome': [
    { cas: [first, 'a'], result: 'unknown', ...at(1, null) },
    { cas: ['a', 'b'], ...at(10, 11) },
    { cas: ['b', 'a'], ...at(12, 13) },
  ],
  'a failed compare without a word of what it saw, justified by a call of unknown outcome': [
    { cas: [first, 'a'], result: 'unknown', ...at(1, null) },
    { cas: [first, 'b'], seen: undefined, ...at(10, 11) },
  ],
};

const bad: Readonly<Record<string, readonly Line[]>> = {
  'an acknowledged value is lost (H1)': [
    { cas: [first, 'a'], ...at(1, 5) },
    { cas: [first, 'b'], ...at(2, 6) },
  ],
  'a read of what was replaced before it began': [
    { cas: [first, 'a'], ...at(1, 2) },
    { read: first, ...at(3, 4) },
  ],
  'a value goes away again': [
    { cas: [first, 'a'], result: 'unknown', ...at(1, null) },
    { read: 'a', ...at(10, 11) },
    { read: first, ...at(12, 13) },
  ],
  'a compare fails against a value that was never chosen (C8)': [
    { cas: [first, 'a'], result: 'unknown', ...at(1, null) },
    { cas: [first, 'x'], seen: 'a', ...at(2, 3) },
    { cas: [first, 'b'], ...at(4, 5) },
  ],
  'a compare fails against the very value that it expects': [
    { cas: [first, 'a'], ...at(1, 2) },
    { cas: ['a', 'b'], seen: 'a', ...at(3, 4) },
  ],
  'a compare fails, and nothing can have been there instead': [{ cas: [first, 'a'], seen: undefined, ...at(1, 2) }],
  'a value that nobody wrote': [{ read: 'z', ...at(1, 2) }],
  'a value that is met before its call began': [
    { read: 'a', ...at(1, 2) },
    { cas: [first, 'a'], result: 'unknown', ...at(3, null) },
  ],
  'the value of a call that was told that it failed': [
    { cas: [first, 'a'], ...at(1, 2) },
    { cas: [first, 'b'], seen: 'a', ...at(3, 4) },
    { read: 'b', ...at(5, 6) },
  ],
};

describe.skipIf(checker === undefined)('the linearizability checker', () => {
  for (const flags of [[], ['-plain']]) {
    test(`passes every history that is known to be good (${flags.join() || 'as in a run'})`, () => {
      for (const [key, verdict] of judge(good, ...flags)) expect(verdict, key).toMatchObject({ verdict: 'linearizable' });
    });

    test(`refuses every history that is known to be bad (${flags.join() || 'as in a run'})`, () => {
      const verdicts = judge(bad, ...flags);
      expect(verdicts.size).toBe(Object.keys(bad).length);
      for (const [key, verdict] of verdicts) expect(verdict, key).toMatchObject({ verdict: 'violated' });
    });
  }

  test('names the shortest bad prefix, and the answer that no order explains, and draws it', () => {
    const history: Line[] = [
      { cas: [first, 'a'], ...at(1, 2) },
      { cas: [first, 'stale'], seen: 'a', ...at(3, 9) },
      { read: first, ...at(4, 5) },
      { cas: ['a', 'b'], ...at(20, 21) },
      { read: 'a', ...at(22, 23) },
    ];
    // Before its answer was there, a call that is answered wrongly explains nothing wrong.
    const answeredLate: Line[] = [
      { cas: [first, 'x'], seen: 'z', ...at(3, 9) },
      { read: first, ...at(4, 5) },
    ];
    const verdicts = judge({ k: history, late: answeredLate }, '-pictures', directory);
    expect(verdicts.get('late')).toMatchObject({ verdict: 'violated', prefixCalls: 2, lastProcess: 'p0', lastAtNs: 9 });
    expect(verdicts.get('k')).toMatchObject({
      calls: 5,
      answered: 5,
      verdict: 'violated',
      prefixCalls: 3,
      lastProcess: 'p2',
      lastAtNs: 5,
      lastCall: `read → ${first}`,
      picture: join(directory, 'k.html'),
    });
    expect(readFileSync(join(directory, 'k.html'), 'utf8')).toContain(`read → ${first}`);
  });

  test('agrees with a search through every order on small histories, good and bad ones', () => {
    const seed = Number(process.env['HOLDFAST_SEED'] ?? 20261128);
    const count = 2000;
    const histories = Object.fromEntries(Array.from({ length: count }, (_, i) => [`seed ${seed + i}`, smallHistory(new Random(seed + i))]));
    const [asInARun, plain] = [judge(histories), judge(histories, '-plain')];
    let explained = 0;
    for (const [key, history] of Object.entries(histories)) {
      const wanted = isExplained(history) ? 'linearizable' : 'violated';
      if (wanted === 'linearizable') explained += 1;
      expect(asInARun.get(key)?.verdict, `${key}: ${JSON.stringify(history)}`).toBe(wanted);
      expect(plain.get(key)?.verdict, `${key} (-plain): ${JSON.stringify(history)}`).toBe(wanted);
    }
    // Else one of the two answers would prove nothing.
    expect(explained).toBeGreaterThan(count / 5);
    expect(explained).toBeLessThan((count * 4) / 5);
  });

  test.each([
    ['which is no JSON', 'calls'],
    ['with an unknown result', JSON.stringify({ ...toCall('k', { read: 'a', ...at(1, 2) }, 0), result: 'perhaps' })],
    ['that returned before it began', JSON.stringify(toCall('k', { read: 'a', ...at(2, 1) }, 0))],
    ['of known outcome that never returned', JSON.stringify(toCall('k', { read: 'a', ...at(2, null) }, 0))],
    ['without any call', ''],
  ])('judges no file %s', (_, text) => {
    const file = join(directory, 'damaged.jsonl');
    writeFileSync(file, `${text}\n`);
    expect(() => checker?.(file)).toThrow(/could not judge/);
  });
});

/** A few calls on a real register, whose answers are then perhaps falsified. */
function smallHistory(random: Random): Line[] {
  const values = [first];
  const calls = Array.from({ length: 2 + random.below(5) }, (_, i) => {
    const from = random.below(12) * 100 + i;
    const point = from + random.below(4) * 100 + 20 + i;
    return { from, point, to: point + random.below(3) * 100 + 20 + i, isCas: random.chance(0.65), isUnknown: random.chance(0.3), value: `v${i}` };
  }).toSorted((a, b) => a.point - b.point);
  let state = first;
  const lines = calls.map((call): Line => {
    const { from, to, value } = call;
    if (!call.isCas) return { read: random.chance(0.35) ? random.pick(values) : state, from, to };
    const expected = random.chance(0.6) ? state : random.pick(values);
    values.push(value);
    const wasEqual = expected === state;
    const met = state;
    if (wasEqual && !(call.isUnknown && random.chance(0.5))) state = value;
    if (call.isUnknown) return { cas: [expected, value], result: 'unknown', from, to: random.chance(0.5) ? null : to };
    if (wasEqual !== random.chance(0.2)) return { cas: [expected, value], from, to };
    return { cas: [expected, value], seen: random.chance(0.2) ? undefined : met, from, to };
  });
  return lines;
}

/** Whether some order of the calls explains every answer: all of them are tried. */
function isExplained(history: readonly Line[]): boolean {
  const isUnknown = (line: Line) => 'result' in line && line.result === 'unknown';
  const search = (state: string, left: readonly Line[]): boolean => {
    if (left.every(isUnknown)) return true;
    return left.some((line) => {
      // What had returned before this one began comes first.
      if (left.some((other) => other !== line && !isUnknown(other) && other.to !== null && other.to < line.from)) return false;
      const rest = left.filter((other) => other !== line);
      if ('read' in line) return line.read === state && search(state, rest);
      const [expected, value] = line.cas;
      if ('seen' in line) return expected !== state && (line.seen ?? state) === state && search(state, rest);
      if (isUnknown(line)) return search(expected === state ? value : state, rest) || search(state, rest);
      return expected === state && search(value, rest);
    });
  };
  return search(first, history);
}

describe('a recording', () => {
  const begun = (number: number, atNs: number) => JSON.stringify({ number, begun: { process: 'c0.1.0', key: 'k', op: 'read' }, invokedAtNs: atNs });
  const ended = (number: number, atNs: number) => JSON.stringify({ number, ended: { result: 'ok', value: 'a' }, returnedAtNs: atNs });

  test('joins each answer to its call; a client that was killed leaves calls of unknown outcome, and perhaps half a line', () => {
    const text = [begun(1, 10), begun(2, 11), ended(2, 20), begun(3, 30), ended(3, 40).slice(0, 25)].join('\n');
    const calls: Call[] = joinLines(text);
    const common = { process: 'c0.1.0', key: 'k', op: 'read' };
    expect(calls).toEqual([
      { ...common, result: 'ok', value: 'a', invokedAtNs: 11, returnedAtNs: 20 },
      { ...common, result: 'unknown', because: 'its client was killed', invokedAtNs: 10, returnedAtNs: null },
      { ...common, result: 'unknown', because: 'its client was killed', invokedAtNs: 30, returnedAtNs: null },
    ]);
    expect(joinLines('')).toEqual([]);
    expect(() => joinLines(`${ended(7, 20)}\n`)).toThrow(/without its question/);
  });
});
