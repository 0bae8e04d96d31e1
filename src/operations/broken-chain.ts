// What to do with a chain of which the scrub found something lost in every site. Points that need it cannot be restored, nor what hangs on them; but while the log still
// reaches back to the full backup, a differential from it has all that they had, and restores of any moment of the chain go by way of it.
import { parentIn, type Chain, type NamedPoint } from '../core/backup/chains.ts';
import { parseScrubRow, scrubKey, type ScrubState } from '../core/integrity/scrub-state.ts';
import { parsePackName } from '../core/vault/object-names.ts';
import type { PointName } from '../core/vault/recovery-point.ts';
import type { TablePoints } from './backup-facts.ts';
import type { BackupPorts } from './backup-ports.ts';

export type GoingOn =
  /** From this point; `rebuilt`: why it is a differential, whatever was asked for. */
  { readonly kind: 'from'; readonly parent: NamedPoint | null; readonly rebuilt: string | null } | { readonly kind: 'not'; readonly because: string };

/** Where the next point of the chain hangs. @param type `log`: each minute's, which never rebuilds */
export async function goOnWith(ports: Pick<BackupPorts, 'own'>, points: TablePoints, chain: Chain, type: 'incremental' | 'differential' | 'log'): Promise<GoingOn> {
  const parent = parentIn(chain, type);
  const state = parseScrubRow(await ports.own.get(scrubKey));
  const lost = lostOf(state, chain.chain);
  if (lost === null) return { kind: 'not', because: lostIn(chain.chain) };
  if (lost.size === 0) return { kind: 'from', parent, rebuilt: null };
  if (parent !== null && !(await needsAny(points, await points.line(parent), lost))) return { kind: 'from', parent, rebuilt: null };
  if (type === 'log' || chain.base === null || (await needsAny(points, [chain.base], lost))) return { kind: 'not', because: lostIn(chain.chain) };
  return { kind: 'from', parent: chain.base, rebuilt: `${lostIn(chain.chain)}, so what was logged since its full backup is backed up once more` };
}

/** SHA-256 of the packs; null where something else is lost, or more than the row can say. */
function lostOf(state: ScrubState | null, chain: string): ReadonlySet<string> | null {
  const lost = (state?.standing ?? []).filter((violation) => violation.outcome === 'lost');
  const here = lost.filter(({ chains }) => chains.includes(chain));
  if (state !== null && here.length > 0 && lost.length === state.standing.length && state.standingCount > lost.length) return null;
  const packs = here.map(({ name }) => parsePackName(name));
  return packs.includes(undefined) ? null : new Set(packs.flatMap((sha256) => sha256 ?? []));
}

function lostIn(chain: string): string {
  return `something that the chain ${chain} needs is lost in every site`;
}

/** By the pack tables, which are readable without a key. What cannot be read cannot be restored either. */
async function needsAny(points: TablePoints, names: readonly PointName[], lost: ReadonlySet<string>): Promise<boolean> {
  const vault = await points.vault();
  const needs = await Promise.all(
    names.map(async (name) =>
      vault.readManifest(name).then(
        ({ packs }) => packs.some(({ sha256 }) => lost.has(sha256)),
        () => true,
      ),
    ),
  );
  return needs.includes(true);
}
