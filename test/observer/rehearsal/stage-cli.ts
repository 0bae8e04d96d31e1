// The product's command line, as the stage plays it: `backup` notes when it was asked first; `restore` replays what the regions of the stage accepted
// up to the moment, into a table of its own. Which mistakes it makes is the rehearsal's choice.
//   node stage-cli.ts <directory of the stage> <mistakes as JSON> backup|restore|failover|divergence …
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { StageDivergence } from './stage-divergence.ts';

const [directory = '', mistakesText = '{}', verb = '', ...words] = process.argv.slice(2);
const mistakes = JSON.parse(mistakesText);
const { values, positionals } = parseArgs({
  args: words,
  allowPositionals: true,
  options: {
    key: { type: 'string', multiple: true },
    rule: { type: 'string' },
    undo: { type: 'string' },
    all: { type: 'boolean' },
    seen: { type: 'string' },
    to: { type: 'string' },
    reason: { type: 'string' },
    by: { type: 'string' },
    type: { type: 'string' },
    at: { type: 'string' },
    into: { type: 'string' },
    region: { type: 'string' },
    wait: { type: 'boolean' },
    json: { type: 'boolean' },
  },
});
const REGARDED_LATE_MS = 2000;

interface Accepted {
  readonly id: string;
  readonly text: string | null;
  readonly epoch: number;
  readonly atMs: number;
}

/** As a stream tells them: the time is a whole second. */
function accepted(): Accepted[] {
  const logs = readdirSync(directory).filter((name) => name.startsWith('accepted-'));
  const lines = logs.flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'));
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

const firstBackup = join(directory, 'first-backup');

function backup(): number {
  if (!existsSync(firstBackup)) writeFileSync(firstBackup, String(Date.now()));
  console.log(JSON.stringify({ point: 'p-full-1' }));
  return 0;
}

async function restore(): Promise<number> {
  if (mistakes.restoresAnything !== true && Date.parse(values.at ?? '') < Number(readFileSync(firstBackup, 'utf8'))) {
    console.error('this moment is not covered');
    return 1;
  }
  const atMs = Date.parse(values.at ?? '') + (mistakes.restoresLate === true ? REGARDED_LATE_MS : 0);
  const items = new Map<string, object>();
  for (const { id, text, epoch, atMs: madeAtMs } of accepted().sort((a, b) => a.atMs - b.atMs)) {
    if (Math.floor(madeAtMs / 1000) * 1000 > atMs) continue;
    if (text === null) items.delete(id);
    else items.set(id, { id, text, epoch });
  }
  const { regions } = JSON.parse(readFileSync(join(directory, 'regions.json'), 'utf8'));
  const { endpoint } = regions[values.region ?? ''];
  await fetch(`${endpoint}/_stage`, { method: 'POST', body: JSON.stringify({ table: values.into, items: [...items.values()] }) });
  console.log(JSON.stringify({ items: items.size }));
  return 0;
}

if (verb === 'failover' || verb === 'divergence') process.exitCode = await new StageDivergence(directory, mistakes).run([verb, ...positionals].join(' '), values);
else process.exitCode = verb === 'restore' ? await restore() : backup();
