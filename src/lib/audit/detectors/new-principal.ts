import { firstSeen } from './first-seen.ts';

export const newPrincipal = firstSeen({
  id: 'new-principal',
  aspect: 'principal',
  finds: 'an identity that has never been seen before',
  logic: 'no entry of the baseline has the principal, by its own ARN or by that of its role',
  technique: 'T1078.004',
  falsePositives: 'a new colleague, pipeline or service since the baseline was learnt',
  what: () => null,
  title: (identity) => `${identity} was never seen before`,
  fix: 'where it is expected, `jamf-mcp audit baseline allow` it with a reason; where it is not, rotate (`jamf-mcp rotate --force-deploy`) and take its permission away',
});
