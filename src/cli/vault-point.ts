// Which point a command is about.
import { RefusedError } from '../core/errors.ts';
import type { PointSummary, Vault } from '../vault/vault.ts';

/** The committed points, oldest first. */
export async function committedPoints(vault: Vault, source: string | undefined): Promise<PointSummary[]> {
  return (await vault.listPoints(source === undefined ? {} : { source })).filter((point) => point.isCommitted);
}

/** By its name, its chain and name, or the beginning of its name; without a word the newest that is no checkpoint. @throws RefusedError */
export async function findPoint(vault: Vault, word: string | undefined, source: string | undefined): Promise<PointSummary> {
  const points = await committedPoints(vault, source);
  const whose = source === undefined ? '' : ` of ${source}`;
  if (word === undefined || word === 'latest') {
    const newest = points.findLast((point) => point.type !== 'checkpoint');
    if (newest === undefined) throw new RefusedError(`The vault has no recovery point${whose} yet: 'holdfast vault backup' makes one`);
    return newest;
  }
  const [first, ...others] = points.filter((point) => point.point === word || `${point.chain}/${point.point}` === word || point.point.startsWith(word));
  if (first === undefined) throw new RefusedError(`There is no committed point '${word}'${whose}: 'holdfast vault points --all' lists those that there are`);
  if (others.length > 0) throw new RefusedError(`'${word}' is the beginning of ${others.length + 1} points' names: say more of it`);
  return first;
}
