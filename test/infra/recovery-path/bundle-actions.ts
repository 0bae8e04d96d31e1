// Why: what a function can call is what its bundle carries. An alias, a factory, a namespace, a dynamic import or a client with a method for each
// operation all end as command classes in the bundle, so the bundle is what is judged, and the source only says where.
import { readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { type Metafile, type Plugin, build } from 'esbuild';
import { IAM_SERVICE, type JudgedFunction, PATH_OF } from '../../../infra/recovery-path-actions.ts';
import { bundling, functionSources } from '../../../scripts/build-lambdas.ts';
import type { FoundAction, Reading, Unreadable } from './action.ts';
import { type SourceUses, usesIn } from './sdk-uses.ts';

const ROOT = bundling.absWorkingDir;
const COMMAND = /node_modules\/@aws-sdk\/(client-[a-z0-9-]+)\/.*\/commands\/(\w+)Command\.js$/;

/** Packages that our own sources may name; the SDK's inner parts could sign and send anything. */
const SDK_PACKAGES = /^@aws-sdk\/client-(dynamodb|dynamodb-streams|ec2|elastic-load-balancing-v2|kms|lambda|s3|sfn|sns|sqs)$|^@smithy\/node-http-handler$/;

/** What else may come into a bundle; a package with a way to AWS of its own would show here first. */
const BUNDLED_PACKAGES = /^(@aws-sdk\/.+|@smithy\/.+|@aws\/lambda-invoke-store|zod|mnemonist|obliterator)$/;

/** Connections that are no command of the SDK, each with why. */
const CONNECTIONS: Readonly<Record<string, { readonly means: readonly string[]; readonly because: string }>> = {
  'src/drivers/aws/http-service-probe.ts': { means: ['node:http', 'node:https'], because: "asks the service's /healthz and /ready, unsigned, as a client would" },
  'src/drivers/redfish/redfish-request.ts': { means: ['node:https', 'node:tls'], because: 'asks the power controller of a machine outside AWS; of the fence function only' },
  'src/drivers/ipmi/ipmi-power.ts': { means: ['node:child_process'], because: 'runs ipmitool, which asks the power controller of a machine outside AWS; of the fence function only' },
  'lambdas/create-rows.ts': { means: ['fetch'], because: 'answers CloudFormation at the address that it was told, while a deployment runs' },
};

export type BundleReading = Reading & {
  /** Function → commands in its bundle, `service:Operation`, those of the SDK's own among them. */
  readonly carried: ReadonlyMap<string, readonly string[]>;
};

/** @param planted source text to read in a file's place, by its path from the root of the checkout */
export async function readBundles(names?: readonly JudgedFunction[], planted: ReadonlyMap<string, string> = new Map()): Promise<BundleReading> {
  const sources = [...functionSources()].filter(([name]) => names === undefined || names.some((wanted) => wanted === name));
  const { metafile } = await build({
    ...bundling,
    entryPoints: sources.map(([name, source]) => ({ in: source, out: `${name}/index` })),
    outdir: join(ROOT, 'nowhere'),
    write: false,
    metafile: true,
    plugins: [plant(planted)],
  });
  const textOf = (file: string): string => planted.get(file) ?? readFileSync(join(ROOT, file), 'utf8');
  const known = new Map<string, SourceUses>();
  const usesOf = (file: string): SourceUses => {
    const uses = known.get(file) ?? usesIn(file, textOf(file));
    known.set(file, uses);
    return uses;
  };
  const readings = Object.entries(metafile.outputs).map(([output, made]) => readOne(basename(join(output, '..')), made, usesOf));
  return {
    actions: readings.flatMap((reading) => reading.actions),
    unreadable: readings.flatMap((reading) => reading.unreadable),
    carried: new Map(readings.map(({ name, actions }) => [name, actions.map(({ action }) => action)])),
  };
}

type OneReading = Reading & { readonly name: string };

function readOne(name: string, made: Metafile['outputs'][string], usesOf: (file: string) => SourceUses): OneReading {
  const path = Object.entries(PATH_OF).find(([judged]) => judged === name)?.[1];
  const inside = Object.entries(made.inputs)
    .filter(([, input]) => input.bytesInOutput > 0)
    .map(([file]) => file);
  const own = inside.filter((file) => !file.includes('node_modules/')).toSorted();
  const where = own.map((file) => [file, usesOf(file)] as const);
  if (path === undefined) return { name, actions: [], unreadable: [{ where: `lambdas/${name}.ts`, because: 'it is on no path: say in PATH_OF of infra/recovery-path-actions.ts on which' }] };
  const commands = inside.flatMap((file) => {
    const [, client, operation] = COMMAND.exec(file) ?? [];
    return client === undefined || operation === undefined ? [] : [{ client, operation }];
  });
  const actions = commands.map(({ client, operation }): FoundAction => {
    const service = client.slice('client-'.length);
    return { path, who: name, action: `${IAM_SERVICE[service] ?? service}:${operation}`, places: placesOf(client, operation, where, made.entryPoint ?? name) };
  });
  return { name, actions, unreadable: [...waysAround(where), ...foreign(inside, made.entryPoint ?? name)] };
}

/** Where the source names the command; else where it takes the whole package; else the entry, in whose bundle it is. */
function placesOf(client: string, operation: string, files: readonly (readonly [string, SourceUses])[], entry: string): string[] {
  const at = (pick: (uses: SourceUses) => readonly { readonly line: number; readonly text: string }[] | undefined) =>
    files.flatMap(([file, uses]) => (pick(uses) ?? []).map(({ line, text }) => `${file}:${line} ${text}`));
  const exact = at((uses) => uses.commands.get(`${client}/${operation}`));
  if (exact.length > 0) return exact;
  const whole = at((uses) => uses.wholes.get(client));
  return whole.length > 0 ? whole : [`${entry}:1 (somewhere in its bundle)`];
}

function waysAround(files: readonly (readonly [string, SourceUses])[]): Unreadable[] {
  return files.flatMap(([file, uses]) => [
    ...[...uses.packages].flatMap(([name, { line, text }]) =>
      SDK_PACKAGES.test(name) ? [] : [{ where: `${file}:${line} ${text}`, because: `${name} is no client whose commands can be listed; use a command of an @aws-sdk/client-… package` }],
    ),
    ...[...uses.connections].flatMap(([means, { line, text }]) =>
      (CONNECTIONS[file]?.means ?? []).includes(means)
        ? []
        : [
            {
              where: `${file}:${line} ${text}`,
              because: `${means} reaches the network past the SDK's commands; if no control plane can be called by it, say why in CONNECTIONS of test/infra/recovery-path/bundle-actions.ts`,
            },
          ],
    ),
  ]);
}

function foreign(inside: readonly string[], entry: string): Unreadable[] {
  const packages = new Set(inside.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []));
  return [...packages].flatMap((name) =>
    BUNDLED_PACKAGES.test(name)
      ? []
      : [{ where: `${entry}:1`, because: `its bundle carries ${name}, of which nobody has said that it calls no control plane; see BUNDLED_PACKAGES of test/infra/recovery-path/bundle-actions.ts` }],
  );
}

function plant(planted: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'planted-sources',
    setup(building) {
      building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = planted.get(relative(ROOT, path));
        return contents === undefined ? undefined : { contents, loader: 'ts' };
      });
    },
  };
}
