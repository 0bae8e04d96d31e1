// What `holdfast vault` can be told: the text that people see and the options that are parsed.
export const vaultCommands = ['init', 'backup', 'points', 'restore', 'verify', 'inspect', 'export', 'import', 'audit', 'expire', 'scrub', 'compare', 'rewrap'] as const;
export type VaultCommandName = (typeof vaultCommands)[number];

export const vaultOptions = {
  vault: { type: 'string', multiple: true },
  'passphrase-file': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  source: { type: 'string' },
  point: { type: 'string' },
  full: { type: 'boolean' },
  'read-all': { type: 'boolean' },
  class: { type: 'string' },
  'lock-mode': { type: 'string' },
  'lock-days': { type: 'string' },
  level: { type: 'string' },
  'pack-mib': { type: 'string' },
  'checkpoint-mib': { type: 'string' },
  workers: { type: 'string' },
  to: { type: 'string' },
  'into-existing': { type: 'boolean' },
  all: { type: 'boolean' },
  keyless: { type: 'boolean' },
  entries: { type: 'boolean' },
  'new-key-file': { type: 'string' },
  from: { type: 'string' },
  'new-passphrase-file': { type: 'string' },
  'dry-run': { type: 'boolean' },
} as const;

export type VaultOptionName = keyof typeof vaultOptions;

const common: readonly VaultOptionName[] = ['vault', 'passphrase-file', 'json', 'help'];

export const optionsOfVault: Readonly<Record<VaultCommandName, readonly VaultOptionName[]>> = {
  init: [...common, 'new-key-file'],
  backup: [...common, 'source', 'full', 'read-all', 'class', 'lock-mode', 'lock-days', 'level', 'pack-mib', 'checkpoint-mib', 'workers'],
  points: [...common, 'source', 'all'],
  restore: [...common, 'source', 'point', 'to', 'into-existing', 'workers'],
  verify: [...common, 'source', 'point', 'all', 'keyless', 'workers'],
  inspect: [...common, 'source', 'point', 'entries'],
  export: ['vault', 'json', 'help', 'source', 'point', 'all', 'to'],
  import: ['vault', 'json', 'help', 'from'],
  audit: ['vault', 'json', 'help', 'all', 'lock-mode'],
  expire: ['vault', 'json', 'help', 'dry-run', 'lock-mode'],
  scrub: [...common],
  compare: ['vault', 'json', 'help'],
  rewrap: [...common, 'new-passphrase-file'],
};

export const vaultUsage = `holdfast vault: backups of files that nobody can read without the passphrase, in a directory or any S3 store

  holdfast vault init --vault WHERE               makes a vault; the passphrase given now is the one it opens with
  holdfast vault backup --vault WHERE PATH …      backs up these files and directories: at first all, then what changed
      --source NAME      whose backups these are (a-z 0-9 _ -); otherwise the name of this computer and of the first path
      --read-all         reads every file again; otherwise one with the same size, times and inode is taken as unchanged
      --full             begins a new chain: nothing is taken over
      --class CLASS      hourly, daily (the default), weekly, monthly or yearly: what retention calls it
      --lock-mode MODE --lock-days N   governance or compliance: the store refuses to remove it for so long
      --level N          of zstd, 1 (fast, the default) to 19     --pack-mib N   size of packs, 1 to 48 (16)
      --checkpoint-mib N after so much was stored, a killed run can go on from there (4096)
  holdfast vault points --vault WHERE             the recovery points, oldest first; --all with checkpoints
  holdfast vault restore --vault WHERE --to DIR [PATH …]   the newest point, or --point POINT; PATHs: only these, as 'inspect --entries' lists them
      --into-existing    DIR need not be empty: what has the same size and time stays, other files are replaced
  holdfast vault verify --vault WHERE             reads every pack of the newest point (--point POINT, --all: of all) in every site and proves each chunk
      --keyless          hashes only; needs no passphrase
  holdfast vault inspect --vault WHERE [--point POINT] [--entries]   what a point is; its entries, with the passphrase

  holdfast vault export --vault WHERE --to PLACE  the newest point (--point POINT, --all) with its parents and all that it needs: a disk for a safe. No passphrase
  holdfast vault import --vault WHERE --from PLACE   what was exported, into these sites; everything is verified on its way
  holdfast vault audit --vault WHERE              findings: what no point needs, what is missing, uncommitted, unknown; --all: why each object is there;
                                                  --lock-mode MODE: also what is locked too short or too long
  holdfast vault expire --vault WHERE … [--dry-run]   gives up what no retention class needs any more, a week after the need ended: at first the points, in a later
                                                  run their packs. The newest point of each source stays, and all that is locked or held. No passphrase
      --lock-mode MODE   also makes locks longer where the need has become longer; --dry-run: shows it, changes nothing
                         In S3 an object gets the tag holdfast-expired=true and goes by a lifecycle rule for it; a bucket without that rule keeps it
  holdfast vault scrub --vault WHERE …            reads every object in every site and repairs what is wrong from a site that has it whole
  holdfast vault compare --vault WHERE --vault WHERE …   names what the sites list differently, without reading objects. No passphrase
  holdfast vault rewrap --vault WHERE --new-passphrase-file FILE   the data keys, wrapped under another passphrase

  --vault WHERE    a directory, or s3://bucket/prefix?region=…&endpoint=…; repeat it for a vault in several sites, of which a majority must answer
  --source NAME    (points, restore, verify, inspect) only this source's points
  --workers N      threads that read or write (as many as there are cores, at most 4)
  --json           the answer as JSON
  --passphrase-file FILE   its first line; otherwise HOLDFAST_VAULT_PASSPHRASE. Never an argument: other users see those
  --new-key-file FILE      (init) makes a random passphrase of 256 bits and writes it there; it needs no slow derivation, so each command begins 0.3 s earlier.
                   Whoever loses passphrase or file loses the vault

Exit status: 0 done; 1 not done, or damage was found; 2 not understood; 3 done, but for what the warnings name; 130 interrupted (a backup first makes a checkpoint).
`;
