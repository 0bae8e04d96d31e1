// The port to the machine that runs the failover runbook in this region.
import type { RunbookInput } from '../core/failover/runbook.ts';

export interface RunbookStarter {
  /** Idempotent: an execution of this name that runs, or ran, is success. */
  start(name: string, input: RunbookInput): Promise<'started' | 'exists'>;
}
