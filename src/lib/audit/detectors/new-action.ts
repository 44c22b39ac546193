import { firstSeen } from './first-seen.ts';

export const newAction = firstSeen({
  id: 'new-action',
  aspect: 'action',
  finds: 'a known identity that does what it has never done',
  logic: 'the baseline has the principal, and no entry of it has the action',
  technique: 'T1078.004',
  falsePositives: 'a new version of a program; work done by hand for once',
  what: ({ action }) => action,
  title: (identity, what) => `${identity} has never called ${what.few()} before`,
  fix: 'where it needs the action, `jamf-mcp audit baseline allow` it with a reason; where it does not, take the action out of its policy',
});
