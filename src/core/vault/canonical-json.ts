// One text for one value: keys of every object in the order of their UTF-16 units, no spaces. What is hashed and compared is this.

/** Of a JSON value; what JSON leaves out (undefined) is left out. Lists of DynamoDB's sets keep their order: the database gives them in one. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // A null prototype, or a key named __proto__ would be lost.
  const result: Record<string, unknown> = Object.create(null);
  for (const [key, each] of entries) result[key] = sorted(each);
  return result;
}
