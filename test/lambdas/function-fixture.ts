// Functions are tested as Lambda runs them: the environment that the stack gives, then the module, then calls; against a
// DynamoDB of the test's own. Each test gets a fresh module, as a cold start does.
import { afterEach, vi } from 'vitest';
import { config } from '../../holdfast.config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { startFakeDynamoDb, type Answer, type Asked } from '../contract/fake-dynamodb.ts';

export const runtimeConfig = toRuntimeConfig(config);
export const gateToken = 'token-1';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  for (const stop of stops.splice(0)) await stop();
});

/** @param answer what the region's endpoint answers, DynamoDB and everything else. */
export async function coldStart<T>(load: () => Promise<T>, answer: (asked: Asked) => Answer | Promise<Answer> = () => ({}), environment: Readonly<Record<string, string>> = {}) {
  const fake = await startFakeDynamoDb(answer);
  stops.push(async () => fake.stop());
  const variables = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: '111111111111',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL: fake.url,
    HOLDFAST_CONFIG: JSON.stringify(runtimeConfig),
    HOLDFAST_ENDPOINT_US_WEST_2: fake.url,
    HOLDFAST_ENDPOINT_EU_WEST_1: fake.url,
    HOLDFAST_ENDPOINT_US_EAST_1: fake.url,
    HOLDFAST_ENDPOINT_US_EAST_2: fake.url,
    HOLDFAST_GATE_TOKEN: gateToken,
    HOLDFAST_TICK_FUNCTION_NAME: 'holdfast-orders-tick',
    HOLDFAST_QUEUE_URL: `${fake.url}/111111111111/ticks`,
    HOLDFAST_STATE_MACHINE_ARN: 'arn:aws:states:us-east-1:111111111111:stateMachine:holdfast-orders-failover',
    HOLDFAST_TOPIC_ARN: 'arn:aws:sns:us-east-1:111111111111:holdfast-orders-notify',
    HOLDFAST_SERVICE_URL: 'https://x.execute-api.us-east-1.amazonaws.com',
    HOLDFAST_SERVICE_TARGET: 'd-1.execute-api.us-east-1.amazonaws.com',
    ...environment,
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  vi.resetModules();
  return { module: await load(), asked: fake.asked, url: fake.url };
}

/** Only `Date` is taken over: sockets and time-outs run as ever. */
export function setNow(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: ms });
}
