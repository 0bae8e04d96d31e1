// A fence is undone only where the register says that its region is reconciled. Nobody else can make the permit that every driver's undo asks for.
import type { RegisterValue } from '../register/value.ts';
import { RefusedError } from '../errors.ts';

export class UndoPermit {
  readonly region: string;
  /** The register's when it was given. */
  readonly epoch: number;

  private constructor(region: string, epoch: number) {
    this.region = region;
    this.epoch = epoch;
  }

  /** @param chosen read from a majority. @throws RefusedError */
  static of(chosen: RegisterValue, region: string): UndoPermit {
    const known = chosen.regions[region];
    if (known === undefined) throw new RefusedError(`'${region}' is not a candidate of ${chosen.group}: it may be ${Object.keys(chosen.regions).join(' or ')}. Nothing was changed.`);
    if (!known.reconciled)
      throw new RefusedError(`${region} is not reconciled: it stays fenced. 'holdfast divergence list' shows what it left behind, 'holdfast divergence sign-off' ends it. Nothing was changed.`);
    return new UndoPermit(region, chosen.epoch);
  }
}
