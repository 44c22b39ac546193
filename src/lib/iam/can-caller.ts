/** Who asks, told from what people type. */
import { JamfMcpError } from '../errors.ts';
import type { Caller } from './evaluate.ts';

/** Who asks, and what kind of principal it is. */
export interface Asker {
  caller: Caller;
  kind: 'role' | 'user' | 'service' | 'federated';
  /** Of a role or a user, without its path. */
  name: string;
}

const ARN = /^arn:([^:]+):(iam|sts):[^:]*:(\d{12}):(.+)$/s;

/**
 * Tell a principal from an ARN (of a role, a user, a role's session or an identity provider), the name of a service, or
 * the name of a role.
 * @param account - of a role that is named without an ARN, and of the resources where a service asks
 * @throws JamfMcpError INPUT_INVALID where it is none of these
 */
export function askerOf(text: string, account: string, partition = 'aws'): Asker {
  const arn = ARN.exec(text);
  if (arn === null) {
    if (/^[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com)$/.test(text)) {
      return { caller: { arn: text, account, service: text }, kind: 'service', name: text };
    }
    if (!/^[\w+=,.@-]{1,64}$/.test(text)) throw refused(text);
    return { caller: { arn: `arn:${partition}:iam::${account}:role/${text}`, account }, kind: 'role', name: text };
  }
  const [, inPartition = '', , of = '', rest = ''] = arn;
  const [kind = '', ...path] = rest.split('/');
  const name = path.at(-1) ?? '';
  if (kind === 'assumed-role' && path.length === 2) {
    const [role = ''] = path;
    const roleArn = `arn:${inPartition}:iam::${of}:role/${role}`;
    return { caller: { arn: roleArn, account: of, sessionArn: text }, kind: 'role', name: role };
  }
  if ((kind === 'role' || kind === 'user') && name !== '') return { caller: { arn: text, account: of }, kind, name };
  if (kind === 'oidc-provider' || kind === 'saml-provider') {
    return { caller: { arn: text, account: of, federated: text }, kind: 'federated', name };
  }
  throw refused(text);
}

function refused(text: string): JamfMcpError {
  return new JamfMcpError(
    'INPUT_INVALID',
    `"${text}" is no role, user, session or service${/:root$|^\d{12}$/.test(text) ? ': no identity policy limits the root user of an account' : ''}`,
    'name a role, an ARN of a role, user or session, or a service such as ecs-tasks.amazonaws.com',
  );
}
