// Why: a function is one file without anything to install: this bundles each of lambdas/ and the sample's handler, in one call.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
export const LAMBDAS = join(ROOT, 'dist/lambdas');

/** Parts of the SDK that are CommonJS call `require` for Node's own modules, which an ES module does not have. */
export const requireBanner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

export type BuiltFunction = { readonly name: string; readonly bytes: number };

/** Bundles every function into `<outDirectory>/<name>/index.mjs`. */
export async function buildLambdas(outDirectory: string = LAMBDAS): Promise<readonly BuiltFunction[]> {
  const sources = new Map([...handlersIn(join(ROOT, 'lambdas')), ['orders', join(ROOT, 'examples/orders/orders.ts')]]);
  rmSync(outDirectory, { recursive: true, force: true });
  const result = await build({
    entryPoints: [...sources].map(([name, source]) => ({ in: source, out: `${name}/index` })),
    outdir: outDirectory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: { js: requireBanner },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    absWorkingDir: ROOT,
  });
  return Object.entries(result.metafile.outputs).map(([file, output]) => ({ name: basename(join(file, '..')), bytes: output.bytes }));
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
