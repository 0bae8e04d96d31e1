// Reads the owner's holdfast.config.ts, and says in a sentence what is wrong with it where something is.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineConfig, type HoldfastConfig, type HoldfastConfigInput } from '../config/holdfast-config.ts';
import { definePlan, type RecoveryPlan, type RecoveryPlanInput } from '../config/recovery-plan.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { fieldOf } from '../core/failover/event-field.ts';

/** @throws InvalidConfigError when there is no such file, it cannot be run, or what it exports is not a configuration. */
export async function loadConfig(file: string): Promise<HoldfastConfig> {
  const path = resolve(file);
  if (!existsSync(path)) throw new InvalidConfigError(`There is no ${file}: run holdfast in the folder of your holdfast.config.ts, or name it by --config FILE.`);
  const config = fieldOf({ ...(await importFile(file, path)) }, 'config');
  if (!isObject<HoldfastConfigInput>(config)) throw new InvalidConfigError(`${file} exports no 'config': it needs 'export const config = defineConfig({ … })'.`);
  return defineConfig(config);
}

/** @throws InvalidConfigError, as loadConfig */
export async function loadPlan(file: string): Promise<RecoveryPlan> {
  const path = resolve(file);
  if (!existsSync(path)) throw new InvalidConfigError(`There is no ${file}: --plan names a file that exports 'plan = definePlan({ … })'.`);
  const plan = fieldOf({ ...(await importFile(file, path)) }, 'plan');
  if (!isObject<RecoveryPlanInput>(plan)) throw new InvalidConfigError(`${file} exports no 'plan': it needs 'export const plan = definePlan({ … })'.`);
  return definePlan(plan);
}

async function importFile(file: string, path: string): Promise<object> {
  try {
    const loaded: unknown = await import(pathToFileURL(path).href);
    return typeof loaded === 'object' && loaded !== null ? loaded : {};
  } catch (error) {
    // Its own message says which field is wrong.
    if (error instanceof Error && error.name === 'InvalidConfigError') throw error;
    throw new InvalidConfigError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** The schema judges the rest. */
function isObject<Input>(value: unknown): value is Input {
  return typeof value === 'object' && value !== null;
}
