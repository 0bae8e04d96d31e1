// Recovery points of a table, opened: their facts, and the whole lines of them that a plan needs.
import { chainsOf, type Chain, type NamedPoint } from '../core/backup/chains.ts';
import { factsOf, type PointFacts } from '../core/backup/point-facts.ts';
import type { LastChain } from '../core/backup/next-point.ts';
import { vaultFileName } from '../core/vault/object-names.ts';
import type { PointName } from '../core/vault/recovery-point.ts';
import { openPoint } from '../vault/point-reader.ts';
import type { Random } from '../vault/pack-builder.ts';
import { createVault, openVault, type Vault } from '../vault/vault.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { BackupPorts } from './backup-ports.ts';

/** Manifests that are read side by side. */
const opensAtOnce = 8;
/** A worker that lives long keeps the facts of so many points: a point never changes under its name. */
const factsKept = 5000;

export type PointsPorts = Pick<BackupPorts, 'sites' | 'wrap' | 'settings'>;

/** One vault as a plan reads it. Facts are kept: a point never changes under its name. */
export class TablePoints {
  readonly #ports: PointsPorts;
  readonly #facts = new Map<string, PointFacts>();
  readonly #keys = new Map<string, Promise<DataKey>>();
  #vault: Promise<Vault> | undefined;

  constructor(ports: PointsPorts) {
    this.#ports = ports;
  }

  async vault(): Promise<Vault> {
    this.#vault ??= openVault(this.#ports.sites).catch((error: unknown) => {
      this.#vault = undefined;
      throw error;
    });
    return this.#vault;
  }

  /** The vault, made where there is none yet: the first backup of a group makes it. @throws TooFewSitesError where that cannot be told */
  async vaultOrNew(random: Random): Promise<Vault> {
    const { sites } = this.#ports;
    if ((await sites.get(vaultFileName)) === null) this.#vault = createVault(sites, random);
    return this.vault();
  }

  async key(keyId: string): Promise<DataKey> {
    const known = this.#keys.get(keyId);
    if (known !== undefined) return known;
    const opening = this.vault().then(async (vault) => vault.openKey(keyId, this.#ports.wrap));
    this.#keys.set(keyId, opening);
    opening.catch(() => this.#keys.delete(keyId));
    return opening;
  }

  async list(): Promise<readonly NamedPoint[]> {
    return (await this.vault()).listPoints({ source: this.#ports.settings.source });
  }

  async chains(): Promise<Chain[]> {
    return chainsOf(await this.list());
  }

  async facts(name: PointName): Promise<PointFacts> {
    const id = `${name.chain}/${name.point}`;
    const known = this.#facts.get(id);
    if (known !== undefined) return known;
    const vault = await this.vault();
    const { header } = await vault.readManifest(name);
    const opened = await openPoint(vault, name, await this.key(header.key));
    const facts = factsOf(opened.header, opened.body, opened.sha256);
    if (this.#facts.size >= factsKept) this.#facts.clear();
    this.#facts.set(id, facts);
    return facts;
  }

  async allFacts(names: readonly PointName[]): Promise<PointFacts[]> {
    const facts: PointFacts[] = [];
    for (let i = 0; i < names.length; i += opensAtOnce) facts.push(...(await Promise.all(names.slice(i, i + opensAtOnce).map(async (name) => this.facts(name)))));
    return facts;
  }

  /** The point and all that it hangs on, as far as they are there. */
  async line(tip: PointName): Promise<PointFacts[]> {
    const points: PointFacts[] = [];
    const known = new Set((await this.list()).filter((p) => p.chain === tip.chain && p.isCommitted).map((p) => p.point));
    for (let point: string | null = tip.point; point !== null && known.has(point); ) {
      known.delete(point);
      const facts: PointFacts = await this.facts({ chain: tip.chain, point });
      points.unshift(facts);
      point = facts.parent?.point ?? null;
    }
    return points;
  }

  /** The line to the point that the next one of a chain would hang on. A point that cannot be opened breaks its chain; it does not stop the backup. */
  async lastOf(chain: Chain | undefined, parent: NamedPoint | null): Promise<LastChain> {
    if (chain === undefined) return { kind: 'none', because: 'there is no full backup yet' };
    if (chain.base === null || parent === null) return { kind: 'none', because: `the full backup of chain ${chain.chain} is missing` };
    try {
      const points = await this.line(parent);
      const tip = points.at(-1);
      if (tip === undefined) return { kind: 'none', because: `${parent.point} is missing` };
      return { kind: 'chain', parent: tip, points };
    } catch (error) {
      return { kind: 'none', because: `the chain ${chain.chain} cannot be opened (${error instanceof Error ? error.message : String(error)})` };
    }
  }
}
