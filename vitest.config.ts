// Tests run as they are, without globals; each file in its own process. Slow parts are their own projects.
import { defineConfig } from 'vitest/config';
import { LongFirst } from './scripts/long-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    globalSetup: 'test/run-folder.ts',
    sequence: { sequencer: LongFirst },
    // Copies of src with a planted bug (test/planted-source.ts) are run by Node as they are: dozens of them are too many to transform.
    server: { deps: { external: [/holdfast-planted-/] } },
    env: { CDK_VALIDATION: 'false', CDK_DISABLE_CLI_TELEMETRY: 'true' },
  },
});
