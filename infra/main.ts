// Why: the app that `cdk synth` and `cdk deploy` run: one stack for each region of holdfast.config.ts, and one for the DNS records.
//
// Assets go to a bucket of their own, with the caller's own rights, so that nothing has to be bootstrapped: scripts/deploy.ts makes the bucket
// where there is none. In an account that is bootstrapped, `new DefaultStackSynthesizer()` in its place uses the roles and the bucket of
// `cdk bootstrap`, and plain `cdk deploy` does the rest.
import { pathToFileURL } from 'node:url';
import { App, CliCredentialsStackSynthesizer, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { config as sample } from '../holdfast.config.ts';
import { OrdersStack } from '../examples/orders/orders-stack.ts';
import { type HoldfastConfig, describeBudget } from '../src/config/holdfast-config.ts';
import { RecordsStack } from './stacks/records-stack.ts';

export function regionStackName(config: HoldfastConfig, region: string): string {
  return `Holdfast-${config.group}-${region}`;
}

export function recordsStackName(config: HoldfastConfig): string {
  return `Holdfast-${config.group}-records`;
}

/** Where `cdk deploy` puts the functions' code; the placeholders are the account and region deployed to. */
export const ASSET_BUCKET = 'holdfast-assets-${AWS::AccountId}-${AWS::Region}';

/** An app whose stacks deploy with the caller's own rights. `context` is for tests and other builds of the functions. */
export function newApp(context: Readonly<Record<string, unknown>> = {}): App {
  // @ts-expect-error the CDK's class says `string | undefined` where its own interface says optional, which exactOptionalPropertyTypes tells apart
  return new App({ context: { ...context }, defaultStackSynthesizer: new CliCredentialsStackSynthesizer({ fileAssetsBucketName: ASSET_BUCKET }) });
}

/** Adds every stack of a configuration. Region stacks name no account and no region: where they go is said at the deployment. */
export function addStacks(app: App, config: HoldfastConfig): { readonly regions: ReadonlyMap<string, OrdersStack>; readonly records: RecordsStack } {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const regions = new Map(config.regions.map(({ region }) => [region, new OrdersStack(app, regionStackName(config, region), { config, region })]));
  return { regions, records: new RecordsStack(app, recordsStackName(config), { config }) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const line of describeBudget(sample)) process.stderr.write(`${line}\n`);
  const app = newApp();
  addStacks(app, sample);
  app.synth();
}
