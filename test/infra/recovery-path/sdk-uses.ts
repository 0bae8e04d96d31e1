// Why: a bundle says which commands of the SDK a function carries, whatever they are called in the source; this says where the source names them,
// so that a person can open the place. It also finds the ways around the SDK's commands, which no bundle shows.
import ts from 'typescript';

export type Use = { readonly line: number; readonly text: string };

export type SourceUses = {
  /** `client-dynamodb/GetItem` → each place in this file that names it, under whatever alias. */
  readonly commands: ReadonlyMap<string, readonly Use[]>;
  /** `client-dynamodb` → places that take the package whole: a namespace, an import(), a require, `export *`, the client with all methods. */
  readonly wholes: ReadonlyMap<string, readonly Use[]>;
  /** Every package of AWS's SDK that this file names, types aside. */
  readonly packages: ReadonlyMap<string, Use>;
  /** Ways to the network that are no command of the SDK: `node:https`, `fetch`. */
  readonly connections: ReadonlyMap<string, Use>;
};

const SDK = /^(@aws-sdk|@smithy|@aws|@aws-crypto|aws-sdk|aws4|aws4fetch|aws-sign2)(\/|$)/;
const CLIENT = /^@aws-sdk\/(client-[a-z0-9-]+)/;
const NODE_CONNECTIONS = /^(node:)?(http|https|http2|net|tls|dgram|child_process|cluster|worker_threads|vm|inspector|module)(\/.*)?$/;
const PACKAGE_CONNECTIONS = /^(undici|axios|got|node-fetch|ky|superagent|ws|request|needle|phin)(\/|$)/;
const GLOBAL_CONNECTIONS = new Set(['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest', 'eval', 'Function']);

export function usesIn(file: string, text: string): SourceUses {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const uses = { commands: new Map<string, Use[]>(), wholes: new Map<string, Use[]>(), packages: new Map<string, Use>(), connections: new Map<string, Use>() };
  const use = (node: ts.Node): Use => ({ line: source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1, text: firstLine(node.getText(source)) });
  const add = (into: Map<string, Use[]>, key: string, node: ts.Node) => into.set(key, [...(into.get(key) ?? []), use(node)]);
  const named = new Map<string, string>();
  // The banner of every bundle defines a `require`; a function of that name is another thing.
  const hasOwnRequire = /\b(const|let|function) require\b/.test(text);

  const noteModule = (specifier: string, node: ts.Node): void => {
    if (SDK.test(specifier) && !uses.packages.has(specifier)) uses.packages.set(specifier, use(node));
    if (NODE_CONNECTIONS.test(specifier) || PACKAGE_CONNECTIONS.test(specifier)) uses.connections.set(specifier, use(node));
  };
  const noteSpecifiers = (client: string, elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[], statement: ts.Node): void => {
    for (const element of elements) {
      if (element.isTypeOnly) continue;
      const imported = (element.propertyName ?? element.name).text;
      const operation = /^(\w+)Command$/.exec(imported)?.[1];
      if (operation === undefined) {
        // `DynamoDB` and its like are clients with a method for each operation.
        if (!/Client$|Exception$|^[A-Z]\w+(Fault|Error)$/.test(imported)) add(uses.wholes, client, statement);
        continue;
      }
      if (ts.isExportSpecifier(element)) add(uses.commands, `${client}/${operation}`, element);
      else named.set(element.name.text, `${client}/${operation}`);
    }
  };
  const noteImport = (statement: ts.ImportDeclaration): void => {
    const specifier = textOf(statement.moduleSpecifier);
    const clause = statement.importClause;
    if (specifier === undefined || clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return;
    const bindings = clause?.namedBindings;
    const elements = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
    if (clause !== undefined && clause.name === undefined && bindings !== undefined && ts.isNamedImports(bindings) && elements.every((element) => element.isTypeOnly)) return;
    noteModule(specifier, statement);
    const client = CLIENT.exec(specifier)?.[1];
    if (client === undefined) return;
    if (clause?.name !== undefined || (bindings !== undefined && ts.isNamespaceImport(bindings))) add(uses.wholes, client, statement);
    noteSpecifiers(client, elements, statement);
  };
  const noteExport = (statement: ts.ExportDeclaration): void => {
    const specifier = textOf(statement.moduleSpecifier);
    if (specifier === undefined || statement.isTypeOnly) return;
    noteModule(specifier, statement);
    const client = CLIENT.exec(specifier)?.[1];
    if (client === undefined) return;
    if (statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)) noteSpecifiers(client, statement.exportClause.elements, statement);
    else add(uses.wholes, client, statement);
  };
  const noteCall = (node: ts.CallExpression): void => {
    const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword;
    const isRequire = !hasOwnRequire && ts.isIdentifier(node.expression) && node.expression.text === 'require';
    const [argument] = node.arguments;
    if ((!isImport && !isRequire) || argument === undefined) return;
    const specifier = textOf(argument);
    // A name that is only known when it runs cannot be judged.
    if (specifier === undefined) uses.connections.set(`${isImport ? 'import' : 'require'} of a computed name`, use(node));
    else noteModule(specifier, node);
    const client = CLIENT.exec(specifier ?? '')?.[1];
    if (client !== undefined) add(uses.wholes, client, node);
  };
  const noteIdentifier = (node: ts.Identifier): void => {
    if (GLOBAL_CONNECTIONS.has(node.text) && !isNameOfMember(node)) uses.connections.set(node.text, use(node.parent));
    const command = named.get(node.text);
    if (command !== undefined && !isNameOfMember(node)) add(uses.commands, command, node.parent);
  };

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return noteImport(node);
    if (ts.isExportDeclaration(node)) noteExport(node);
    if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return;
    if (ts.isCallExpression(node)) noteCall(node);
    if (ts.isIdentifier(node)) noteIdentifier(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return uses;
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

/** `globalThis.fetch` counts; a method or a property that this code declares under the name does not. */
function isNameOfMember(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return !/^(globalThis|global|window|self)$/.test(parent.expression.getText());
  return (
    (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) || ts.isMethodSignature(parent) || ts.isPropertySignature(parent) || ts.isPropertyDeclaration(parent)) && parent.name === node
  );
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return line.length > 90 ? `${line.slice(0, 90)}…` : line;
}
