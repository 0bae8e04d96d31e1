// While a history runs, a text that was parsed before is not parsed again: the acceptors' rows hold the same few values, and every
// tick reads all of them. What is parsed is readonly everywhere; a history that is replayed to the same trace shows that nobody alters it.

const parse = JSON.parse;
const textsMax = 1024;
const parsed = new Map<string, unknown>();
let users = 0;

function parseOnce(text: string, reviver?: (this: unknown, key: string, value: unknown) => unknown): unknown {
  if (reviver !== undefined) return parse(text, reviver);
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const value: unknown = parse(text);
  if (parsed.size >= textsMax) parsed.clear();
  parsed.set(text, value);
  return value;
}

/** Errors thrown in a history are told by name and message; taking their stacks would cost a twentieth of its time. */
const stackLines = Error.stackTraceLimit;

export async function withParseCache<T>(run: () => Promise<T>): Promise<T> {
  users += 1;
  JSON.parse = parseOnce;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    users -= 1;
    if (users === 0) {
      JSON.parse = parse;
      Error.stackTraceLimit = stackLines;
      parsed.clear();
    }
  }
}
