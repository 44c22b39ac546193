/** What the parts of a schedule are called: all follow from the Region and the name of the secret. */
import { createHash } from 'node:crypto';

/** Names of everything that a schedule consists of. */
export interface Names {
  /** Function, role, rule. */
  function: string;
  role: string;
  rule: string;
  queue: string;
  logGroup: string;
  /** Name of the role's one inline policy. */
  policy: string;
  /** Ids of the statements in the function's policy, and of the rule's target. */
  statements: { secretsManager: string; events: string };
  target: string;
}

/** Most characters of a name that Lambda, IAM and EventBridge all take. */
const LONGEST = 64;

const PREFIX = 'jamf-mcp-rotation-';

/**
 * The names for one secret. IAM knows no Regions, and two names may differ in what Lambda does not take: a digest of both
 * keeps them apart.
 */
export function namesFor(region: string, secret: string): Names {
  const digest = createHash('sha256').update(`${region}/${secret}`).digest('hex').slice(0, 6);
  const readable = secret.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '');
  const name = `${PREFIX}${readable.slice(0, LONGEST - PREFIX.length - digest.length - 1)}-${digest}`;
  return {
    function: name,
    role: name,
    rule: name,
    queue: `${name}-failed`,
    logGroup: `/aws/lambda/${name}`,
    policy: 'rotate',
    statements: { secretsManager: 'secrets-manager', events: 'events' },
    target: 'function',
  };
}

/** Tags of everything that a schedule consists of. */
export const tagsFor = (secret: string, environment: string): Record<string, string> => ({
  'managed-by': 'jamf-mcp',
  environment,
  secret,
});
