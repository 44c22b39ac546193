/** STS: who am I, and sessions of the account's roles. */
import { integer, requiredText } from './input.ts';
import { roleSession, type Principals } from './principals.ts';
import { ACCOUNT, AwsFault, type AwsService, type World } from './service.ts';

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * STS. AssumeRole trusts every caller of the account.
 * @param principals - where new sessions are remembered
 * @param roles - the roles there are
 */
export function createSts(
  world: World,
  principals: Principals,
  roles: readonly { name: string; path?: string; id: string }[],
): AwsService {
  return {
    handlers: {
      GetCallerIdentity: (_input, { principal }) => ({
        UserId: principal.principalId,
        Account: ACCOUNT,
        Arn: principal.arn,
      }),
      AssumeRole(input, call) {
        const arn = requiredText(input, 'RoleArn', { min: 20, max: 2048 });
        const session = requiredText(input, 'RoleSessionName', { min: 2, max: 64 });
        const duration = integer(input, 'DurationSeconds', { min: 900, max: 43_200 }) ?? 3600;
        const role = roles.find(({ name, path }) => arn === `arn:aws:iam::${ACCOUNT}:role${path ?? '/'}${name}`);
        if (!role) {
          throw new AwsFault(
            'AccessDenied',
            `User: ${call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
            403,
          );
        }
        const now = world.clock.now();
        const credentials = {
          accessKeyId: `ASIA${world.random.text(9, UPPER)}EXAMPLE`,
          secretAccessKey: `sandbox-${world.random.text(24)}-EXAMPLE`,
          sessionToken: `sandbox-${world.random.text(48)}-EXAMPLE`,
        };
        const principal = roleSession(role, session, credentials.accessKeyId, now);
        principals.add(credentials, principal);
        return {
          Credentials: {
            AccessKeyId: credentials.accessKeyId,
            SecretAccessKey: credentials.secretAccessKey,
            SessionToken: credentials.sessionToken,
            Expiration: new Date(now + duration * 1000),
          },
          AssumedRoleUser: { AssumedRoleId: principal.principalId, Arn: principal.arn },
        };
      },
    },
  };
}
