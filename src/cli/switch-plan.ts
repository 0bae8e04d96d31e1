// `holdfast switch --plan FILE`: moves several groups by one plan, and says what became of each.
import { dirname, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { movePlan, type PlanMove } from '../client/plan-client.ts';
import { switchMover } from '../client/switch-mover.ts';
import { flattenPlan } from '../core/plan/recovery-plan.ts';
import { textTable } from './text-table.ts';
import { UsageError, type ExitStatus, type Values, type World } from './world.ts';

export async function switchPlan(file: string, values: Values, by: string, world: World): Promise<ExitStatus> {
  const { to, reason } = values;
  if (values.config !== undefined) throw new UsageError('switch --plan takes no --config: the plan names the configuration of each group');
  if (to === undefined || to.trim() === '') throw new UsageError('switch needs --to REGION');
  if (reason === undefined || reason.trim() === '') throw new UsageError('switch needs --reason …');
  const plan = await world.loadPlan(file);
  const groups = flattenPlan(plan.groups);
  let isStopped = false;
  // After Ctrl-C what moves is still looked at until it has moved, at the same pace.
  const wait = async (ms: number) => {
    if (isStopped) await setTimeout(ms);
    else isStopped = !(await world.waitForNext(ms));
  };
  const movers = await Promise.all(
    groups.map(async ({ name, config }) => switchMover(name, await world.connect(resolve(dirname(resolve(file)), config)), { by, reason: `${reason} (plan ${plan.name})` }, wait)),
  );
  const say = (line: string) => {
    if (values.json !== true) world.err(`${line}\n`);
  };
  const moves = await movePlan(groups, movers, { to, allOrNothing: plan.allOrNothing, say, isStopped: () => isStopped });
  world.out(values.json === true ? `${JSON.stringify({ plan: plan.name, to, moves }, null, 2)}\n` : `${render(moves)}\n`);
  if (moves.every(({ outcome }) => outcome === 'moved' || outcome === 'there already')) return 0;
  return moves.some(({ outcome }) => outcome === 'failed') ? 1 : 130;
}

function render(moves: readonly PlanMove[]): string {
  return textTable(
    ['group', 'from → to', 'outcome', 'because'],
    moves.map(({ group, from, to, outcome, because }) => [group, `${from} → ${to}`, outcome, because]),
  );
}
