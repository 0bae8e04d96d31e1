// Two regions and a vault in three memory sites, for the checks that look after it. Time moves only when it is told to.
import { compared } from '../../src/core/integrity/integrity-rows.ts';
import { leaseKey } from '../../src/core/lease/lease-rows.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { sha256Bytes } from '../../src/drivers/aws/system-environment.ts';
import type { IntegrityPorts } from '../../src/operations/integrity-ports.ts';
import type { Notice } from '../../src/ports/notifier.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { memorySites } from '../vault/small-vault.ts';
import { openWrap } from './backup-fixture.ts';
import { VirtualClock } from './group.ts';

export type RegionName = 'east' | 'west';

export class IntegrityGroup {
  readonly clock = new VirtualClock();
  readonly rows = { east: new MemoryRowStore('east'), west: new MemoryRowStore('west') } as const;
  /** Regions whose rows nobody else can read. */
  readonly silent = new Set<string>();
  readonly told: (Notice & { readonly by: string })[] = [];
  /** The topic does not answer. */
  isMute = false;
  sites: SiteSet;

  constructor(nowMs: number, sites: readonly VaultSite[] = memorySites()) {
    this.set(nowMs);
    this.sites = new SiteSet(sites);
  }

  set(nowMs: number): void {
    this.clock.set(nowMs - this.clock.nowMs());
  }

  async open(region: RegionName, epoch: number): Promise<void> {
    for (const [name, rows] of Object.entries(this.rows))
      await rows.change({ key: leaseKey, set: { epoch, untilAtMs: name === region ? Number.MAX_SAFE_INTEGER : 0, openEpoch: name === region ? epoch : 0, closedEpoch: 0 }, when: [], mayCreate: true });
  }

  compared(region: RegionName): void {
    void this.rows[region].change(compared({ atMs: this.clock.nowMs(), objects: 1, silent: [], differences: [], count: 0, region, isUntold: false }));
  }

  ports(me: RegionName): IntegrityPorts {
    const other = me === 'east' ? this.rows.west : this.rows.east;
    const { silent } = this;
    const reached: RowStore = {
      region: other.region,
      get: async (key) => {
        if (silent.has(other.region)) throw new Error(`${other.region} does not answer`);
        return other.get(key);
      },
      change: async () => {
        throw new Error('no check writes into another region');
      },
      changeTogether: async () => {
        throw new Error('no check writes into another region');
      },
    };
    return {
      me,
      settings: {
        group: 'orders',
        source: 'orders',
        scrubDays: 30,
        schedules: { full: 'cron(0 0 * * ? *)', incremental: 'cron(0 1-23 * * ? *)', restoreTest: 'cron(30 10 ? * SUN *)' },
        overdueAfterMinutes: { full: 120, incremental: 30, log: 10 },
      },
      own: this.rows[me],
      others: [reached],
      sites: this.sites,
      wrap: openWrap,
      clock: this.clock,
      sha256: sha256Bytes,
      notifier: {
        notify: async (notice) => {
          if (this.isMute) throw new Error('the topic does not answer');
          this.told.push({ ...notice, by: me });
        },
      },
    };
  }
}
