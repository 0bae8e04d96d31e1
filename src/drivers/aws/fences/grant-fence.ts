// The grants of a KMS key by which the service's principals use it, revoked. What the key's own policy or an IAM policy allows them stays allowed.
import { CreateGrantCommand, type GrantListEntry, GrantOperation, type KMSClient, ListGrantsCommand, RevokeGrantCommand } from '@aws-sdk/client-kms';
import { ReadBackFence } from './read-back-fence.ts';

type Grant = Pick<GrantListEntry, 'Name' | 'GranteePrincipal' | 'RetiringPrincipal' | 'Operations' | 'Constraints'>;

/** Each by what it allows, not by its id: one that is made again has another. */
export function grantFence(client: KMSClient, key: string, grantees: readonly string[]): ReadBackFence {
  const grants = async (signal: AbortSignal) => {
    const found: { readonly id: string; readonly what: string }[] = [];
    for (let Marker: string | undefined; ; ) {
      const page: { Grants?: GrantListEntry[] | undefined; NextMarker?: string | undefined } = await client.send(new ListGrantsCommand({ KeyId: key, Marker }), { abortSignal: signal });
      for (const grant of page.Grants ?? []) if (grantees.includes(grant.GranteePrincipal ?? '')) found.push({ id: grant.GrantId ?? '', what: textOf(grant) });
      if (page.NextMarker === undefined) return found.toSorted((a, b) => (a.what < b.what ? -1 : 1));
      Marker = page.NextMarker;
    }
  };
  return new ReadBackFence({
    acting: async (signal) => [...new Set((await grants(signal)).map(({ what }) => what))],
    stop: async (acting, signal) => {
      for (const { id, what } of await grants(signal)) if (acting.includes(what)) await client.send(new RevokeGrantCommand({ KeyId: key, GrantId: id }), { abortSignal: signal });
    },
    restore: async (stopped, signal) => {
      for (const what of stopped) await client.send(new CreateGrantCommand({ KeyId: key, ...grantOf(what) }), { abortSignal: signal });
    },
  });
}

/** The same text for the same grant, in whatever order KMS tells it. */
function textOf({ Name = '', GranteePrincipal = '', RetiringPrincipal = '', Operations = [], Constraints }: GrantListEntry): string {
  const sorted = (context: Record<string, string> | undefined) => (context === undefined ? null : Object.entries(context).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const operations = Operations.toSorted((a, b) => (a < b ? -1 : 1)).join(' ');
  return JSON.stringify([GranteePrincipal, RetiringPrincipal, Name, operations, sorted(Constraints?.EncryptionContextEquals), sorted(Constraints?.EncryptionContextSubset)]);
}

function grantOf(what: string): { readonly GranteePrincipal: string; readonly Operations: GrantOperation[] } & Grant {
  const raw: unknown = JSON.parse(what);
  const [grantee, retiring, name, operations, equals, subset] = Array.isArray(raw) ? raw : [];
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const context = (pairs: unknown) => (Array.isArray(pairs) ? Object.fromEntries(pairs.map(([key, value]) => [String(key), String(value)])) : undefined);
  const [retires, named] = [text(retiring), text(name)];
  const constraints = { EncryptionContextEquals: context(equals), EncryptionContextSubset: context(subset) };
  return {
    GranteePrincipal: text(grantee) ?? '',
    Operations: allOperations.filter((operation) => String(operations).split(' ').includes(operation)),
    ...(retires === undefined ? {} : { RetiringPrincipal: retires }),
    ...(named === undefined ? {} : { Name: named }),
    ...(equals === null && subset === null ? {} : { Constraints: constraints }),
  };
}

const allOperations = Object.values(GrantOperation);
