// What the issue asks for, as conditions on a record. Only bars whose measurements are there are listed; nothing is taken from elsewhere.
import { median, ratio } from './figures.ts';
import type { BenchRecord, PlaceKind, Run, Step } from './record.ts';

export type Bar = { readonly bar: string; readonly measured: string; readonly isMet: boolean };

const times: readonly { readonly place: PlaceKind; readonly set: 'big' | 'small'; readonly step: Step; readonly peer: string; readonly least: number }[] = [
  { place: 'directory', set: 'big', step: 'first', peer: 'restic', least: 2 },
  { place: 'directory', set: 'big', step: 'first', peer: 'kopia', least: 1.5 },
  { place: 'directory', set: 'big', step: 'changed', peer: 'restic', least: 2.5 },
  { place: 'directory', set: 'big', step: 'same', peer: 'restic', least: 5 },
  { place: 'directory', set: 'big', step: 'restore', peer: 'restic', least: 2.5 },
  { place: 's3', set: 'big', step: 'restore', peer: 'restic', least: 1.5 },
  { place: 'directory', set: 'big', step: 'verify', peer: 'restic', least: 2 },
  ...(['restic', 'kopia'] as const).flatMap((peer) =>
    (['first', 'verify', 'same', 'changed', 'restore'] as const).map((step) => ({ place: 'directory' as const, set: 'small' as const, step, peer, least: 1.5 })),
  ),
];
const [storedMost, peakMibMost, recLeast, encryptionShareMost, workersLeast] = [1.05, 512, 3, 0.05, 1.8];
const mebibyte = 2 ** 20;

export function barsOf(record: BenchRecord): Bar[] {
  const ours = record.tools.filter((tool) => tool.family === 'holdfast' && !tool.label.includes('--')).map((tool) => tool.label);
  return [...ours.flatMap((mine) => timeBars(record, mine)), ...storedBars(record), ...peakBar(record, ours), ...recBar(record), ...sealingBar(record), ...workersBar(record)];
}

/** The kopia that does not compress is no peer: it stores twice as much. */
function peersOf(record: BenchRecord, family: string): string[] {
  return record.tools.filter((tool) => tool.family === family && !tool.label.includes('not compressing')).map((tool) => tool.label);
}

function timeBars(record: BenchRecord, mine: string): Bar[] {
  return times.flatMap(({ place, set, step, peer, least }) =>
    peersOf(record, peer).flatMap((label) => {
      const of = (name: string) => new Map(pick(record, place, set, name, step).map((run) => [run.round, run.wallSeconds]));
      const found = ratio(of(label), of(mine));
      if (found === null) return [];
      return [{ bar: `${mine}: ${step}, ${set}, ${place} ≥ ${least} × ${label}`, measured: `${found.ofMedians.toFixed(2)} × (n=${found.rounds})`, isMet: found.ofMedians >= least }];
    }),
  );
}

function storedBars(record: BenchRecord): Bar[] {
  return (['big', 'small'] as const).flatMap((set) =>
    (['first', 'changed'] as const).flatMap((step) => {
      const of = (label: string) => median(pick(record, 'directory', set, label, step).flatMap((run) => run.storedBytes ?? []));
      const others = [...peersOf(record, 'restic'), ...peersOf(record, 'kopia')].flatMap((label) => of(label) ?? []);
      const mine = of('Holdfast');
      if (mine === null || others.length === 0) return [];
      const share = mine / Math.min(...others);
      return [{ bar: `stored, ${set}, ${step} ≤ ${storedMost} × the better of restic and kopia`, measured: `${share.toFixed(3)} ×`, isMet: share <= storedMost }];
    }),
  );
}

function peakBar({ runs }: BenchRecord, ours: readonly string[]): Bar[] {
  const peaks = runs.filter((run) => ours.includes(run.label));
  const worst = peaks.reduce<Run | null>((most, run) => (most === null || run.peakBytes > most.peakBytes ? run : most), null);
  if (worst === null) return [];
  const mib = worst.peakBytes / mebibyte;
  return [{ bar: `peak memory ≤ ${peakMibMost} MiB`, measured: `${mib.toFixed(0)} MiB (${worst.step}, ${worst.set}, ${worst.place})`, isMet: mib <= peakMibMost }];
}

function recBar({ runs, corpora }: BenchRecord): Bar[] {
  const stored = median(runs.filter((run) => run.set === 'rec' && run.label === 'Holdfast').flatMap((run) => run.storedBytes ?? []));
  if (stored === null) return [];
  return [
    {
      bar: `records ≥ ${recLeast}:1`,
      measured: `${(corpora.recBytes / stored).toFixed(2)}:1 (zstd -3 as one stream: ${corpora.recRatioZstd3.toFixed(2)}:1)`,
      isMet: corpora.recBytes / stored >= recLeast,
    },
  ];
}

function sealingBar(record: BenchRecord): Bar[] {
  const whole = median(pick(record, 'directory', 'big', 'Holdfast', 'first').map((run) => run.cpuSeconds));
  const seal = median(record.sealing.map((each) => each.sealSeconds));
  if (whole === null || seal === null) return [];
  return [{ bar: `encryption < ${encryptionShareMost * 100} % of CPU`, measured: `${((100 * seal) / whole).toFixed(1)} %`, isMet: seal / whole < encryptionShareMost }];
}

function workersBar(record: BenchRecord): Bar[] {
  const of = (workers: number) => new Map(pick(record, 'directory', 'big', `Holdfast (key file) --workers ${workers}`, 'first').map((run) => [run.round, run.wallSeconds]));
  const found = ratio(of(1), of(2));
  return found === null ? [] : [{ bar: `a second worker ≥ ${workersLeast} ×`, measured: `${found.ofMedians.toFixed(2)} × (n=${found.rounds})`, isMet: found.ofMedians >= workersLeast }];
}

function pick({ runs }: BenchRecord, place: PlaceKind, set: Run['set'], label: string, step: Step): Run[] {
  return runs.filter((run) => run.place === place && run.set === set && run.label === label && run.step === step);
}
