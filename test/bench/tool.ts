// What the bench asks of each backup tool. Each is run by its commands, with its defaults; what differs is said in its label.
import type { Command } from './measured-run.ts';

export type S3Place = { readonly kind: 's3'; readonly endpoint: string; readonly bucket: string; readonly region: string; readonly accessKey: string; readonly secretKey: string };
export type Place = { readonly kind: 'directory'; readonly path: string } | S3Place;

export const peerFamilies = ['restic', 'kopia', 'borg'] as const;
export type PeerFamily = (typeof peerFamilies)[number];

/** A new repository. `home` is a folder for caches and configuration, removed with it. */
export interface Repository {
  /** Not timed. */
  readonly init: readonly Command[];
  backup(source: string): Command;
  /** The newest backup. `backedUp`: what the last backup said on stdout. `target` is there and empty. */
  restore(target: string, source: string, backedUp: string): { readonly command: Command; readonly root: string };
  /** Reads and proves all that is stored. */
  readonly verify: Command;
  /** What a tool keeps on this computer to be faster; removed before a restore, which is often on another one. */
  readonly caches: readonly string[];
}

export type Tool = {
  readonly label: string;
  readonly family: 'holdfast' | PeerFamily;
  readonly version: string;
  /** null: it cannot store there. */
  open(place: Place, home: string): Repository | null;
};

/** Every tool's. Nothing secret is in a bench. */
export const passphrase = 'holdfast-bench-passphrase';

export function environmentOf(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: home, LANG: 'C.UTF-8' };
}
