// The functions, bundled once a run of vitest: many test files need them, and a build takes seconds of every core.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type BuiltFunction, buildLambdas } from '../scripts/build-lambdas.ts';

export const runFolderVariable = 'HOLDFAST_TEST_RUN_FOLDER';

type Built = { readonly directory: string; readonly built: readonly BuiltFunction[] };

const builtSchema = z.array(z.object({ name: z.string(), bytes: z.number() }));

/** @param own where they are built if this run shares nothing. Change nothing in the directory that it answers. */
export async function builtFunctions(own: string): Promise<Built> {
  const folder = process.env[runFolderVariable];
  if (folder === undefined) return { directory: own, built: await buildLambdas(own) };
  const shared = join(folder, 'functions');
  if (!existsSync(shared)) await buildInto(folder, shared);
  return { directory: join(shared, 'lambdas'), built: builtSchema.parse(JSON.parse(readFileSync(join(shared, 'built.json'), 'utf8'))) };
}

/** Two files may build at once; the first to end is the one whose build counts, and it comes whole. */
async function buildInto(folder: string, shared: string): Promise<void> {
  const mine = mkdtempSync(join(folder, 'building-'));
  const built = await buildLambdas(join(mine, 'lambdas'));
  writeFileSync(join(mine, 'built.json'), JSON.stringify(built));
  try {
    renameSync(mine, shared);
  } catch (error) {
    if (!existsSync(shared)) throw error;
    rmSync(mine, { recursive: true });
  }
}
