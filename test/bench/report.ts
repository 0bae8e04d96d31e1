// The tables of a record: what each tool took, how Holdfast compares within the run, the bars, and what not to believe.
import { barsOf } from './bars.ts';
import { median, noiseOf, ratio, spread } from './figures.ts';
import { places, steps, type BenchRecord, type Run, type Step } from './record.ts';

const titles: Readonly<Record<Step, string>> = { first: 'first backup', verify: 'verify, reading all', same: 'nothing changed', changed: 'after 5 % change', restore: 'restore' };
const mebibyte = 2 ** 20;
const noisyShownMax = 20;

export function reportOf(record: BenchRecord): string {
  const { corpora, machine } = record;
  const head = [
    `Holdfast ${record.commit}${record.isDirty ? ' (with uncommitted changes)' : ''}, ${record.startedAt}${record.endedAt === null ? ', INTERRUPTED: partial' : ''}. ${machine.processor}, ${machine.processors} processors, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}, Node ${machine.node}.`,
    `Scale ${record.scale}, seed ${record.seed}: big ${(corpora.bytes.big / 1e6).toFixed(0)} MB (vm by ${corpora.vm === 'substitute' ? 'a substitute, as mkfs.ext4 is not here' : corpora.vm}; rec ${corpora.recRatioZstd3.toFixed(2)}:1 by zstd -3 as one stream), small ${(corpora.bytes.small / 1e6).toFixed(0)} MB in ${corpora.smallFiles} files.`,
    ...record.absent.map((text) => `Not here: ${text}.`),
  ];
  const groups = places.flatMap((place) => (['big', 'small', 'rec'] as const).map((set) => ({ place, set, runs: record.runs.filter((run) => run.place === place && run.set === set) })));
  const tables = groups
    .filter(({ runs }) => runs.length > 0)
    .flatMap(({ place, set, runs }) => [`\n## ${set}, ${place === 's3' ? 'S3 server' : 'directory'}`, ...timesTable(record, runs, set), ...(set === 'rec' ? [] : ratioTable(record, runs))]);
  return [...head, ...tables, ...extras(record), ...barsTable(record), ...doubts(record), ''].join('\n');
}

function timesTable(record: BenchRecord, runs: readonly Run[], set: Run['set']): string[] {
  const shown = steps.filter((step) => runs.some((run) => run.step === step));
  const bytes = set === 'rec' ? record.corpora.recBytes : record.corpora.bytes[set];
  const rows = labelsOf(runs).map((label) => {
    const mine = runs.filter((run) => run.label === label);
    const cells = shown.map((step) => {
      const of = mine.filter((run) => run.step === step);
      const [wall, cpu, server] = [median(of.map((run) => run.wallSeconds)), median(of.map((run) => run.cpuSeconds)), median(of.flatMap((run) => run.serverSeconds ?? []))];
      if (wall === null || cpu === null) return '–';
      return `${wall.toFixed(2)} s (${cpu.toFixed(2)}${server === null ? '' : ` + ${server.toFixed(2)}`}) ${step === 'same' ? '' : `${(bytes / 1e6 / wall).toFixed(0)} MB/s `}n=${of.length}`;
    });
    const stored = (['first', 'changed'] as const).map((step) => median(mine.flatMap((run) => (run.step === step ? (run.storedBytes ?? []) : []))));
    const peak = spread(mine.map((run) => run.peakBytes / mebibyte));
    return `| ${label} | ${cells.join(' | ')} | ${stored.map((each) => (each === null ? '–' : (each / mebibyte).toFixed(0))).join(', ')} | ${peak === null ? '–' : peak.most.toFixed(0)} |`;
  });
  return [
    `| median wall (CPU s of the tool${runs.some((run) => run.serverSeconds !== null) ? ' + of the S3 server' : ''}) | ${shown.map((step) => titles[step]).join(' | ')} | stored after first, after change (MiB) | peak MiB |`,
    `| --- |${' --- |'.repeat(shown.length + 2)}`,
    ...rows,
  ];
}

