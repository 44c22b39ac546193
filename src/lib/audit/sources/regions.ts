/**
 * The Regions of AWS. A list, because asking needs a right that an audit does not otherwise need (ec2:DescribeRegions,
 * account:ListRegions): a Region that an account has not enabled refuses its credentials, and that is told.
 * https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
 */
import { JamfMcpError } from '../../errors.ts';

/** On in every account, by partition. */
const ENABLED: Readonly<Record<string, readonly string[]>> = {
  aws: [
    ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'ca-central-1', 'sa-east-1'],
    ...['eu-central-1', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-north-1'],
    ...['ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3', 'ap-south-1', 'ap-southeast-1', 'ap-southeast-2'],
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
};

/** On where somebody has enabled them. */
const OPT_IN: ReadonlySet<string> = new Set([
  ...['af-south-1', 'ap-east-1', 'ap-east-2', 'ap-south-2', 'ap-southeast-3', 'ap-southeast-4', 'ap-southeast-5'],
  ...['ap-southeast-6', 'ap-southeast-7', 'ca-west-1', 'eu-central-2', 'eu-south-1', 'eu-south-2', 'il-central-1'],
  ...['me-central-1', 'me-south-1', 'mx-central-1'],
]);

/** Whether a Region may be one that the account has not enabled. */
export const isOptIn = (region: string): boolean => OPT_IN.has(region);

const partitionOf = (region: string) =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';

/**
 * The Regions that were asked for, each once.
 * @param asked - as typed: names, or `all`; empty for `home` alone
 * @param home - Region of the credentials, or of the secret
 * @throws JamfMcpError INPUT_INVALID for what is no name of a Region
 */
export function regionsOf(asked: readonly string[], home: string): string[] {
  const regions = asked.flatMap((name) => {
    if (name === 'all') {
      const partition = partitionOf(home);
      return [home, ...(ENABLED[partition] ?? []), ...(partition === 'aws' ? OPT_IN : [])];
    }
    if (/^[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$/.test(name)) return [name];
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${name || 'an empty text'} is not the name of a Region`,
      'pass --region us-east-1, several times for several, or --region all',
    );
  });
  return regions.length === 0 ? [home] : [...new Set(regions)];
}
