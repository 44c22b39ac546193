/** Who may call the sandbox: access keys, the principals behind them, and what they are denied. */
import { allows, type PolicyRequest } from './policy.ts';
import { ACCOUNT, AwsFault, type AwsCall, type Principal, type SandboxClock } from './service.ts';

/** A set of credentials as a client holds it. Every value is invented and says so. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Temporary credentials (`ASIA…`) only. */
  sessionToken?: string;
}

/** The operator: a session of an SSO permission set, allowed everything. */
export const OPERATOR: Credentials = {
  accessKeyId: 'ASIAOPERATOR0EXAMPLE',
  secretAccessKey: 'sandbox-operator-secret-key-EXAMPLE',
  sessionToken: 'sandbox-operator-session-token-EXAMPLE',
};

/** An IAM user with a long-term key that may touch secrets below `legacy/` only. */
export const LEGACY_CI: Credentials = {
  accessKeyId: 'AKIALEGACYCI0EXAMPLE',
  secretAccessKey: 'sandbox-legacy-ci-secret-key-EXAMPLE',
};

/** A session of the role `reader`, whose policy denies all of Secrets Manager. */
export const READER: Credentials = {
  accessKeyId: 'ASIAREADER000EXAMPLE',
  secretAccessKey: 'sandbox-reader-secret-key-EXAMPLE',
  sessionToken: 'sandbox-reader-session-token-EXAMPLE',
};

/** The access keys that the sandbox knows. */
export interface Principals {
  /**
   * Who signs with an access key.
   * @param sessionToken - what the request carries; a temporary key without its token is refused, as AWS does
   * @returns the principal, or null where AWS would not recognise the credentials
   */
  find(accessKeyId: string, sessionToken: string | undefined): Principal | null;
  /** Remember new credentials, such as AssumeRole gives out. */
  add(credentials: Credentials, principal: Principal): void;
}

/**
 * A session of a role of this account.
 * @param role - role name, its path and unique id (`AROA…`)
 * @param session - session name: a task id for ECS, a person's for SSO
 * @param accessKeyId - `ASIA…`
 * @param started - when the session began, milliseconds since 1970
 */
export function roleSession(
  role: { name: string; path?: string; id: string },
  session: string,
  accessKeyId: string,
  started: number,
): Principal {
  return {
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role.name}/${session}`,
    type: 'AssumedRole',
    principalId: `${role.id}:${session}`,
    accessKeyId,
    userName: role.name,
    ...(role.path === undefined ? {} : { rolePath: role.path }),
    sessionStarted: started,
  };
}

/** The IAM user `legacy-ci`. */
export const LEGACY_CI_PRINCIPAL: Principal = {
  arn: `arn:aws:iam::${ACCOUNT}:user/legacy-ci`,
  type: 'IAMUser',
  principalId: 'AIDALEGACYCI0EXAMPLE0',
  accessKeyId: LEGACY_CI.accessKeyId,
  userName: 'legacy-ci',
};

/** The role behind {@link OPERATOR}, as IAM Identity Center names it. */
export const OPERATOR_ROLE = {
  name: 'AWSReservedSSO_Operator_0123456789abcdef',
  path: '/aws-reserved/sso.amazonaws.com/',
  id: 'AROAOPERATOR0EXAMPLE0',
};

const READER_ROLE = { name: 'reader', id: 'AROAREADER000EXAMPLE0' };

/** How long before the start of the sandbox the operator signed in. */
const SIGNED_IN_BEFORE_MS = 5 * 60_000;

/**
 * The known principals at the start.
 * @param clock - says when the sessions began
 */
export function createPrincipals(clock: SandboxClock): Principals {
  const started = clock.now() - SIGNED_IN_BEFORE_MS;
  const known = new Map<string, { credentials: Credentials; principal: Principal }>();
  const add = (credentials: Credentials, principal: Principal) => {
    known.set(credentials.accessKeyId, { credentials, principal });
  };
  add(OPERATOR, roleSession(OPERATOR_ROLE, 'operator', OPERATOR.accessKeyId, started));
  add(READER, roleSession(READER_ROLE, 'reader-session', READER.accessKeyId, started));
  add(LEGACY_CI, LEGACY_CI_PRINCIPAL);
  return {
    add,
    find(accessKeyId, sessionToken) {
      const entry = known.get(accessKeyId);
      return entry?.credentials.sessionToken === sessionToken ? (entry?.principal ?? null) : null;
    },
  };
}

/** What is denied, to whom, and why in the words of AWS. Whoever is not listed, and in no role made here, may do everything. */
const DENIALS: readonly { userName: string; action: RegExp; except?: RegExp; reason: string }[] = [
  { userName: 'reader', action: /^secretsmanager:/, reason: 'with an explicit deny in an identity-based policy' },
  {
    userName: 'legacy-ci',
    action: /^secretsmanager:/,
    except: /^(arn:aws:secretsmanager:[^:]+:\d+:secret:)?legacy\//,
    reason: 'because no identity-based policy allows the secretsmanager:ACTION action',
  },
];

/** A role whose policies are kept to: one that was made in the sandbox. */
export interface KeptRole {
  name: string;
  /** Policy documents by name. */
  inline: Readonly<Record<string, unknown>>;
  /** Whether its policies decide; a role that the sandbox begins with may do everything that is not denied above, until its policies are changed. */
  enforced?: boolean;
  /** All its policies, those that are attached among them; its inline ones where absent. */
  policies?: () => readonly unknown[];
}

/**
 * Refuse a call that the principal's policies do not allow.
 * @param resource - ARN, or the id as the caller typed it where nothing has that id
 * @param roles - the roles there are
 * @param needs - what the call needs beside its own action
 * @throws AwsFault AccessDeniedException, worded as in the IAM user guide ("Troubleshoot access denied error messages")
 */
export function authorise(
  call: AwsCall,
  resource: string,
  roles: readonly KeptRole[] = [],
  needs: readonly PolicyRequest[] = [],
): void {
  const action = `${call.service}:${call.operation}`;
  const role = roles.find(({ name }) => call.principal.type === 'AssumedRole' && name === call.principal.userName);
  const refuse = (reason: string) =>
    new AwsFault(
      'AccessDeniedException',
      `User: ${call.principal.arn} is not authorized to perform: ${action} on resource: ${resource} ${reason}`,
    );
  if (role?.enforced) {
    const policies = role.policies?.() ?? Object.values(role.inline);
    if (!allows(policies, { action, resource })) {
      throw refuse(`because no identity-based policy allows the ${action} action`);
    }
    if (needs.every((need) => allows(policies, need))) return;
    throw new AwsFault('AccessDeniedException', 'Access to KMS is not allowed');
  }
  const denial = DENIALS.find(
    (rule) => rule.userName === call.principal.userName && rule.action.test(action) && !rule.except?.test(resource),
  );
  if (denial) throw refuse(denial.reason.replace('ACTION', call.operation));
}
