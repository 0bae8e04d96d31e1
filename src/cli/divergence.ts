// `holdfast divergence`: what a lost region had written and the group went on without, what becomes of it, and the sign-off.
import type { Connection } from '../client/connection.ts';
import { DivergenceClient } from '../client/divergence-client.ts';
import { divergenceRules, type DivergenceRule } from '../core/divergence/rules.ts';
import type { OptionName } from './usage.ts';
import { renderCompared, renderHistory, renderPage, renderResolved, renderResolvedAll, renderSignOff } from './render-divergence.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

/** Longer lists go on page by page in JSON, or are decided by a rule. */
const listedMax = 50;
const jsonListedMax = 1000;

type Call = { readonly values: Values; readonly asked: { readonly by: string; readonly reason: string }; readonly client: DivergenceClient; readonly world: World };

const words = ['list', 'show', 'resolve', 'compare', 'sign-off'] as const;
type Word = (typeof words)[number];

/** Beside `region`, which every word takes. */
const optionsOf: Readonly<Record<Word, readonly OptionName[]>> = {
  list: ['all'],
  show: ['key'],
  resolve: ['key', 'all', 'rule', 'seen', 'undo', 'reason', 'by'],
  compare: [],
  'sign-off': ['without', 'reason', 'by'],
};

export async function divergence(word: string | undefined, values: Values, by: string, connection: Connection, world: World): Promise<ExitStatus> {
  const verb = words.find((w) => w === (word ?? 'list'));
  if (verb === undefined) throw new UsageError(`'${word}' is not what divergence can do; it may be ${words.join(', ')}`);
  const strange = Object.keys(values).find((name) => !['config', 'json', 'region', ...optionsOf[verb]].includes(name));
  if (strange !== undefined) throw new UsageError(`divergence ${verb} does not take --${strange}`);
  const call = { values, asked: { by, reason: reasonOf(verb, values) }, client: new DivergenceClient(connection, async (ms) => void (await world.waitForNext(ms))), world };
  const acts = { list, show, resolve, compare, 'sign-off': signOff };
  return acts[verb](call);
}

function reasonOf(verb: Word, { reason }: Values): string {
  if (!optionsOf[verb].includes('reason')) return '';
  if (reason === undefined || reason.trim() === '') throw new UsageError(`divergence ${verb} needs --reason …`);
  return reason;
}

function say({ values, world }: Call, result: object, text: string, status: ExitStatus = 0): ExitStatus {
  world.out(values.json === true ? `${JSON.stringify(result, null, 2)}\n` : text);
  return status;
}

async function list(call: Call): Promise<ExitStatus> {
  const { values, client } = call;
  const page = await client.list(values.region, values.all === true, values.json === true ? jsonListedMax : listedMax);
  return say(call, page, renderPage(page, values.all === true), page.unread.length === 0 ? 0 : 1);
}

async function show(call: Call): Promise<ExitStatus> {
  const [key, ...more] = call.values.key ?? [];
  if (key === undefined || more.length > 0) throw new UsageError('divergence show needs one --key K');
  const history = await call.client.show(call.values.region, key);
  return say(call, history, renderHistory(history));
}

async function resolve(call: Call): Promise<ExitStatus> {
  const { values, client, asked, world } = call;
  const { key: keys, all, undo, seen, region } = values;
  const ways = [keys !== undefined, all === true, undo !== undefined].filter(Boolean).length;
  if (ways !== 1) throw new UsageError('divergence resolve needs one of --key K …, --all and --undo K');
  const rule = ruleOf(values.rule);
  if (seen !== undefined && keys?.length !== 1) throw new UsageError('--seen goes with one --key K: it is what was shown of it');
  if (undo !== undefined) {
    if (rule !== undefined) throw new UsageError('--undo takes no --rule: what stood before is written');
    const undone = await client.undo(region, undo, asked);
    return say(call, undone, renderResolved([undone]), undone.kind === 'decided' ? 0 : 1);
  }
  if (keys !== undefined) {
    const resolved = await client.resolve(region, keys, { ...asked, rule, seen });
    return say(call, resolved, renderResolved(resolved), resolved.every((r) => r.kind === 'decided' || r.kind === 'was-decided') ? 0 : 1);
  }
  const counts = await client.resolveAll(region, { ...asked, rule }, (soFar) => {
    if (world.isProgressTerminal) world.err(`\r${soFar.decided + soFar.wereDecided} decided, ${soFar.asked + soFar.overtaken} left …`);
  });
  if (world.isProgressTerminal) world.err('\n');
  return say(call, counts, renderResolvedAll(counts), counts.asked + counts.overtaken + counts.unread.length === 0 ? 0 : 1);
}

function ruleOf(text: string | undefined): DivergenceRule | undefined {
  if (text === undefined) return undefined;
  const rule = divergenceRules.find((r) => r === text);
  if (rule === undefined) throw new UsageError(`'${text}' is not a rule; it may be ${divergenceRules.join(', ')}`);
  return rule;
}

async function compare(call: Call): Promise<ExitStatus> {
  const compared = await call.client.compare(call.values.region);
  return say(call, compared, renderCompared(compared), compared.missing.length === 0 ? 0 : 1);
}

async function signOff(call: Call): Promise<ExitStatus> {
  const { values, client, asked } = call;
  const signed = values.without === undefined ? await client.signOff(values.region, asked) : await client.signOffWithout(values.without, values.region, asked);
  return say(call, signed, renderSignOff(signed), signed.isSignedOff ? 0 : 1);
}