function ratioTable(record: BenchRecord, runs: readonly Run[]): string[] {
  const isOurs = (label: string) => record.tools.some((tool) => tool.label === label && tool.family === 'holdfast');
  // One that was told a number of workers is there to be compared with itself.
  const [ours, peers] = [labelsOf(runs).filter((label) => isOurs(label) && !label.includes('--')), labelsOf(runs).filter((label) => !isOurs(label))];
  const shown = steps.filter((step) => runs.some((run) => run.step === step));
  const rows = ours.flatMap((mine) =>
    peers.flatMap((peer) => {
      const cells = shown.map((step) => ratioCell(runs, peer, mine, step));
      if (cells.every((cell) => cell === null)) return [];
      return [`| ${mine} against ${peer} | ${cells.map((cell) => cell ?? '–').join(' | ')} |`];
    }),
  );
  return rows.length === 0
    ? []
    : [
        '',
        `| how many times faster: medians' wall (each round: least–median–most), medians' CPU | ${shown.map((step) => titles[step]).join(' | ')} |`,
        `| --- |${' --- |'.repeat(shown.length)}`,
        ...rows,
      ];
}

function ratioCell(runs: readonly Run[], peer: string, mine: string, step: Step): string | null {
  const of = (label: string, figure: 'wallSeconds' | 'cpuSeconds') => new Map(runs.flatMap((run) => (run.label === label && run.step === step ? [[run.round, run[figure]] as const] : [])));
  const [wall, cpu] = [ratio(of(peer, 'wallSeconds'), of(mine, 'wallSeconds')), ratio(of(peer, 'cpuSeconds'), of(mine, 'cpuSeconds'))];
  if (wall === null || cpu === null) return null;
  return `${wall.ofMedians.toFixed(2)} × (${wall.least.toFixed(2)}–${wall.perRound.toFixed(2)}–${wall.most.toFixed(2)}), ${cpu.ofMedians.toFixed(2)} × CPU`;
}

function extras({ sealing, runs, corpora }: BenchRecord): string[] {
  const whole = median(runs.filter((run) => run.label === 'Holdfast' && run.place === 'directory' && run.set === 'big' && run.step === 'first').map((run) => run.cpuSeconds));
  const [seal, tag] = [median(sealing.map((each) => each.sealSeconds)), median(sealing.map((each) => each.tagSeconds))];
  const lines = [];
  if (whole !== null && seal !== null && tag !== null)
    lines.push(
      `Sealing alone (AES-256-GCM of what is stored): ${seal.toFixed(3)} s CPU of the first backup's ${whole.toFixed(2)} s = ${((100 * seal) / whole).toFixed(1)} %; GMAC tags ${tag.toFixed(3)} s = ${((100 * tag) / whole).toFixed(1)} %.`,
    );
  for (const run of runs.filter(({ set }) => set === 'rec')) lines.push(`Records alone, ${run.label}: ${(corpora.recBytes / (run.storedBytes ?? Number.NaN)).toFixed(2)}:1.`);
  return lines.length === 0 ? [] : ['', ...lines];
}

function barsTable(record: BenchRecord): string[] {
  const bars = barsOf(record);
  return bars.length === 0 ? [] : ['\n## Bars', '| bar | measured | met |', '| --- | --- | --- |', ...bars.map(({ bar, measured, isMet }) => `| ${bar} | ${measured} | ${isMet ? 'yes' : '**no**'} |`)];
}

function doubts(record: BenchRecord): string[] {
  const wrong = record.wrong.map(({ round, place, set, label, step, because }) => `WRONG: round ${round}, ${place}, ${set}, ${label}, ${step}: ${because.slice(0, 500)}`);
  const byStep = new Map<string, Run[]>();
  for (const run of record.runs) {
    const name = `${run.place}, ${run.set}, ${run.label}, ${run.step}`;
    byStep.set(name, [...(byStep.get(name) ?? []), run]);
  }
  const noisy = [...byStep].flatMap(([name, runs]) => {
    const because = noiseOf(runs, record.machine.processors);
    return because === null ? [] : [`- ${name}: ${because}`];
  });
  const warning = `The machine was not quiet: ${noisy.length} of ${byStep.size} medians are not to be relied on. Repeat them.`;
  return [
    ...(wrong.length === 0 ? [] : ['', ...wrong]),
    ...(noisy.length === 0 ? [] : ['', warning, ...noisy.slice(0, noisyShownMax), ...(noisy.length > noisyShownMax ? [`- and ${noisy.length - noisyShownMax} more`] : [])]),
  ];
}

function labelsOf(runs: readonly Run[]): string[] {
  return [...new Set(runs.map((run) => run.label))].toSorted((a, b) => Number(b.startsWith('Holdfast')) - Number(a.startsWith('Holdfast')) || (a < b ? -1 : 1));
}
