import { networkOf } from '../family.ts';
import { firstSeen } from './first-seen.ts';

export const newNetwork = firstSeen({
  id: 'new-network',
  aspect: 'network',
  finds: 'a known identity at an address or in a network where it has never been',
  logic:
    'the baseline has the principal, and none of its networks (an address, a CIDR, /24 and /48 where it was learnt) has the address. Calls that AWS makes on behalf of the caller are left out',
  technique: 'T1078.004',
  falsePositives: 'a person who travels; a provider that has changed its addresses',
  what: ({ sourceIp }) => networkOf(sourceIp),
  title: (identity, what) => `${identity} came from a new network: ${what.few()}`,
  fix: 'ask whoever it is; where nobody knows, take the key or session away and rotate; where it is expected, `jamf-mcp audit baseline allow` it with a reason',
});
