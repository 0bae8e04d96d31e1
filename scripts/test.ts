// Every check and test but the faults that are played against the deployed stacks (test-faults.ts), in one command that ends with one line.
// `--fast` leaves out what needs local regions or minutes.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root, runCommand } from './run-command.ts';

type Tally = { passed: number; failed: number; readonly failures?: readonly string[] };
type Job = { readonly name: string; readonly run: () => Promise<Tally> };

const isFast = process.argv.includes('--fast');
/** Folders whose tests start local regions or take minutes. */
const slowTests = [
  'test/local/**',
  'test/contract/local-aws*',
  'test/contract/fences.ipmi*',
  'test/contract/fences.quarantine*',
  'test/contract/fences.redfish*',
  'test/simulation/many*',
  'test/simulation/mutants*',
  'test/simulation/shared-dependency*',
  'test/core/mutants*',
  'test/lambdas/backup-on-engine*',
  'test/vault/corruptions*',
  'test/vault/dedup-index*',
  'test/files/**',
  'test/cli/vault*',
  'test/bench/**',
];

function check(name: string, command: string, ...args: string[]): Job {
  return {
    name,
    run: async () => {
      const code = await runCommand(command, args);
      return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 };
    },
  };
}

type Results = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] }[];
  }[];
};

/** What failed, each with the start of its message: the end of a log is often all that can be read of it. */
function failuresIn(results: Results): string[] {
  const line = (file: string, name: string, message: string) => `${relative(root, file)} > ${name}\n${message.slice(0, 1500)}`;
  return results.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed').map((test) => line(name, test.fullName, test.failureMessages.join('\n')));
    return failed.length === 0 && status === 'failed' ? [line(name, 'the file itself', message)] : failed;
  });
}

/** Vitest over `paths`; each of its tests counts. A run that ends without a count is a failure. */
function vitest(name: string, ...args: string[]): Job {
  return {
    name,
    run: async () => {
      const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
      const file = join(directory, 'results.json');
      try {
        const code = await runCommand('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args]);
        const results: Results = JSON.parse(readFileSync(file, 'utf8'));
        const failed = results.numFailedTests;
        return { passed: results.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed, failures: failuresIn(results) };
      } catch {
        return { passed: 0, failed: 1 };
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

const jobs: Job[] = [
  check('types', 'tsc', '--noEmit', '-p', '.'),
  check('types of core alone', 'tsc', '--noEmit', '-p', 'src/core'),
  check('lint', 'oxlint', '--type-aware', '--deny-warnings', '.'),
  check('format', 'biome', 'format', '.'),
  check('who imports whom', 'depcruise', '--config', '.dependency-cruiser.mjs', 'src', 'lambdas', 'infra', 'local', 'scripts', 'examples', 'test', 'holdfast.config.ts'),
  check('nothing unused', 'knip'),
  check('functions build', 'node', 'scripts/build-lambdas.ts'),
  vitest(isFast ? 'unit tests and templates' : 'tests', ...(isFast ? slowTests.map((glob) => `--exclude=${glob}`) : [])),
];

const total: Tally = { passed: 0, failed: 0 };
const lines: string[] = [];
const failures: string[] = [];
const startedAt = Date.now();
for (const [index, job] of jobs.entries()) {
  process.stdout.write(`\n[${index + 1}/${jobs.length}] ${job.name}\n`);
  const jobStartedAt = Date.now();
  const tally = await job.run();
  total.passed += tally.passed;
  total.failed += tally.failed;
  failures.push(...(tally.failures ?? []));
  lines.push(`${tally.failed === 0 ? 'ok    ' : 'FAILED'} ${job.name} (${((Date.now() - jobStartedAt) / 1000).toFixed(1)} s)`);
}
if (failures.length > 0) process.stdout.write(`\nWhat failed:\n\n${failures.join('\n\n')}\n`);
process.stdout.write(`\n${lines.join('\n')}\n${((Date.now() - startedAt) / 1000).toFixed(0)} s in all\n${total.passed} passed, ${total.failed} failed\n`);
process.exit(total.failed === 0 ? 0 : 1);
