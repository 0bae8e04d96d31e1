// Why: a function is one file without anything to install: this bundles each of lambdas/ and the sample's handler, in one call.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BuildOptions, build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
export const LAMBDAS = join(ROOT, 'dist/lambdas');

/** Parts of the SDK that are CommonJS call `require` for Node's own modules, which an ES module does not have. */
const requireBanner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const MAIN_FIELDS: string[] = ['module', 'main'];

/** How a function is bundled; without where from and where to. */
export const bundling = {
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: MAIN_FIELDS,
  banner: { js: requireBanner },
  legalComments: 'none',
  logLevel: 'warning',
  absWorkingDir: ROOT,
} as const satisfies BuildOptions;

export type BuiltFunction = { readonly name: string; readonly bytes: number };

/** Bundles every function into `<outDirectory>/<name>/index.mjs`. */
export async function buildLambdas(outDirectory: string = LAMBDAS): Promise<readonly BuiltFunction[]> {
  const sources = functionSources();
  rmSync(outDirectory, { recursive: true, force: true });
  const result = await build({
    entryPoints: [...sources].map(([name, source]) => ({ in: source, out: `${name}/index` })),
    outdir: outDirectory,
    outExtension: { '.js': '.mjs' },
    ...bundling,
    metafile: true,
  });
  return Object.entries(result.metafile.outputs).map(([file, output]) => ({ name: basename(join(file, '..')), bytes: output.bytes }));
}

/** Name → file of every function that is deployed. */
export function functionSources(): ReadonlyMap<string, string> {
  return new Map([...handlersIn(join(ROOT, 'lambdas')), ['orders', join(ROOT, 'examples/orders/orders.ts')]]);
}

function handlersIn(directory: string): [string, string][] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [basename(file, '.ts'), join(directory, file)]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const startedAtMs = performance.now();
  const built = await buildLambdas();
  for (const { name, bytes } of built) console.log(`${name.padEnd(18)} ${(bytes / 1000).toFixed(0).padStart(6)} kB`);
  console.log(`${built.length} functions in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}
