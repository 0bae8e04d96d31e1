// Which copies of an object are good, and which bytes all sites should have. Pure: what each site gave comes in.
import { isEqual } from '../vault/bytes.ts';

/** What a site gave for a name: bytes, nothing, or no answer. */
export type Copy =
  | { readonly site: string; readonly kind: 'bytes'; readonly bytes: Uint8Array /** null: what can be told from the bytes alone is right. */; readonly wrong: string | null }
  | { readonly site: string; readonly kind: 'missing' }
  | { readonly site: string; readonly kind: 'silent'; readonly because: string };

export type Judgement =
  | { readonly kind: 'whole' }
  /** `good` is what every site should have; each of `bad` is to be repaired. */
  | { readonly kind: 'repairable'; readonly good: { readonly site: string; readonly bytes: Uint8Array }; readonly bad: readonly Finding[] }
  | { readonly kind: 'lost'; readonly bad: readonly Finding[] };

export type Finding = { readonly site: string; readonly what: 'missing' | 'damaged' | 'different'; readonly because: string };

/**
 * Copies that are right by themselves and differ (a manifest or key file that somebody put there) are told apart by their number: the most frequent
 * bytes are good; of equally many, those that `isTrusted` says yes to. A silent site is neither good nor bad: it is asked again in the next round.
 */
export function judge(copies: readonly Copy[], isTrusted: (bytes: Uint8Array) => boolean): Judgement {
  const right = copies.flatMap((copy) => (copy.kind === 'bytes' && copy.wrong === null ? [copy] : []));
  const good = best(right, isTrusted);
  const bad = copies.flatMap((copy): Finding[] => {
    if (copy.kind === 'silent') return [];
    if (copy.kind === 'missing') return [{ site: copy.site, what: 'missing', because: 'it is not there' }];
    if (copy.wrong !== null) return [{ site: copy.site, what: 'damaged', because: copy.wrong }];
    if (good === undefined || isEqual(copy.bytes, good.bytes)) return [];
    return [{ site: copy.site, what: 'different', because: `it is whole, and not what ${good.site} has` }];
  });
  if (bad.length === 0 && good !== undefined) return { kind: 'whole' };
  if (good !== undefined) return { kind: 'repairable', good: { site: good.site, bytes: good.bytes }, bad };
  return bad.length === 0 ? { kind: 'whole' } : { kind: 'lost', bad };
}

type Right = Extract<Copy, { readonly kind: 'bytes' }>;

function best(right: readonly Right[], isTrusted: (bytes: Uint8Array) => boolean): Right | undefined {
  const groups: Right[][] = [];
  for (const copy of right) {
    const same = groups.find(([first]) => first !== undefined && isEqual(first.bytes, copy.bytes));
    if (same === undefined) groups.push([copy]);
    else same.push(copy);
  }
  const most = Math.max(0, ...groups.map((group) => group.length));
  const [first, ...others] = groups.filter((group) => group.length === most);
  if (others.length === 0) return first?.[0];
  const trusted = [first ?? [], ...others].filter(([copy]) => copy !== undefined && isTrusted(copy.bytes));
  return trusted.length === 1 ? trusted[0]?.[0] : undefined;
}
