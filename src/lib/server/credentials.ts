/** Where the server's Jamf credentials come from, and how a rotated pair is found without a restart. */
import { JamfMcpError } from '../errors.ts';
import type { Clock } from '../host.ts';
import { baseUrl } from '../jamf/answers.ts';
import { fixedCredentials, type CredentialSource, type JamfCredentials } from '../jamf/client.ts';
import { Secret } from '../redact.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, type SecretStore, type SecretVersion } from '../secrets/store.ts';

/** The three fields that make a Jamf API client; their names in the environment are the same. */
export const JAMF_FIELDS = ['JAMF_URL', 'JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'] as const;

/** Some of the process environment: name to value. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The pair that the environment holds. A process does not see its environment change: a rotated pair needs a restart.
 * @param environment - at least {@link JAMF_FIELDS}; an empty value counts as none
 * @returns the credentials where all three are there; else null, and which of them are there all the same
 * @throws JamfMcpError INPUT_INVALID for a JAMF_URL that cannot be one
 */
export function credentialsFromEnvironment(environment: Environment): {
  credentials: CredentialSource | null;
  found: string[];
} {
  const found = JAMF_FIELDS.filter((name) => environment[name]);
  const { JAMF_URL: url, JAMF_CLIENT_ID: clientId, JAMF_CLIENT_SECRET: clientSecret } = environment;
  if (url) checkUrl(url);
  if (!url || !clientId || !clientSecret) return { credentials: null, found };
  const remedy = `they came with the environment: restart the server with the new ones if they were rotated, or without ${JAMF_FIELDS.join(', ')}, so that it reads the secret itself`;
  return { credentials: fixedCredentials({ url, clientId, clientSecret: new Secret(clientSecret) }, remedy), found };
}

function checkUrl(url: string): void {
  try {
    baseUrl(url);
  } catch (error) {
    if (!(error instanceof JamfMcpError)) throw error;
    throw new JamfMcpError(error.code, `JAMF_URL in the environment: ${error.message}`, error.hint, { cause: error });
  }
}

/** A version younger than this may not have come to every node of a Jamf cluster yet: they refresh every minute (facts/serve.md §5). */
const SETTLING_MS = 120_000;

/**
 * Read the pair from the store, by staging label.
 *
 * The pair in use is that of AWSCURRENT. With one integration, Jamf kills the old client secret the moment a rotation
 * mints the new one, while AWSCURRENT moves only after the new one was tested: in between, the pair that works is the
 * one labelled AWSPENDING; before it is stored there is none at all, and AWSPENDING, if anything, is on a claim with the
 * fields of AWSCURRENT. With two integrations, that of AWSPREVIOUS works until the next rotation, also on a node of Jamf
 * that does not know the newest pair yet.
 * @param store - opens the store
 * @param secret - name of the secret
 * @returns the source; it throws JamfMcpError as the store does, and SECRET_MALFORMED where the current version has no
 *   Jamf credentials
 */
export function credentialsFromStore(
  store: () => Promise<SecretStore>,
  secret: string,
  clock: Clock,
): CredentialSource {
  const isYoung = (version: SecretVersion | null) =>
    version !== null && version.createdAt !== null && clock.now() - Date.parse(version.createdAt) < SETTLING_MS;
  return {
    remedy:
      'if a rotation stopped half-way, finish it: see `jamf-mcp rotate status`; else store a pair that Jamf accepts with `jamf-mcp secrets init --update`',
    async current() {
      return requirePair(await (await store()).read(secret, { stage: AWSCURRENT }), secret);
    },
    async others() {
      const opened = await store();
      const [current, pending, previous] = await Promise.all([
        opened.read(secret, { stage: AWSCURRENT }),
        readLabelled(opened, secret, AWSPENDING),
        readLabelled(opened, secret, AWSPREVIOUS),
      ]);
      const settling = isYoung(pending) || (previous !== null && isYoung(current));
      // An older one is let go of: who replaced it long ago does not want it used.
      const versions = [current, pending, settling ? previous : null];
      return { pairs: versions.map((version) => version && pairOf(version)).filter((pair) => pair !== null), settling };
    },
  };
}

/** Why a version beside AWSCURRENT cannot be had: there is none, it is none, or a policy lets AWSCURRENT alone be read. */
const NOT_TO_BE_HAD: readonly string[] = ['VERSION_NOT_FOUND', 'SECRET_MALFORMED', 'ACCESS_DENIED'];

async function readLabelled(store: SecretStore, secret: string, stage: string): Promise<SecretVersion | null> {
  try {
    return await store.read(secret, { stage });
  } catch (error) {
    if (error instanceof JamfMcpError && NOT_TO_BE_HAD.includes(error.code)) return null;
    throw error;
  }
}

function requirePair(version: SecretVersion, secret: string): JamfCredentials {
  const pair = pairOf(version);
  if (pair) return pair;
  throw new JamfMcpError(
    'SECRET_MALFORMED',
    `secret ${secret} lacks ${JAMF_FIELDS.filter((name) => !version.fields.has(name)).join(', ')}`,
    'add the fields with `jamf-mcp secrets init --update`',
  );
}

function pairOf({ fields }: SecretVersion): JamfCredentials | null {
  const [url, clientId, clientSecret] = JAMF_FIELDS.map((name) => fields.get(name));
  return url && clientId && clientSecret ? { url: url.reveal(), clientId: clientId.reveal(), clientSecret } : null;
}
