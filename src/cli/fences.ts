// `holdfast fences`: what was stopped and how it ended; once more; and its undoing.
import type { Connection } from '../client/connection.ts';
import { FencesClient, type FencesShown, type FencesUndone } from '../client/fences-client.ts';
import { textTable } from './text-table.ts';
import type { OptionName } from './usage.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

const words = ['list', 'run', 'undo'] as const;
type Word = (typeof words)[number];
const optionsOf: Readonly<Record<Word, readonly OptionName[]>> = { list: ['region'], run: [], undo: ['region', 'reason', 'by'] };

export async function fences(word: string | undefined, values: Values, by: string, connection: Connection, world: World): Promise<ExitStatus> {
  const verb = words.find((w) => w === (word ?? 'list'));
  if (verb === undefined) throw new UsageError(`'${word}' is not what fences can do; it may be ${words.join(', ')}`);
  const strange = Object.keys(values).find((name) => !['config', 'json', ...optionsOf[verb]].includes(name));
  if (strange !== undefined) throw new UsageError(`fences ${verb} does not take --${strange}`);
  const client = new FencesClient(connection);
  const say = (result: object, text: string, status: ExitStatus = 0) => {
    world.out(values.json === true ? `${JSON.stringify(result, null, 2)}\n` : text);
    return status;
  };
  if (verb === 'list') {
    const shown = await client.list(values.region);
    return say(shown, renderFences(shown));
  }
  if (verb === 'run') {
    const started = await client.start();
    return say(started, `${started.by} stops ${started.regions.join(' and ')} (epoch ${started.epoch}), if it has fences for it. 'holdfast fences' shows how it ends.\n`);
  }
  const { region, reason } = values;
  if (region === undefined || reason === undefined || reason.trim() === '') throw new UsageError('fences undo needs --region REGION --reason …');
  const undone = await client.undo(region, { by, reason });
  const isDone = undone.silent.length === 0 && undone.undone.every(({ outcome }) => outcome.kind === 'confirmed');
  return say(undone, renderUndone(undone), isDone ? 0 : 1);
}

export function renderFences({ fences: all, silent }: FencesShown): string {
  const asked = silent.map((region) => `could not be asked: ${region}\n`).join('');
  if (all.length === 0) return `${asked}no fence was run\n`;
  const rows = all.map(({ region, epoch, name, kind, required, state, because, runBy }) => [region, String(epoch), name, kind, required ? 'required' : '', state, runBy, because]);
  return `${asked}${textTable(['fences of', 'epoch', 'name', 'kind', '', 'outcome', 'run by', ''], rows)}\n`;
}

function renderUndone({ region, undone, silent }: FencesUndone): string {
  const lines = [
    ...undone.map(({ name, epoch, runBy, outcome }) => `${name} (epoch ${epoch}, run by ${runBy}): ${outcome.kind === 'confirmed' ? 'undone' : `NOT UNDONE, ${outcome.kind}`}: ${outcome.because}`),
    ...silent.map((at) => `${at.region} could not be asked, and what it fenced stays as it is: ${at.because}`),
  ];
  return lines.length === 0 ? `nothing of ${region} is fenced\n` : `${lines.join('\n')}\n`;
}
