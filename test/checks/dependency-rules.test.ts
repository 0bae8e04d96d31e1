// A rule that cannot fail is no rule: each is shown a small tree that breaks it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Every line is one forbidden import: rule, importing file, imported file. */
const violations = [
  ['core-is-pure', 'src/core/a.ts', 'src/drivers/aws/clock.ts'],
  ['ports-know-core-only', 'src/ports/a.ts', 'src/operations/tick.ts'],
  ['operations-use-ports', 'src/operations/a.ts', 'src/drivers/memory/rows.ts'],
  ['drivers-one-vendor', 'src/drivers/aws/a.ts', 'src/drivers/azure/blob.ts'],
  ['config-knows-core', 'src/config/a.ts', 'src/operations/tick.ts'],
  ['workload-is-small', 'src/workload/a.ts', 'src/client/connect.ts'],
  ['infra-only-config', 'infra/a.ts', 'src/core/policy.ts'],
  ['local-only-config', 'local/a.ts', 'src/core/policy.ts'],
  ['observer-is-an-outsider', 'test/observer/a.ts', 'src/core/policy.ts'],
  ['nothing-imports-tests', 'scripts/a.ts', 'test/core/fixtures.ts'],
] as const;

test('every rule is broken by the import that it forbids, and by nothing else', () => {
  const tree = mkdtempSync(join(tmpdir(), 'holdfast-rules-'));
  try {
    const write = (file: string, text: string) => {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), text);
    };
    write('tsconfig.json', '{"compilerOptions":{"module":"nodenext","allowImportingTsExtensions":true,"noEmit":true}}');
    for (const [, , to] of violations) write(to, 'export const it = 1;\n');
    violations.forEach(([, from, to], index) => write(from.replace('a.ts', `breaks-${index}.ts`), `import { it } from '${'../'.repeat(from.split('/').length - 1)}${to}';\nexport const used = it;\n`));
    const run = spawnSync(join(root, 'node_modules/.bin/depcruise'), ['--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json', 'src', 'infra', 'local', 'scripts', 'test'], {
      cwd: tree,
      encoding: 'utf8',
    });
    const report: { readonly summary: { readonly error: number; readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[] } } = JSON.parse(run.stdout);
    const found = report.summary.violations.map((v) => `${v.rule.name}: ${v.from}`);
    expect(new Set(found)).toEqual(new Set(violations.map(([rule, from], index) => `${rule}: ${from.replace('a.ts', `breaks-${index}.ts`)}`)));
    // As errors: the check's ordinary reporter ends with their number.
    expect(report.summary.error).toBe(violations.length);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
});
