// Control planes that are away, in every region at once: a file that each region's engine looks at with every call (patch_control_planes.py) says
// what stays allowed, which is the list of infra/recovery-path-actions.ts without its exceptions. What was refused is in a file a region.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { ALLOWED, PATH_OF, PATH_OF_MACHINE, type RecoveryPath } from '../infra/recovery-path-actions.ts';

/** Who signs with this session token is outside of what is judged. */
const OBSERVER = 'observer';
const ASK_WITHIN_MS = 1_000;

export type PlaneOfRegion = { readonly region: string; readonly endpoint: string; readonly recordFile: string };

export type ControlPlanes = {
  /** From now on, also for regions that are stopped, killed or started meanwhile. Forgets what was refused before. */
  refuse(): void;
  allow(): void;
  /** Counts of a region that does not answer now are missing; what was refused never is. */
  state(): Promise<ControlPlanesState>;
};

const refusal = z.object({ atMs: z.number(), caller: z.string(), path: z.string().nullable(), action: z.string(), what: z.string() });
const counted = z.object({ isRefusing: z.boolean(), allowed: z.array(z.object({ caller: z.string(), action: z.string(), times: z.number() })) });

export type ControlPlanesState = {
  readonly isRefusing: boolean;
  readonly refused: readonly (z.output<typeof refusal> & { readonly region: string })[];
  readonly allowed: readonly { readonly region: string; readonly caller: string; readonly action: string; readonly times: number }[];
  /** Regions that gave no counts. */
  readonly silent: readonly string[];
};

export function controlPlanes(group: string, rulesFile: string, regions: readonly PlaneOfRegion[]): ControlPlanes {
  return {
    refuse() {
      for (const { recordFile } of regions) rmSync(recordFile, { force: true });
      // By renaming: no region may read half of it.
      writeFileSync(`${rulesFile}.part`, JSON.stringify(rulesOf(group), undefined, 1));
      renameSync(`${rulesFile}.part`, rulesFile);
    },
    allow() {
      rmSync(rulesFile, { force: true });
    },
    async state() {
      const counts = await Promise.all(regions.map(async ({ region, endpoint }) => ({ region, counts: await countsOf(endpoint) })));
      return {
        isRefusing: existsSync(rulesFile),
        refused: regions.flatMap(({ region, recordFile }) => refusalsIn(recordFile).map((each) => ({ region, ...each }))),
        allowed: counts.flatMap((each) => (each.counts?.allowed ?? []).map((one) => ({ region: each.region, ...one }))),
        silent: counts.flatMap((each) => (each.counts === null ? [each.region] : [])),
      };
    },
  };
}

/** As patch_control_planes.py reads it. */
export function rulesOf(group: string): object {
  const of = (path: RecoveryPath) => ALLOWED.filter(({ paths }) => paths.includes(path)).flatMap(({ actions }) => actions);
  const named = (paths: Readonly<Record<string, RecoveryPath>>) => Object.fromEntries(Object.entries(paths).map(([name, path]) => [`holdfast-${group}-${name}`, path]));
  return {
    actions: { failover: of('failover'), 'switch-over': of('switch-over'), vault: of('vault'), deployment: of('deployment') },
    // The sample's own function has the name of the group.
    functions: { ...named(PATH_OF), [group]: PATH_OF.orders },
    machines: named(PATH_OF_MACHINE),
    exempt: [OBSERVER],
  };
}

function refusalsIn(file: string): z.output<typeof refusal>[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last line may still be being written, or was cut off by a SIGKILL.
  return lines.slice(0, -1).map((line) => refusal.parse(JSON.parse(line)));
}

async function countsOf(endpoint: string): Promise<z.output<typeof counted> | null> {
  try {
    const response = await fetch(`${endpoint}/_holdfast/control-planes`, { signal: AbortSignal.timeout(ASK_WITHIN_MS) });
    return counted.parse(await response.json());
  } catch {
    return null;
  }
}
