// Takes every control plane away for the time of a failover, and finds out what asked for one. The harness refuses and writes down; the observer
// first sees with a call of its own that it does, in each region, and believes nothing of a run in which it did not see the runbook's own calls.
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { askControl, readControl } from './control.ts';
import { chosenReadings } from './figures.ts';
import type { ControlPlanesJournal, FaultRecord, Journal, RegisterReading } from './journal.ts';
import { readRegionsFile } from './regions-file.ts';

/** Who the observer's own forbidden call is signed by; what it is refused is no finding. */
const PROBE = 'probe';
const PROBE_TIMEOUT_MS = 3000;

/** Steps that every failover without approval goes through: a list of refusals without them would come from a blind eye. */
const STEPS = ['TakeLease', 'Synchronise', 'OpenGate', 'AwaitDns', 'ValidateService', 'Report'] as const;

const state = z.looseObject({
  controlPlanes: z.looseObject({
    isRefusing: z.boolean(),
    refused: z.array(z.looseObject({ region: z.string(), caller: z.string(), path: z.string().nullable(), action: z.string(), what: z.string() })),
    allowed: z.array(z.looseObject({ region: z.string(), caller: z.string(), action: z.string(), times: z.number() })),
  }),
});

export class ControlPlanesAway {
  readonly #clock: Clock;
  readonly #regionsPath: string;
  #fromMs: number | null = null;

  constructor(clock: Clock, regionsPath: string) {
    this.#clock = clock;
    this.#regionsPath = regionsPath;
  }

  /** Throws unless a call that needs a control plane was seen to be refused in every region. */
  async begin(): Promise<void> {
    this.#fromMs = this.#clock.nowMs();
    await askControl(this.#url(), { kind: 'refuse-control-planes' });
    const { regions } = readRegionsFile(this.#regionsPath);
    for (const [region, { endpoint }] of Object.entries(regions)) {
      const answer = await askForbidden(region, endpoint);
      if (!answer.startsWith('AccessDenied')) throw new Error(`${region} was to refuse ListTables while its control planes are away, and answered: ${answer}`);
    }
  }

  /** Lets them back, also after an abandoned run. */
  async undo(): Promise<void> {
    if (this.#fromMs !== null) await askControl(this.#url(), { kind: 'allow-control-planes' });
  }

  /** @param validatedAtMs when the failover was complete, null where it never was */
  async end(validatedAtMs: number | null): Promise<ControlPlanesJournal> {
    const { controlPlanes } = state.parse(await readControl(this.#url()));
    await this.undo();
    const fromMs = this.#fromMs ?? this.#clock.nowMs();
    this.#fromMs = null;
    return {
      fromMs,
      untilMs: this.#clock.nowMs(),
      wasRefusing: controlPlanes.isRefusing,
      refused: controlPlanes.refused.filter(({ caller }) => caller !== PROBE),
      allowed: controlPlanes.allowed,
      validatedAtMs,
    };
  }

  #url(): string | undefined {
    return readRegionsFile(this.#regionsPath).control?.url;
  }
}

async function askForbidden(region: string, endpoint: string): Promise<string> {
  const client = new DynamoDBClient({
    region,
    endpoint,
    maxAttempts: 1,
    credentials: { accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '111111111111', secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'any', sessionToken: PROBE },
    requestHandler: new NodeHttpHandler({ connectionTimeout: PROBE_TIMEOUT_MS, requestTimeout: PROBE_TIMEOUT_MS, throwOnRequestTimeout: true }),
  });
  try {
    const { TableNames } = await client.send(new ListTablesCommand({}));
    return `the names of ${TableNames?.length ?? 0} tables`;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } finally {
    client.destroy();
  }
}

/** Only a validated failover comes out of recovery as either: degraded, where the lost region is missed before anybody read normal. */
const AFTER_VALIDATION = new Set(['normal', 'degraded']);

/** When the register first said so under another holder: the runbook went through its validation and its report. */
export function validatedAtMs(readings: readonly RegisterReading[], acceptors: number, fault: Pick<FaultRecord, 'region' | 'epoch'>): number | null {
  return chosenReadings(readings, acceptors).find((r) => AFTER_VALIDATION.has(r.state) && r.epoch > fault.epoch && r.holder !== fault.region)?.atMs ?? null;
}

/** Why the failover did need a control plane, or cannot be said not to have; and how many calls of the vault's functions were refused, which a failover does without. */
export function judgeControlPlanes({ controlPlanes }: Pick<Journal, 'controlPlanes'>): { readonly evidence: readonly string[]; readonly ofVault: number } {
  if (controlPlanes === null) return { evidence: [], ofVault: 0 };
  const { refused, allowed, validatedAtMs, wasRefusing } = controlPlanes;
  const onPath = refused.filter(({ path }) => path !== 'vault');
  const wasSeen = (who: RegExp, action: string) => allowed.some((call) => who.test(call.caller) && call.action === action);
  const unseen = [
    ...(wasSeen(/-tick$/, 'states:StartExecution') ? [] : ['that a governor started the runbook']),
    ...STEPS.filter((step) => !wasSeen(new RegExp(`^state ${step} of .*-failover$`), 'lambda:InvokeFunction')).map((step) => `the runbook's ${step}`),
    ...(wasSeen(/-take-lease$/, 'dynamodb:TransactWriteItems') || wasSeen(/-take-lease$/, 'dynamodb:UpdateItem') ? [] : ['a write of take-lease']),
  ];
  return {
    evidence: [
      ...onPath.map(({ region, caller, action, what }) => `${region}: ${caller === '' ? 'somebody without a name' : caller} asked for ${action} (${what}) and was refused`),
      ...(wasRefusing ? [] : ['the control planes were back before the failover was complete']),
      ...(validatedAtMs === null ? ['the failover was not complete while the control planes were away'] : []),
      ...unseen.map((what) => `the harness did not see ${what}: it may have been blind`),
    ],
    ofVault: refused.length - onPath.length,
  };
}
