// Why: a global table with multi-Region strong consistency exists in exactly three regions of one set, and AWS would refuse any others
// half-way through a deployment; here they are refused while one types them.

/** docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-dynamodb-globaltable-globaltablewitness.html; a region added since: add it here. */
const REGION_SETS: Readonly<Record<string, readonly string[]>> = {
  US: ['us-east-1', 'us-east-2', 'us-west-2'],
  EU: ['eu-central-1', 'eu-west-1', 'eu-west-2', 'eu-west-3'],
  AP: ['ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3'],
};

/** Why these regions cannot share one strongly consistent table; undefined where they can. */
export function refusalOfRegionSet(regions: readonly string[]): string | undefined {
  const sets = Object.entries(REGION_SETS);
  const listed = sets.map(([name, members]) => `${name}: ${members.join(', ')}`).join('; ');
  if (regions.length !== 3) return `needs exactly 3 regions, and ${regions.length} are listed; use 'tables' for any other odd number`;
  const outside = regions.filter((region) => !sets.some(([, members]) => members.includes(region)));
  if (outside.length > 0) return `cannot be in ${outside.join(', ')}: strongly consistent global tables exist in one of these sets of regions (${listed}); use three of one set, or 'tables'`;
  if (!sets.some(([, members]) => regions.every((region) => members.includes(region))))
    return `cannot span ${regions.join(', ')}: all three must be of one set of regions (${listed}); use three of one set, or 'tables'`;
  return undefined;
}
