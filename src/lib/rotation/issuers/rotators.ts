/** Clients of their own that make new credentials, so that a rotation goes on even where the rotated pair is dead. */
import { JamfMcpError } from '../../errors.ts';
import { Secret } from '../../redact.ts';

/** A client that may make new secrets of other clients. */
export interface Rotator {
  clientId: string;
  clientSecret: Secret;
}

/** The rotator of each issuer that can have one; null: the rotated client makes its own new secret. */
export interface Rotators {
  jamf: Rotator | null;
  auth0: Rotator | null;
}

/** No rotator at all. */
export const NO_ROTATORS: Rotators = { jamf: null, auth0: null };

/** Names of the two variables, without `_CLIENT_ID` and `_CLIENT_SECRET`. */
const PREFIXES = { jamf: 'JAMF_MCP_ROTATOR', auth0: 'JAMF_MCP_AUTH0_ROTATOR' } as const;

/** What sets the rotator of an issuer, for hints. */
export const rotatorVariables = (issuer: keyof Rotators): string => `${PREFIXES[issuer]}_CLIENT_ID and _CLIENT_SECRET`;

/**
 * The rotators that the environment holds.
 * @param environment - some of the process environment; an empty value counts as none
 * @throws JamfMcpError INPUT_MISSING where one of a pair is missing
 */
export function rotatorsFrom(environment: Readonly<Record<string, string | undefined>>): Rotators {
  const read = (issuer: keyof Rotators): Rotator | null => {
    const [idName, secretName] = [`${PREFIXES[issuer]}_CLIENT_ID`, `${PREFIXES[issuer]}_CLIENT_SECRET`];
    const [clientId, clientSecret] = [environment[idName], environment[secretName]];
    if (!clientId && !clientSecret) return null;
    if (clientId && clientSecret) return { clientId, clientSecret: new Secret(clientSecret) };
    throw new JamfMcpError(
      'INPUT_MISSING',
      `the rotator client is given by half: ${clientId ? secretName : idName} is not set`,
      'set both, or none',
    );
  };
  return { jamf: read('jamf'), auth0: read('auth0') };
}
