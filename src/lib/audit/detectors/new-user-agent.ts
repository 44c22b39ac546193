import { agentFamily } from '../family.ts';
import { firstSeen } from './first-seen.ts';

export const newUserAgent = firstSeen({
  id: 'new-user-agent',
  aspect: 'userAgent',
  finds: 'a known identity with a program that it has never used',
  logic:
    'the baseline has the principal, and no entry of it has the family of the user agent (its first product, without the version). A user agent is written by the caller: a new one says something, an old one clears nothing',
  technique: 'T1078.004',
  falsePositives: 'another SDK or tool after an update',
  what: ({ userAgent }) => agentFamily(userAgent),
  title: (identity, what) => `${identity} has never used ${what.few()} before`,
  fix: 'find out what runs there; where it is expected, `jamf-mcp audit baseline allow` it with a reason',
});
