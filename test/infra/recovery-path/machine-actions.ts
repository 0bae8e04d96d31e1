// Why: a state machine can call any API without a line of code: each state's resource is read as the action that it is, with the line it stands in.
import ts from 'typescript';
import { type JudgedFunction, PATH_OF, PATH_OF_MACHINE, type RecoveryPath } from '../../../infra/recovery-path-actions.ts';
import type { FoundAction, Reading, Unreadable } from './action.ts';

/** Integrations whose action is not simply `service:Operation` of their resource. */
const OPTIMISED: Readonly<Record<string, readonly string[]>> = {
  'lambda:invoke': ['lambda:InvokeFunction'],
  'aws-sdk:lambda:invoke': ['lambda:InvokeFunction'],
  'states:startExecution': ['states:StartExecution'],
  'states:startExecution.sync': ['states:StartExecution', 'states:DescribeExecution', 'states:StopExecution'],
  'http:invoke': ['states:InvokeHTTPEndpoint'],
  'apigateway:invoke': ['execute-api:Invoke'],
};
const SERVICES: Readonly<Record<string, string>> = { sfn: 'states', cloudwatchlogs: 'logs', cloudwatch: 'cloudwatch', eventbridge: 'events', apigatewayv2: 'apigateway' };
const PLACEHOLDER = /^\$\{(\w+)FunctionArn\}$/;

type State = { readonly name: string; readonly node: ts.ObjectLiteralExpression };

/** @param name `failover`, of `statemachines/failover.asl.json` */
export function readMachine(name: string, text: string): Reading {
  const file = `statemachines/${name}.asl.json`;
  const path = PATH_OF_MACHINE[name];
  if (path === undefined) return { actions: [], unreadable: [{ where: file, because: 'it is on no path: say in PATH_OF_MACHINE of infra/recovery-path-actions.ts on which' }] };
  const source = ts.parseJsonText(file, text);
  const root = source.statements[0]?.expression;
  if (root === undefined || !ts.isObjectLiteralExpression(root)) return { actions: [], unreadable: [{ where: file, because: 'it is no JSON object' }] };
  const placeOf = (node: ts.Node, state: State): string => `${file}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1} state ${state.name}`;
  const readings = statesIn(root).map((state) => readState(state, path, placeOf));
  return { actions: readings.flatMap((reading) => reading.actions), unreadable: readings.flatMap((reading) => reading.unreadable) };
}

function readState(state: State, path: RecoveryPath, placeOf: (node: ts.Node, state: State) => string): Reading {
  const actions: FoundAction[] = [];
  const unreadable: Unreadable[] = [];
  // A Task has one; a distributed Map has one for what it reads and one for what it writes.
  for (const resource of resourcesIn(state.node)) {
    const place = placeOf(resource, state);
    const value = ts.isStringLiteral(resource.initializer) ? resource.initializer.text : undefined;
    const found = value === undefined ? undefined : actionsOf(value);
    if (found === undefined) unreadable.push({ where: place, because: `its Resource ${value ?? ''} names no action that can be read` });
    else for (const action of found) actions.push({ path, who: `state ${state.name}`, action, places: [place] });
    if (value === undefined || !/lambda:invoke/.test(value)) continue;
    const invoked = invokedBy(state.node);
    if (invoked === undefined) unreadable.push({ where: place, because: 'which function it invokes cannot be read: FunctionName must be ${NameFunctionArn}' });
    else if (PATH_OF[invoked] !== path && invoked !== 'notify' && !(invoked === 'fence' && isQueued(state.node)))
      unreadable.push({ where: place, because: `it invokes ${invoked}, which is on the ${PATH_OF[invoked]} path and not on this one (${path})` });
  }
  return { actions, unreadable };
}

/** `arn:aws:states:::aws-sdk:route53:changeResourceRecordSets.waitForTaskToken` → `route53:ChangeResourceRecordSets`; undefined where nothing can be read. */
function actionsOf(resource: string): readonly string[] | undefined {
  if (/^arn:[a-z-]+:lambda:|^\$\{\w+FunctionArn\}$/.test(resource)) return ['lambda:InvokeFunction'];
  const named = /^arn:[a-z-]+:states:::([\w:-]+?)(\.sync)?(:\d+)?(\.waitForTaskToken)?$/.exec(resource);
  const [, integration = '', sync = ''] = named ?? [];
  const known = OPTIMISED[`${integration}${sync}`] ?? OPTIMISED[integration];
  if (known !== undefined) return known;
  const [service, operation, ...more] = integration.replace(/^aws-sdk:/, '').split(':');
  if (service === undefined || operation === undefined || operation === '' || more.length > 0) return undefined;
  return [`${SERVICES[service] ?? service}:${operation.charAt(0).toUpperCase()}${operation.slice(1)}`];
}

/** Started, and waited for by nobody. */
function isQueued(state: ts.ObjectLiteralExpression): boolean {
  const given = propertyOf(state, 'Arguments');
  const type = given !== undefined && ts.isObjectLiteralExpression(given) ? propertyOf(given, 'InvocationType') : undefined;
  return type !== undefined && ts.isStringLiteral(type) && type.text === 'Event';
}

function invokedBy(state: ts.ObjectLiteralExpression): JudgedFunction | undefined {
  const given = propertyOf(state, 'Arguments') ?? propertyOf(state, 'Parameters');
  const name = given !== undefined && ts.isObjectLiteralExpression(given) ? propertyOf(given, 'FunctionName') : undefined;
  const id = name !== undefined && ts.isStringLiteral(name) ? PLACEHOLDER.exec(name.text)?.[1] : undefined;
  const kebab = id?.replace(/(?!^)([A-Z])/g, '-$1').toLowerCase();
  return FUNCTION_NAMES.find((known) => known === kebab);
}

const isJudged = (name: string): name is JudgedFunction => name in PATH_OF;
const FUNCTION_NAMES: readonly JudgedFunction[] = Object.keys(PATH_OF).filter(isJudged);

/** Every state, those within Parallel and Map too. */
function statesIn(machine: ts.ObjectLiteralExpression): State[] {
  const states = propertyOf(machine, 'States');
  if (states === undefined || !ts.isObjectLiteralExpression(states)) return [];
  return states.properties.flatMap((property) => {
    if (!ts.isPropertyAssignment(property) || !ts.isObjectLiteralExpression(property.initializer)) return [];
    const node = property.initializer;
    const branches = propertyOf(node, 'Branches');
    const inner = [propertyOf(node, 'ItemProcessor'), propertyOf(node, 'Iterator'), ...(branches !== undefined && ts.isArrayLiteralExpression(branches) ? branches.elements : [])];
    return [{ name: nameOf(property), node }, ...inner.flatMap((each) => (each !== undefined && ts.isObjectLiteralExpression(each) ? statesIn(each) : []))];
  });
}

function resourcesIn(state: ts.ObjectLiteralExpression): ts.PropertyAssignment[] {
  const holders = [state, propertyOf(state, 'ItemReader'), propertyOf(state, 'ResultWriter')];
  return holders.flatMap((holder) =>
    holder !== undefined && ts.isObjectLiteralExpression(holder) ? holder.properties.filter(ts.isPropertyAssignment).filter((property) => nameOf(property) === 'Resource') : [],
  );
}

function propertyOf(node: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  return node.properties.filter(ts.isPropertyAssignment).find((property) => nameOf(property) === name)?.initializer;
}

function nameOf(property: ts.PropertyAssignment): string {
  return ts.isStringLiteralLike(property.name) || ts.isIdentifier(property.name) ? property.name.text : '';
}
