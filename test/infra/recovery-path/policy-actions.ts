// Why: what a role may do is what a changed function could do without a change of any policy. Each statement that allows something is read with
// whose it is: a function's role, a machine's, a schedule's, or the policy of a resource.
import { z } from 'zod';
import { type JudgedFunction, PATH_OF, PATH_OF_MACHINE, type RecoveryPath } from '../../../infra/recovery-path-actions.ts';
import { resourcesOf, statementsOf, type Template, textOf } from '../synthesised.ts';
import type { FoundAction, Reading, Unreadable } from './action.ts';

type Owner = { readonly path: RecoveryPath; readonly who: string };

const scheduleTarget = z.object({ Target: z.object({ Arn: z.unknown(), RoleArn: z.unknown() }) });
const rolesOfPolicy = z.object({ Roles: z.array(z.unknown()) });

/** @param stack for the places in messages, such as `Holdfast-orders-us-east-1` */
export function readPolicies(stack: string, template: Template, group: string): Reading {
  const owners = ownersOf(template, group);
  const actions: FoundAction[] = [];
  const unreadable: Unreadable[] = [];
  for (const { where, statement } of [...statementsOf(template), ...permissionsOf(template)]) {
    if (statement['Effect'] !== 'Allow') continue;
    const [id = ''] = where.split('.');
    const type = template.Resources[id]?.Type ?? '';
    // A key's policy lets its account's administrators manage it, and a bucket's speaks of deployments: neither is a role on a path.
    if (type === 'AWS::KMS::Key' || type === 'AWS::S3::BucketPolicy') continue;
    const whose = owners.get(id) ?? [];
    const place = `${stack} ${where}`;
    if (whose.length === 0) unreadable.push({ where: place, because: `nobody knows on which path this ${type} is: it belongs to no function, machine or schedule of a known path` });
    for (const { path, who } of whose) for (const action of [statement['Action']].flat()) actions.push({ path, who, action: String(action), places: [place] });
    if ('NotAction' in statement) unreadable.push({ where: place, because: 'it allows by NotAction, which is everything else' });
  }
  for (const [id, { Properties }] of resourcesOf(template, 'AWS::IAM::Role'))
    if (Properties['ManagedPolicyArns'] !== undefined) unreadable.push({ where: `${stack} ${id}`, because: 'it has a managed policy, whose actions AWS changes as it likes' });
  return { actions, unreadable };
}

/** Role, policy or permission (by logical id) → who acts by it. */
function ownersOf(template: Template, group: string): ReadonlyMap<string, readonly Owner[]> {
  const owners = new Map<string, Owner[]>();
  const give = (id: string | undefined, owner: Owner | undefined): void => {
    if (id !== undefined && owner !== undefined) owners.set(id, [...(owners.get(id) ?? []), owner]);
  };
  const functions = new Map(resourcesOf(template, 'AWS::Lambda::Function').map(([id, { Properties }]) => [id, functionOwner(Properties['FunctionName'], group)]));
  const machines = new Map(resourcesOf(template, 'AWS::StepFunctions::StateMachine').map(([id, { Properties }]) => [id, machineOwner(Properties['StateMachineName'], group)]));
  for (const [id, { Properties }] of resourcesOf(template, 'AWS::Lambda::Function')) give(logicalId(Properties['Role']), functions.get(id));
  for (const [id, { Properties }] of resourcesOf(template, 'AWS::StepFunctions::StateMachine')) give(logicalId(Properties['RoleArn']), machines.get(id));
  for (const [, { Properties }] of resourcesOf(template, 'AWS::Scheduler::Schedule')) {
    const { Target } = scheduleTarget.parse(Properties);
    const started = functions.get(logicalId(Target.Arn) ?? '') ?? machines.get(logicalId(Target.Arn) ?? '');
    give(logicalId(Target.RoleArn), started === undefined ? undefined : { path: started.path, who: `schedule of ${started.who}` });
  }
  for (const [id, { Properties }] of resourcesOf(template, 'AWS::IAM::Policy'))
    for (const role of rolesOfPolicy.parse(Properties).Roles) for (const owner of owners.get(logicalId(role) ?? '') ?? []) give(id, owner);
  for (const [id, { Properties }] of resourcesOf(template, 'AWS::Lambda::Permission')) give(id, functions.get(logicalId(Properties['FunctionName']) ?? ''));
  return owners;
}

function functionOwner(name: unknown, group: string): Owner | undefined {
  const bare = textOf(name).replace(`holdfast-${group}-`, '');
  return isJudged(bare) ? { path: PATH_OF[bare], who: bare } : undefined;
}

function machineOwner(name: unknown, group: string): Owner | undefined {
  const bare = textOf(name).replace(`holdfast-${group}-`, '');
  const path = PATH_OF_MACHINE[bare];
  return path === undefined ? undefined : { path, who: `machine ${bare}` };
}

/** Who may invoke a function is a resource of its own. */
function permissionsOf(template: Template): ReturnType<typeof statementsOf> {
  return resourcesOf(template, 'AWS::Lambda::Permission').map(([id, { Properties }]) => ({ where: id, statement: { Effect: 'Allow', Action: Properties['Action'] } }));
}

function isJudged(name: string): name is JudgedFunction {
  return name in PATH_OF;
}

/** Of `{Ref}` and `{Fn::GetAtt}`, and of what is joined from them. */
function logicalId(value: unknown): string | undefined {
  return /\$\{(\w+)(?:\.\w+)*\}/.exec(textOf(value))?.[1] ?? (/^\w+$/.test(textOf(value)) ? textOf(value) : undefined);
}
