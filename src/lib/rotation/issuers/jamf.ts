/**
 * Jamf Pro as an issuer, with one API integration: minting a client secret kills the one before at once, while tokens
 * already issued live on (facts/rotation.md §2a).
 */
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { jamfClient, whoAmI, type JamfClient, type JamfCredentials } from '../../jamf/client.ts';
import {
  findIntegration,
  MINT_PRIVILEGE,
  mintClientCredentials,
  type ApiIntegration,
} from '../../jamf/integrations.ts';
import { Secret } from '../../redact.ts';
import type { Fields } from '../../secrets/store.ts';
import type { Issuer } from '../issuer.ts';

/** A client of its own that mints, so that a rotation can be taken up again even when the rotated pair is dead. */
export interface Rotator {
  clientId: string;
  clientSecret: Secret;
}

/** What a pair may do. */
interface Standing {
  /** Ids of its roles, as a token's scope tells them. */
  scope: string;
  privileges: readonly string[];
}

/**
 * The issuer of JAMF_CLIENT_ID and JAMF_CLIENT_SECRET.
 * @param rotator - the client that mints; null: the rotated client mints for itself
 */
export function jamfIssuer(rotator: Rotator | null, context: Context): Issuer {
  let minter: { client: JamfClient; integration: ApiIntegration } | null = null;
  let before: Standing | null = null;

  return {
    name: 'jamf',
    title: 'Jamf',
    replaces: ['JAMF_CLIENT_SECRET'],
    recovery: `${REPAIR}; or repeat the command with ${ROTATOR}`,

    async prove(current) {
      const pair = pairOf(current);
      const client = jamfClient(rotator ? { url: pair.url, ...rotator } : pair, context);
      const standing = await standingOf(client).catch((error: unknown) => {
        throw withRepair(error, rotator !== null);
      });
      before = rotator ? await standingIfAccepted(pair, context) : standing;
      requireMintPrivilege(standing, rotator?.clientId ?? pair.clientId, context);
      const integration = await findIntegration(client, pair.clientId);
      requireMintable(integration);
      minter = { client, integration };
      const { displayName, id, accessTokenLifetimeSeconds: seconds } = integration;
      const window = seconds === undefined ? '' : `; tokens in use live on for up to ${String(seconds)} s`;
      return {
        text: `API client “${displayName}” (id ${String(id)}) is enabled, its secret can be minted${window}`,
        strategy: 'single',
        keep: new Map(),
      };
    },

    async mint() {
      if (!minter)
        throw new JamfMcpError('BUG', 'a client secret was to be minted before it was proved that it can be');
      const { clientId, clientSecret } = await mintClientCredentials(minter.client, minter.integration.id);
      return new Map([
        ['JAMF_CLIENT_ID', new Secret(clientId, { public: true })],
        ['JAMF_CLIENT_SECRET', clientSecret],
      ]);
    },

    async test(fields) {
      const client = jamfClient(pairOf(fields), context);
      const { scope } = await client.authenticate();
      // A token's scope is the ids of its roles, and Jamf looks up privileges by role: the same roles, the same rights.
      if (before && scope !== '' && scope === before.scope) return 'accepted, with the same roles as before';
      const { privileges } = await whoAmI(client);
      const lost = before ? before.privileges.filter((privilege) => !privileges.includes(privilege)) : [];
      if (lost.length > 0) {
        throw new JamfMcpError(
          'CONFLICT',
          `the new client secret may do less than the one before: it lacks ${lost.join(', ')}`,
          'the roles of the API client were changed in Jamf, which takes effect with a new secret: put them right there',
        );
      }
      return `accepted, with ${String(privileges.length)} privileges`;
    },

    async accepts(fields) {
      try {
        await jamfClient(pairOf(fields), context).authenticate();
        return true;
      } catch (error) {
        if (error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED') return false;
        throw error;
      }
    },
  };
}

/** What brings a lost value back: nobody can read one from Jamf, only make another. */
const REPAIR =
  'make a new client secret in Jamf and store it with `jamf-mcp secrets init --update --from-file -` (a line JAMF_CLIENT_SECRET=…)';
const ROTATOR = 'JAMF_MCP_ROTATOR_CLIENT_ID and _SECRET set to another API client that may mint';

/** A refused client, with the way out of it; any other error as it is. */
function withRepair(error: unknown, rotator: boolean): unknown {
  if (!(error instanceof JamfMcpError) || error.code !== 'CREDENTIALS_REFUSED') return error;
  const hint = rotator
    ? 'check JAMF_MCP_ROTATOR_CLIENT_ID and _SECRET, and that this client is enabled in Jamf under Settings > API roles and clients'
    : `${REPAIR}; or repeat the command with ${ROTATOR}`;
  return new JamfMcpError(error.code, `${error.message}; nothing was changed`, hint, { cause: error });
}

function pairOf(fields: Fields): JamfCredentials {
  const value = (name: string): Secret => {
    const found = fields.get(name);
    if (found) return found;
    throw new JamfMcpError(
      'SECRET_MALFORMED',
      `the secret has no field ${name}, so Jamf cannot be reached with it`,
      'complete it with `jamf-mcp secrets init --update`',
    );
  };
  return {
    url: value('JAMF_URL').reveal(),
    clientId: value('JAMF_CLIENT_ID').reveal(),
    clientSecret: value('JAMF_CLIENT_SECRET'),
  };
}

async function standingOf(client: JamfClient): Promise<Standing> {
  const { scope } = await client.authenticate();
  const { privileges } = await whoAmI(client);
  return { scope, privileges };
}

async function standingIfAccepted(pair: JamfCredentials, context: Context): Promise<Standing | null> {
  try {
    return await standingOf(jamfClient(pair, context));
  } catch (error) {
    if (!(error instanceof JamfMcpError) || error.code !== 'CREDENTIALS_REFUSED') throw error;
    const text =
      'Jamf refuses the pair in use, so what it could do cannot be compared; going on with the rotator client';
    context.host.notify({ kind: 'warning', text });
    return null;
  }
}

function requireMintPrivilege({ privileges }: Standing, clientId: string, context: Context): void {
  if (privileges.includes(MINT_PRIVILEGE)) return;
  if (privileges.length === 0) {
    context.host.notify({
      kind: 'warning',
      text: `Jamf names no privileges of ${clientId}: whether it may mint shows when it does`,
    });
    return;
  }
  throw new JamfMcpError(
    'ACCESS_DENIED',
    `the API client ${clientId} lacks the privilege “${MINT_PRIVILEGE}”, which minting a client secret needs; nothing was changed`,
    'add it to a role of the client in Jamf, or set JAMF_MCP_ROTATOR_CLIENT_ID and _SECRET to a client that has it',
  );
}

function requireMintable({ displayName, enabled, appType, id }: ApiIntegration): void {
  const about = `the API client “${displayName}” (id ${String(id)})`;
  if (!enabled) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${about} is disabled in Jamf; nothing was changed`,
      'enable it under Settings > API roles and clients',
    );
  }
  if (appType !== 'CLIENT_CREDENTIALS') {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${about} has no client secret that could be rotated: its type is ${appType}; nothing was changed`,
      'create an API client with a client secret under Settings > API roles and clients',
    );
  }
}
