import { firstSeen } from './first-seen.ts';

export const newSecret = firstSeen({
  id: 'new-secret',
  aspect: 'secret',
  finds: 'a known identity at a secret that it has never been seen at',
  logic: 'the baseline has the principal, and no entry of it has the name of the secret',
  technique: 'T1555.006',
  falsePositives: 'a service that has got one more secret since the baseline was learnt',
  what: ({ secretName }) => secretName,
  title: (identity, what) => `${identity} was never seen at ${what.few()} before`,
  fix: 'where it needs the secret, `jamf-mcp audit baseline allow` it with a reason; where it does not, narrow its policy to the ARNs of its own secrets, and rotate what it has read',
});
