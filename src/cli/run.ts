// The command line: parses, calls the client, prints. What it needs of the world comes in, so that tests run it whole.
import { BackupClient } from '../client/backup-client.ts';
import type { Connection } from '../client/connection.ts';
import { HoldfastClient } from '../client/holdfast-client.ts';
import { describe } from '../client/region-status.ts';
import { HoldfastError } from '../core/errors.ts';
import { backUp, restore, showPoints } from './backups.ts';
import { divergence } from './divergence.ts';
import { erase } from './erase.ts';
import { fences } from './fences.ts';
import { renderLoss, renderStatus } from './render-status.ts';
import { switchPlan } from './switch-plan.ts';
import { switchOver } from './switch.ts';
import { commands, optionsOf, usage, type Command } from './usage.ts';
import { voters } from './voters.ts';
import { parseArguments, UsageError, type ExitStatus, type Values, type World } from './world.ts';

const watchIntervalMs = 2000;

export async function run(args: readonly string[], world: World): Promise<ExitStatus> {
  const isJson = args.includes('--json');
  try {
    const { command, word, values } = parse(args);
    if (command === undefined) {
      world.out(usage);
      return 0;
    }
    if (command === 'switch' && values.plan !== undefined) return await switchPlan(values.plan, values, values.by ?? world.userName(), world);
    return await execute(command, word, values, await world.connect(values.config ?? 'holdfast.config.ts'), world);
  } catch (error) {
    const isUsage = error instanceof UsageError;
    const message = error instanceof UsageError || error instanceof HoldfastError ? error.message : describe(error);
    if (isJson) world.out(`${JSON.stringify({ error: { name: error instanceof Error ? error.name : 'Error', message } })}\n`);
    else world.err(`holdfast: ${message}\n${isUsage ? "'holdfast --help' shows what can be said.\n" : ''}`);
    return isUsage ? 2 : 1;
  }
}

function parse(args: readonly string[]) {
  const { values, positionals } = parseArguments(args);
  const [word, ...more] = positionals;
  if (values.help === true || (word === undefined && args.length === 0)) return { command: undefined, word: undefined, values };
  const command = commands.find((c) => c === word);
  if (command === undefined) throw new UsageError(word === undefined ? `no command was given; it may be ${commands.join(', ')}` : `'${word}' is not a command; it may be ${commands.join(', ')}`);
  const [second] = more;
  const hasWord = command === 'voters' || command === 'divergence' || command === 'fences';
  const surplus = hasWord ? more.slice(1) : more;
  if (surplus.length > 0) throw new UsageError(`'${surplus.join(' ')}' is too much: ${command} takes ${hasWord ? 'one word and ' : ''}options only`);
  const strange = Object.keys(values).find((name) => !['config', 'json', 'help', ...optionsOf[command]].includes(name));
  if (strange !== undefined) throw new UsageError(`${command} does not take --${strange}`);
  return { command, word: second, values };
}

async function execute(command: Command, word: string | undefined, values: Values, connection: Connection, world: World): Promise<ExitStatus> {
  const client = new HoldfastClient(connection);
  const by = values.by ?? world.userName();
  const say = (result: object, text: string) => {
    world.out(values.json === true ? `${JSON.stringify(result, null, 2)}\n` : `${text}\n`);
    return 0 as const;
  };
  switch (command) {
    case 'status':
      return showStatus(values, client, world);
    case 'failover': {
      const [to, reason] = [required(values.to, 'failover', '--to REGION'), required(values.reason, 'failover', '--reason …')];
      const asked = await client.failover(to, { by, reason });
      return say(asked, `The lease of ${asked.from} is revoked in favour of ${asked.to}: ${asked.execution} runs there next. 'holdfast status --watch' shows how it goes.`);
    }
    case 'switch':
      return switchOver(values, by, connection, world);
    case 'approve':
      return approve(values, by, client, world);
    case 'pause': {
      const reason = required(values.reason, 'pause', '--reason …');
      await client.pause({ by, reason });
      return say({ paused: { by, reason } }, `Paused by ${by}: ${reason}. Nothing fails over until 'holdfast resume'; the active region stays active, and one that dies is not replaced.`);
    }
    case 'resume': {
      const was = await client.resume({ by, reason: values.reason });
      return say({ resumed: { by, ...was } }, `Resumed; it was paused by ${was.wasPausedBy} (${was.reason}). Holdfast acts again.`);
    }
    case 'backup':
      return backUp(values, by, new BackupClient(connection), world);
    case 'points':
      return showPoints(values, new BackupClient(connection), world);
    case 'restore':
      return restore(values, by, new BackupClient(connection), world);
    case 'erase':
      return erase(values, by, connection, world);
    case 'voters':
      return voters(word, values, by, connection, world);
    case 'divergence':
      return divergence(word, values, by, connection, world);
    case 'fences':
      return fences(word, values, by, connection, world);
  }
}

async function approve(values: Values, by: string, client: HoldfastClient, world: World): Promise<ExitStatus> {
  const reason = values.deny === true ? required(values.reason, 'approve --deny', '--reason …') : (values.reason ?? 'approved');
  const shown = await client.pendingApproval();
  if (values.json !== true) world.out(`fo-${shown.epoch}-${shown.attempt} in ${shown.region} waits for an answer since ${shown.askedSecondsAgo} s.\n${renderLoss(shown.loss)}`);
  const answer = values.deny === true ? 'deny' : 'approve';
  await client.answerApproval(shown, answer, { by, reason });
  if (values.json === true) world.out(`${JSON.stringify({ answer, by, reason, approval: shown }, null, 2)}\n`);
  else if (answer === 'approve') world.out(`Approved by ${by}: ${shown.region} opens in epoch ${shown.epoch}.\n`);
  else world.out(`Denied by ${by}: this attempt is given up. The next one asks again; to stop for good, 'holdfast pause' before you deny.\n`);
  return 0;
}

const clearScreen = '\x1b[2J\x1b[H';

async function showStatus(values: Values, client: HoldfastClient, world: World): Promise<ExitStatus> {
  let status: ExitStatus = 0;
  do {
    const picture = await client.status();
    status = picture.value === null ? 1 : 0;
    if (values.json === true) world.out(`${JSON.stringify(picture, null, values.watch === true ? 0 : 2)}\n`);
    else world.out(`${values.watch === true && world.isTerminal ? clearScreen : ''}${renderStatus(picture)}${values.watch === true && !world.isTerminal ? '\n' : ''}`);
  } while (values.watch === true && (await world.waitForNext(watchIntervalMs)));
  return status;
}

function required(value: string | undefined, command: string, option: string): string {
  if (value === undefined || value.trim() === '') throw new UsageError(`${command} needs ${option}`);
  return value;
}
