// What the checks of a vault reach the world through.
import type { Clock } from '../ports/environment.ts';
import type { KeyWrap } from '../ports/key-wrap.ts';
import type { Notice, Notifier } from '../ports/notifier.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { SiteSet } from '../vault/site-set.ts';

export type IntegritySettings = {
  readonly group: string;
  /** Of the table, as points name it. */
  readonly source: string;
  readonly scrubDays: number;
  readonly schedules: { readonly full: string; readonly incremental: string; readonly differential?: string | undefined; readonly restoreTest: string };
  readonly overdueAfterMinutes: { readonly full: number; readonly incremental: number; readonly log: number };
};

export type IntegrityPorts = {
  readonly me: string;
  readonly settings: IntegritySettings;
  readonly own: RowStore;
  /** The same rows of the other candidates. */
  readonly others: readonly RowStore[];
  readonly sites: SiteSet;
  readonly wrap: KeyWrap;
  readonly clock: Clock;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly notifier: Notifier;
};

/** Failing to tell people is not told as success, and stops nothing. @returns whether it went out */
export async function told({ notifier }: Pick<IntegrityPorts, 'notifier'>, notice: Notice): Promise<boolean> {
  try {
    await notifier.notify(notice);
    return true;
  } catch (error) {
    console.warn(JSON.stringify({ notToldTo: 'people', subject: notice.subject, because: String(error) }));
    return false;
  }
}

/** What each region says that answers. A lost region holds nothing up; the own one must answer. */
export async function fromEach<T>({ own, others }: Pick<IntegrityPorts, 'own' | 'others'>, ask: (rows: RowStore) => Promise<T>): Promise<T[]> {
  const answers = await Promise.allSettled([ask(own), ...others.map(ask)]);
  const [mine] = answers;
  if (mine?.status === 'rejected') throw mine.reason;
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}
