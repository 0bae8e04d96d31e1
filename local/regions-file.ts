// .holdfast/local/regions.json: all that an outsider needs to watch, use or hurt the three regions, kept true while they live. The shape is
// promised in the README; whoever reads it may be written in any language.
import { rmSync } from 'node:fs';
import { replaceFile } from './files.ts';

export type RegionEntry = {
  readonly role: 'candidate' | 'witness';
  /** `http://address:port`; the region's AWS endpoints, and its functions by their Host. */
  readonly endpoint: string;
  /** Null before the stacks are deployed, and for a witness, which has no gate. */
  readonly gateUrl: string | null;
  /** Every process of the region now; empty while it is dead, and for a region that somebody else started. */
  readonly pids: readonly number[];
  /** The command that starts the region again and returns when it is ready. */
  readonly start: readonly string[];
};

export type RegionsFile = {
  readonly dns: { readonly host: string; readonly port: number };
  readonly service: { readonly name: string; readonly port: number };
  readonly tableName: string;
  readonly regions: Readonly<Record<string, RegionEntry>>;
  readonly group: string;
  readonly registerTables: Readonly<Record<string, string>>;
  readonly regionTable: string;
  readonly logTable: string;
  readonly fenceTable: string;
  /** The vault's bucket in each region; empty where the group has no vault. */
  readonly vaultBuckets: Readonly<Record<string, string>>;
  /** Whether the stacks are deployed. */
  readonly deployed: boolean;
  /** POST JSON here to break and heal; see local/control-server.ts. */
  readonly control: { readonly url: string };
  readonly harness: { readonly pid: number };
};

export type RegionsFileWriter = {
  /** Writes if anything changed. */
  write(content: RegionsFile): void;
  remove(): void;
};

export function regionsFileWriter(path: string): RegionsFileWriter {
  let written = '';
  return {
    write(content) {
      const text = `${JSON.stringify(content, null, 2)}\n`;
      if (text === written) return;
      replaceFile(path, text);
      written = text;
    },
    remove() {
      written = '';
      rmSync(path, { force: true });
    },
  };
}
