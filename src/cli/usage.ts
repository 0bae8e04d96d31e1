// What `holdfast` can be told, in one place: the text that people see and the options that are parsed.
export const commands = ['status', 'failover', 'switch', 'approve', 'pause', 'resume', 'backup', 'points', 'restore', 'erase', 'voters', 'divergence', 'fences'] as const;
export type Command = (typeof commands)[number];

export const options = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  watch: { type: 'boolean' },
  to: { type: 'string' },
  reason: { type: 'string' },
  by: { type: 'string' },
  deny: { type: 'boolean' },
  type: { type: 'string' },
  region: { type: 'string' },
  wait: { type: 'boolean' },
  at: { type: 'string' },
  point: { type: 'string' },
  into: { type: 'string' },
  'in-place': { type: 'boolean' },
  undo: { type: 'string' },
  key: { type: 'string', multiple: true },
  keys: { type: 'string', multiple: true },
  prefix: { type: 'string' },
  from: { type: 'string' },
  test: { type: 'boolean' },
  subject: { type: 'string' },
  confirm: { type: 'string' },
  rule: { type: 'string' },
  all: { type: 'boolean' },
  seen: { type: 'string' },
  without: { type: 'string' },
  plan: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export type OptionName = keyof typeof options;

/** Beside `config`, `json` and `help`, which every command takes. */
export const optionsOf: Readonly<Record<Command, readonly OptionName[]>> = {
  status: ['watch'],
  failover: ['to', 'reason', 'by'],
  switch: ['to', 'reason', 'wait', 'plan', 'by'],
  approve: ['deny', 'reason', 'by'],
  pause: ['reason', 'by'],
  resume: ['reason', 'by'],
  backup: ['type', 'region', 'wait', 'by'],
  points: ['at'],
  restore: ['at', 'point', 'into', 'in-place', 'undo', 'key', 'keys', 'prefix', 'from', 'to', 'test', 'region', 'wait', 'by'],
  erase: ['subject', 'confirm', 'by'],
  voters: ['region', 'reason', 'by'],
  divergence: ['region', 'key', 'rule', 'all', 'seen', 'undo', 'without', 'reason', 'by'],
  fences: ['region', 'reason', 'by'],
};

export const usage = `holdfast: disaster recovery for a service in several AWS regions

  holdfast status [--watch]                  who holds the lease, who is well, what is behind, what happened last
  holdfast failover --to REGION --reason …   revokes the lease in favour of REGION; its runbook does the rest
  holdfast switch --to REGION --reason … [--wait]   a planned switch-over while both regions are well: no write is lost; the same goes back
  holdfast switch --plan FILE --to REGION --reason …   several groups, each after those that it waits for; all, or they go back
  holdfast approve [--deny] [--reason …]     shows the known loss and lets the waiting failover open, or gives its attempt up
  holdfast pause --reason …                  no failover until 'resume'; the active region stays active
  holdfast resume [--reason …]               starts a new group, or goes on after a pause
  holdfast backup [--type TYPE] [--wait]     a recovery point of the group's table: full, incremental (the default), differential or snapshot
  holdfast points [--at TIME]                the recovery points, and which moments they cover; what a restore to TIME would take
  holdfast restore --at TIME --into TABLE    the table as it was at TIME, into a new one beside it; or --point CHAIN/POINT
                   [--key K … | --keys a,b | --prefix P | --from A --to B] [--wait]   only these keys; that begin with P; from A on, before B
  holdfast restore … --in-place              the live table itself, through the fence, after a snapshot; instead of --into
  holdfast restore --undo RESTORE            the keys of a restore in place as its snapshot has them; RESTORE is the name in its report
  holdfast restore --test                    a restore test now: a moment drawn, restored beside the table, compared, dropped, and evidence kept
  holdfast erase --subject NAME --confirm NAME   destroys the keys of everything backed up about this person, for good, and leaves a certificate
  holdfast voters [list]                     who votes in the register, and which acceptors are behind or silent
  holdfast voters add|remove|replace --region REGION --reason …   one voter more, less, or with its new table; repeat it where it was cut off
  holdfast divergence [list] [--all]         what a lost region had written and the group went on without; --all: also what is decided
  holdfast divergence show --key K           both versions of one item, all late writes of it, and what was decided
  holdfast divergence resolve --key K … | --all [--rule ask|ours|theirs|last-writer|merge] --reason …   decides, as a write of the open region
  holdfast divergence resolve --undo K --reason …   writes what stood before the decision, where nobody wrote since
  holdfast divergence compare                lists what differs between both tables though no log told of it
  holdfast divergence sign-off --reason …    makes the region that returned eligible again, or says what is missing
  holdfast fences [list] [--region REGION]   what stopped a lost region, and how each ended
  holdfast fences run                        once more what did not hold; the failover starts it by itself
  holdfast fences undo --region REGION --reason …   lets a region act again that is signed off
  holdfast vault …                           backups of files, in a directory or any S3 store: 'holdfast vault --help' says more

  --json          the answer as JSON (with status --watch: one object a line)
  --config FILE   instead of ./holdfast.config.ts
  --by NAME       who asks, for the record; otherwise your user name on this computer
  --region REGION (backup, restore) where it runs; otherwise in the open region, of --test in any candidate; (voters) whose vote changes; (divergence) which returned; (fences) which was stopped
  --wait          (switch, backup, restore) follows it to its end; Ctrl-C ends only the watching
  TIME            like 2026-11-28T03:05:37Z, with a zone; TABLE begins with the name of the table, then -restored

It talks to the deployed stacks with your AWS credentials. Exit status: 0 done, 1 not done and nothing changed unless it says so, 2 not understood,
130 watching ended by Ctrl-C.
`;
