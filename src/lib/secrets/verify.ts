/** Proof that credentials work, before anybody relies on them. */
import type { Context } from '../host.ts';
import { Secret } from '../redact.ts';

/** Who the Jamf client turned out to be. */
export interface JamfProof {
  url: string;
  /** Account name as Jamf gives it, null where it gives none. */
  account: string | null;
  privileges: readonly string[];
}

/**
 * Obtain a token from Jamf with the pair, and ask who it belongs to.
 * @param values - fields of the `jamf` schema, in their normal form
 * @throws JamfMcpError CREDENTIALS_REFUSED, UNREACHABLE, TIMED_OUT, INPUT_INVALID (no Jamf Pro server at JAMF_URL) …
 */
export async function verifyJamf(values: Readonly<Record<string, string>>, context: Context): Promise<JamfProof> {
  const { jamfClient, whoAmI } = await import('../jamf/client.ts');
  const { JAMF_URL: url = '', JAMF_CLIENT_ID: clientId = '', JAMF_CLIENT_SECRET: clientSecret = '' } = values;
  const client = jamfClient({ url, clientId, clientSecret: new Secret(clientSecret) }, context);
  await client.authenticate();
  return { url, ...(await whoAmI(client)) };
}
