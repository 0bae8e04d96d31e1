// What `holdfast` can be told, in one place: the text that people see and the options that are parsed.
export const commands = ['status', 'failover', 'approve', 'pause', 'resume'] as const;
export type Command = (typeof commands)[number];

export const options = {
  config: { type: 'string' },
  json: { type: 'boolean' },
  watch: { type: 'boolean' },
  to: { type: 'string' },
  reason: { type: 'string' },
  by: { type: 'string' },
  deny: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export type OptionName = keyof typeof options;

/** Beside `config`, `json` and `help`, which every command takes. */
export const optionsOf: Readonly<Record<Command, readonly OptionName[]>> = {
  status: ['watch'],
  failover: ['to', 'reason', 'by'],
  approve: ['deny', 'reason', 'by'],
  pause: ['reason', 'by'],
  resume: ['reason', 'by'],
};

export const usage = `holdfast: disaster recovery for a service in several AWS regions

  holdfast status [--watch]                  who holds the lease, who is well, what is behind, what happened last
  holdfast failover --to REGION --reason …   revokes the lease in favour of REGION; its runbook does the rest
  holdfast approve [--deny] [--reason …]     shows the known loss and lets the waiting failover open, or gives its attempt up
  holdfast pause --reason …                  no failover until 'resume'; the active region stays active
  holdfast resume [--reason …]               starts a new group, or goes on after a pause

  --json          the answer as JSON (with status --watch: one object a line)
  --config FILE   instead of ./holdfast.config.ts
  --by NAME       who asks, for the record; otherwise your user name on this computer

It talks to the deployed stacks with your AWS credentials. Exit status: 0 done, 1 not done and nothing changed unless it says so, 2 not understood.
`;
