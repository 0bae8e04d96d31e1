// Reads .holdfast/local/regions.json, all that the harness tells an outsider. It is kept true while the regions live, so whoever acts
// on process ids reads it again just before.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const region = z.looseObject({
  role: z.enum(['candidate', 'witness']),
  endpoint: z.url(),
  gateUrl: z.url().nullish(),
  pids: z.array(z.number().int().positive()),
  start: z.array(z.string()),
});

const regionsFile = z.looseObject({
  dns: z.looseObject({ host: z.string(), port: z.number().int() }),
  service: z.looseObject({ name: z.string(), port: z.number().int() }),
  tableName: z.string(),
  regions: z.record(z.string(), region),
  group: z.string().default('orders'),
  regionTable: z.string().optional(),
  registerTables: z.record(z.string(), z.string()).optional(),
  /** By region; absent: these regions have no vault. */
  vaultBuckets: z.record(z.string(), z.string()).optional(),
  control: z.looseObject({ url: z.url() }).optional(),
});

export type RegionsFile = z.infer<typeof regionsFile>;
export type RegionEntry = z.infer<typeof region>;

export function readRegionsFile(path: string): RegionsFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new Error(`${path} cannot be read: start the regions first (npm run local), or name their file with --regions`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON: was it read while half written? The harness must replace it by renaming`);
  }
  const read = regionsFile.safeParse(json);
  if (!read.success) throw new Error(`${path} does not say what an observer needs: ${z.prettifyError(read.error)}`);
  return read.data;
}

export function regionEntry(file: RegionsFile, name: string): RegionEntry {
  const entry = file.regions[name];
  if (entry === undefined) throw new Error(`regions.json has no region ${name}: it names ${Object.keys(file.regions).join(', ')}`);
  return entry;
}

export function regionTableName(file: RegionsFile): string {
  return file.regionTable ?? `holdfast-${file.group}-region`;
}

export function registerTableName(file: RegionsFile, name: string): string {
  return file.registerTables?.[name] ?? `holdfast-${file.group}-register-1`;
}
