// Why: the templates are made from functions that were really built; a template made from anything else would prove nothing.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { config as sample } from '../../holdfast.config.ts';
import { addStacks, newApp } from '../../infra/main.ts';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';
import type { BuiltFunction } from '../../scripts/build-lambdas.ts';
import { builtFunctions } from '../built-functions.ts';

const resourceSchema = z.object({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
  UpdateReplacePolicy: z.string().optional(),
  DependsOn: z.union([z.string(), z.array(z.string())]).optional(),
});
const templateSchema = z.object({ Resources: z.record(z.string(), resourceSchema), Parameters: z.record(z.string(), z.unknown()).default({}), Outputs: z.record(z.string(), z.unknown()).default({}) });

export type Resource = z.output<typeof resourceSchema>;
export type Template = z.output<typeof templateSchema>;
export type Synthesised = { readonly templates: ReadonlyMap<string, Template>; readonly built: readonly BuiltFunction[]; readonly paths: ReadonlyMap<string, ReadonlyMap<string, string>> };

/** Builds and synthesises everything. Throws, with the findings, where the CDK's own checks or cdk-nag find something, unless they are left out. */
export async function synthesise({ isChecked = true, config = sample }: { readonly isChecked?: boolean; readonly config?: HoldfastConfig } = {}): Promise<Synthesised> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-synth-'));
  const { directory: lambdas, built } = await builtFunctions(join(directory, 'lambdas'));
  process.env['CDK_OUTDIR'] = join(directory, 'cdk.out');
  // Where each construct was made is of use to a person who reads a finding, and costs most of the time under a test runner.
  process.env['CDK_DISABLE_STACK_TRACE'] = '1';
  if (!isChecked) process.env['CDK_VALIDATION'] = 'false';
  try {
    const app = newApp({ 'holdfast:lambdas': lambdas });
    addStacks(app, config);
    const stacks = app.synth().stacks;
    const templates = new Map(stacks.map((stack) => [stack.stackName, templateSchema.parse(JSON.parse(readFileSync(stack.templateFullPath, 'utf8')))]));
    const paths = new Map(stacks.map((stack) => [stack.stackName, pathsOf(stack.manifest.metadata ?? stack.metadata)]));
    return { templates, built, paths };
  } finally {
    delete process.env['CDK_OUTDIR'];
    delete process.env['CDK_DISABLE_STACK_TRACE'];
    delete process.env['CDK_VALIDATION'];
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Logical id → construct path. */
function pathsOf(metadata: unknown): Map<string, string> {
  const parsed = z.record(z.string(), z.array(z.object({ type: z.string(), data: z.unknown() }))).parse(metadata ?? {});
  return new Map(Object.entries(parsed).flatMap(([path, entries]) => entries.filter((entry) => entry.type === 'aws:cdk:logicalId').map((entry) => [String(entry.data), path])));
}

export function resourcesOf(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** Every statement of every policy, whoever carries it, with where it is. */
export function statementsOf(template: Template): { readonly where: string; readonly statement: Readonly<Record<string, unknown>> }[] {
  const found: { where: string; statement: Record<string, unknown> }[] = [];
  const visit = (where: string, value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(where, each);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'Statement') for (const statement of [inner].flat()) found.push({ where, statement: Object.fromEntries(Object.entries(statement)) });
      else visit(`${where}.${key}`, inner);
    }
  };
  for (const [id, resource] of Object.entries(template.Resources)) visit(id, resource.Properties);
  return found;
}

/** A resource as text: intrinsic functions become their arguments, pseudo parameters their names. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value === 'object' && value !== null) {
    const [entry] = Object.entries(value);
    if (entry === undefined) return '';
    const [name, argument] = entry;
    if (name === 'Fn::Join' && Array.isArray(argument)) return [argument[1]].flat().map(textOf).join(textOf(argument[0]));
    if (name === 'Fn::GetAtt') return `\${${[argument].flat().map(textOf).join('.')}}`;
    if (name === 'Ref') return `\${${textOf(argument)}}`;
    return textOf(argument);
  }
  return String(value);
}
