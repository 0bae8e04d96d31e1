// One text for one value: keys of every object in the order of their UTF-16 units, no spaces. What is hashed and compared is this.

/** Of a JSON value; what JSON leaves out (undefined) is left out. Lists of DynamoDB's sets keep their order: the database gives them in one. */
export function canonicalJson(value: unknown): string {
  return text(value) ?? 'null';
}

// Written out, and not by sorting an object's keys: JavaScript keeps keys that look like numbers in an order of its own.
function text(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each) => text(each) ?? 'null').join(',')}]`;
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, each]) => {
      const inner = text(each);
      return inner === undefined ? [] : [`${JSON.stringify(key)}:${inner}`];
    });
  return `{${fields.join(',')}}`;
}
