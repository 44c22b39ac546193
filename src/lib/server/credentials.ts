/** Where the server's Jamf credentials come from, and how a rotated pair is noticed without a restart. */
import { JamfMcpError } from '../errors.ts';
import { baseUrl } from '../jamf/answers.ts';
import type { JamfCredentials } from '../jamf/client.ts';
import { Secret } from '../redact.ts';
import { AWSCURRENT, AWSPENDING, type SecretStore, type SecretVersion } from '../secrets/store.ts';

/** The three fields that make a Jamf API client; their names in the environment are the same. */
export const JAMF_FIELDS = ['JAMF_URL', 'JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'] as const;

/** Some of the process environment: name to value. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The pair that the environment holds.
 * @param environment - at least {@link JAMF_FIELDS}; an empty value counts as none
 * @returns the credentials where all three are there; else null, and which of them are there all the same
 * @throws JamfMcpError INPUT_INVALID for a JAMF_URL that cannot be one
 */
export function credentialsFromEnvironment(environment: Environment): {
  credentials: JamfCredentials | null;
  found: string[];
} {
  const found = JAMF_FIELDS.filter((name) => environment[name]);
  const { JAMF_URL: url, JAMF_CLIENT_ID: clientId, JAMF_CLIENT_SECRET: clientSecret } = environment;
  if (url) checkUrl(url);
  const complete = url && clientId && clientSecret;
  return { credentials: complete ? { url, clientId, clientSecret: new Secret(clientSecret) } : null, found };
}

function checkUrl(url: string): void {
  try {
    baseUrl(url);
  } catch (error) {
    if (!(error instanceof JamfMcpError)) throw error;
    throw new JamfMcpError(error.code, `JAMF_URL in the environment: ${error.message}`, error.hint, { cause: error });
  }
}

/**
 * Read the pair from the store, by staging label.
 *
 * The Jamf client asks once at first, and again only when Jamf refuses what it was given. Jamf kills the old client
 * secret the moment a rotation mints the new one, while AWSCURRENT moves only after the new one was tested: in between,
 * the pair that works is the one labelled AWSPENDING. So whoever is asked again for a version that it has already given
 * offers the pending one.
 * @param store - opens the store
 * @param secret - name of the secret
 * @returns the function that `jamfClient` takes; it throws JamfMcpError as the store does, and SECRET_MALFORMED where
 *   the current version has no Jamf credentials
 */
export function credentialsFromStore(
  store: () => Promise<SecretStore>,
  secret: string,
): () => Promise<JamfCredentials> {
  let given: string | null = null;
  return async () => {
    const opened = await store();
    const current = await opened.read(secret, { stage: AWSCURRENT });
    const pending = current.versionId === given ? await readPending(opened, secret) : null;
    const pendingPair = pending === null ? null : pairOf(pending);
    if (pending !== null && pendingPair !== null) {
      given = pending.versionId;
      return pendingPair;
    }
    const pair = pairOf(current);
    if (pair === null) {
      throw new JamfMcpError(
        'SECRET_MALFORMED',
        `secret ${secret} lacks ${JAMF_FIELDS.filter((name) => !current.fields.has(name)).join(', ')}`,
        'add the fields with `jamf-mcp secrets init --update`',
      );
    }
    given = current.versionId;
    return pair;
  };
}

async function readPending(store: SecretStore, secret: string): Promise<SecretVersion | null> {
  try {
    return await store.read(secret, { stage: AWSPENDING });
  } catch (error) {
    if (error instanceof JamfMcpError && error.code === 'VERSION_NOT_FOUND') return null;
    throw error;
  }
}

function pairOf({ fields }: SecretVersion): JamfCredentials | null {
  const [url, clientId, clientSecret] = JAMF_FIELDS.map((name) => fields.get(name));
  return url && clientId && clientSecret ? { url: url.reveal(), clientId: clientId.reveal(), clientSecret } : null;
}
