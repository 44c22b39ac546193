import { firstSeen } from './first-seen.ts';

export const newRegion = firstSeen({
  id: 'new-region',
  aspect: 'region',
  finds: 'a known identity in a Region where it has never been',
  logic: 'the baseline has the principal, and no entry of it has the Region',
  technique: 'T1535',
  falsePositives: 'a move to another Region; a replica that is read for the first time',
  what: ({ region }) => region,
  title: (identity, what) => `${identity} came to a new Region: ${what.few()}`,
  fix: 'deny the Regions that are not used (aws:RequestedRegion in a service control policy); where it is expected, `jamf-mcp audit baseline allow` it with a reason',
});
