// Why: a region that does not exist is only noticed by AWS after the other regions were deployed; here it is noticed while one types it.
import * as z from 'zod';

/** The regions of AWS, by partition (docs.aws.amazon.com/global-infrastructure/latest/regions). One opened since: add it here. */
const REGIONS_BY_PARTITION: Readonly<Record<string, readonly string[]>> = {
  aws: [
    'af-south-1',
    'ap-east-1',
    'ap-east-2',
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-northeast-3',
    'ap-south-1',
    'ap-south-2',
    'ap-southeast-1',
    'ap-southeast-2',
    'ap-southeast-3',
    'ap-southeast-4',
    'ap-southeast-5',
    'ap-southeast-6',
    'ap-southeast-7',
    'ca-central-1',
    'ca-west-1',
    'eu-central-1',
    'eu-central-2',
    'eu-north-1',
    'eu-south-1',
    'eu-south-2',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'il-central-1',
    'me-central-1',
    'me-south-1',
    'mx-central-1',
    'sa-east-1',
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
};

/**
 * The regions that lie in member states of the European Union (the same page says where each is): eu-west-2 is in London and eu-central-2
 * in Zurich, which are not.
 */
const REGIONS_IN_THE_EU: readonly string[] = ['eu-central-1', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-1', 'eu-west-3'];

/** The regions that a group may use. */
export function residencyOf(residency: 'EU' | readonly string[]): readonly string[] {
  return residency === 'EU' ? REGIONS_IN_THE_EU : residency;
}

/** The partition of a region; `unknown` where AWS has no such region that we know of. */
export function partitionOf(region: string): string {
  for (const [partition, regions] of Object.entries(REGIONS_BY_PARTITION)) if (regions.includes(region)) return partition;
  return 'unknown';
}

export const regionSchema = z.string({ error: 'must be the name of an AWS region, like us-east-1' }).superRefine((region, context) => {
  if (partitionOf(region) !== 'unknown') return;
  const near = nearest(region);
  context.addIssue({
    code: 'custom',
    message: `'${region}' is not an AWS region that Holdfast knows; did you mean '${near}'? (a region opened since this release is added in src/config/aws-regions.ts)`,
  });
});

function nearest(region: string): string {
  const all = Object.values(REGIONS_BY_PARTITION).flat();
  return all.reduce((best, candidate) => (commonLetters(candidate, region) > commonLetters(best, region) ? candidate : best), 'us-east-1');
}

function commonLetters(a: string, b: string): number {
  let prefix = 0;
  while (prefix < a.length && a[prefix] === b[prefix]) prefix += 1;
  let suffix = 0;
  while (suffix < a.length - prefix && suffix < b.length - prefix && a[a.length - 1 - suffix] === b[b.length - 1 - suffix]) suffix += 1;
  return prefix + suffix;
}

/** `us-east-1` → `UsEast1`, for names that may be letters and digits only. */
export function regionIdPart(region: string): string {
  return region
    .split('-')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
}
