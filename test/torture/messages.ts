// What the run and its client processes tell each other.
export type ToClient =
  /** The registers to work on, from now on. */
  | { readonly kind: 'work'; readonly keys: readonly string[] }
  /** End the calls under way, then yourself. */
  | { readonly kind: 'end' };

export type FromClient =
  /** With the client's clock, which must be the run's. */
  | { readonly kind: 'ready'; readonly atNs: string }
  | { readonly kind: 'called'; readonly key: string; readonly result: 'ok' | 'fail' | 'unknown' }
  /** What no fault of this run explains. */
  | { readonly kind: 'defect'; readonly what: string };

export type ClientOptions = {
  /** Of the recording and in every value written; never used twice. */
  readonly name: string;
  readonly region: string;
  readonly configId: string;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly registerTable: string;
  /** The folder of the product's source: src, or a copy with a planted bug. */
  readonly source: string;
  readonly recording: string;
  readonly seed: number;
  readonly workers: number;
  /** Origin of all times of the run. */
  readonly originNs: string;
};
