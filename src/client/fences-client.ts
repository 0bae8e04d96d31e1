// `holdfast fences` as functions: what was fenced and how it ended, in every region that answers; running it again, and undoing it once a region is
// reconciled. The fences themselves run in a function of the region that took the lease, which alone may call them.
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import { UndoPermit } from '../core/fences/undo-permit.ts';
import { shownFence, type FenceShown } from '../core/fences/fence-rows.ts';
import { regionsToFence } from '../core/fences/fence-plan.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { candidatesOf } from '../core/policy.ts';
import { fenceRuns, type UndoneFence } from '../operations/undo-fences.ts';
import type { Connection, RegionConnection } from './connection.ts';
import { groupRegister } from './group-register.ts';
import type { Asked } from './holdfast-client.ts';
import { describe } from './region-status.ts';

export type ShownFence = FenceShown & { readonly runBy: string };
export type FencesShown = { readonly fences: readonly ShownFence[]; readonly silent: readonly string[] };
export type FencesUndone = {
  readonly region: string;
  readonly undone: readonly (UndoneFence & { readonly runBy: string })[];
  readonly silent: readonly { readonly region: string; readonly because: string }[];
};

export class FencesClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @param region whom they stopped; undefined: everybody */
  async list(region: string | undefined): Promise<FencesShown> {
    const found = await Promise.all(this.#candidates().map(async (at) => this.#runsIn(at, region)));
    return { fences: found.flatMap(({ fences }) => fences), silent: found.flatMap(({ silent }) => silent) };
  }

  async #runsIn(at: RegionConnection, region: string | undefined): Promise<{ readonly fences: ShownFence[]; readonly silent: string[] }> {
    const origins = candidatesOf(this.#connection.config).filter((origin) => origin !== at.region && (region === undefined || origin === region));
    try {
      const runs = await Promise.all(origins.map(async (origin) => fenceRuns(at.report.pages, origin)));
      return { fences: runs.flat().map((run) => ({ ...shownFence(run), runBy: at.region })), silent: [] };
    } catch (error) {
      return { fences: [], silent: [`${at.region}: ${describe(error)}`] };
    }
  }

  /** Starts what the runbook starts; what is confirmed stays as it is. @throws RefusedError where nobody is to be stopped */
  async start(): Promise<{ readonly by: string; readonly epoch: number; readonly regions: readonly string[] }> {
    const { group, epoch, attempt, holder, ...value } = await this.#chosen();
    const regions = regionsToFence({ ...value, group, epoch, attempt, holder }, epoch);
    if (regions.length === 0) throw new RefusedError(`Every region but ${holder}, which holds the lease, is reconciled: nobody is to be stopped. Nothing was changed.`);
    await this.#at(holder).fences.start({ group, epoch, attempt: Math.max(1, attempt), target: holder });
    return { by: holder, epoch, regions };
  }

  /** In every region that ran some. @throws RefusedError where `region` is not reconciled */
  async undo(region: string, asked: Asked): Promise<FencesUndone> {
    UndoPermit.of(await this.#chosen(), region);
    const others = this.#candidates().filter((at) => at.region !== region);
    const undone: FencesUndone['undone'][number][] = [];
    const silent: { readonly region: string; readonly because: string }[] = [];
    for (const at of others) {
      try {
        const open = (await fenceRuns(at.report.pages, region)).filter(({ state }) => state !== 'undone');
        if (open.length > 0) undone.push(...(await at.fences.undo(region, asked)).map((one) => ({ ...one, runBy: at.region })));
      } catch (error) {
        silent.push({ region: at.region, because: describe(error) });
      }
    }
    return { region, undone, silent };
  }

  #candidates(): RegionConnection[] {
    return this.#connection.regions.filter(({ role }) => role === 'candidate');
  }

  #at(region: string): RegionConnection {
    const found = this.#connection.regions.find((r) => r.region === region);
    if (found === undefined) throw new RefusedError(`The configuration has no region ${region}: list it again. Nothing was changed.`);
    return found;
  }

  async #chosen(): Promise<RegisterValue> {
    const sighting = await groupRegister(this.#connection).look();
    if (sighting.kind === 'chosen') return sighting.value;
    throw new NoQuorumError(`The register cannot be read for certain (${sighting.because}), so nobody is fenced or unfenced. Try again when a majority of regions answers. Nothing was changed.`);
  }
}
